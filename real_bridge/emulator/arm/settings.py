"""ControllerSettings of the controller that a client can change; metres and radians."""

from dataclasses import dataclass, field

import numpy as np

from lace.core.geometry import Array
from real_bridge.emulator.arm.kinematics import LIMITS


@dataclass
class ControllerSettings:
    """All of it, at the values after switching on (UFACTORY's defaults where the SDK shows them)."""

    tool_offset: Array = field(default_factory=lambda: np.zeros(6))
    """x, y, z [m], roll, pitch, yaw [rad] of the tool centre point on the flange."""
    load: list[float] = field(default_factory=lambda: [0.0] * 4)
    """Mass [kg] and centre of mass [mm], as on the wire; kept, not used."""
    gravity: list[float] = field(default_factory=lambda: [0.0, 0.0, -1.0])
    collision_sensitivity: int = 3
    """0 is off, 5 stops at the least force."""
    teach_sensitivity: int = 3
    rebound: bool = False
    self_collision: bool = False
    fence: bool = False
    reduced: bool = False
    boundary_mm: list[int] = field(default_factory=lambda: [0] * 6)
    """x max, x min, y max, y min, z max, z min; whole millimetres, as on the wire; all 0 is no boundary."""
    reduced_tool_speed: float = 1.0
    """[m/s]."""
    reduced_joint_speed: float = float(np.pi)
    """[rad/s]."""
    reduced_joint_range: Array = field(default_factory=LIMITS.copy)
    feedback: int = 0
    """Bits of the motion events that are pushed to the client."""
    outputs: dict[tuple[int, int], int] = field(default_factory=dict)
    """Values of the tool's inputs and outputs by (host, address)."""

    def outside(self, point: Array) -> bool:
        """Whether a point (3,) [m] is beyond the boundary, where one is set and watched."""
        if not (self.fence or self.reduced) or not any(self.boundary_mm):
            return False
        high, low = np.array(self.boundary_mm[::2]) / 1000, np.array(self.boundary_mm[1::2]) / 1000
        return bool((point > high).any() or (point < low).any())
