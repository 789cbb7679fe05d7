"""Planned motions of the controller's queue: each says where the arm shall be at a time after its start."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from lace.core.geometry import Array, minimum_jerk, transform
from real_bridge.emulator.arm.kinematics import ToolKinematics, rotation_vector

PEAK_SPEED, PEAK_ACCELERATION = 1.875, 5.78
"""Largest slope and curvature of a minimum-jerk profile over its mean."""
ROTATION_AS_M = 0.2
"""A turn by one radian counts as this much travel when the duration of a straight move is chosen [m]: an assumption."""


@dataclass(frozen=True)
class Ticket:
    """Whom to tell about a motion: the request that asked for it."""

    client: Any
    transaction: int
    protocol: int
    register: int
    feedback: int = 0
    """Bits of the events that the client wants: 1 start, 2 finish, 4 trigger."""
    number: int = 0
    """Counts motions."""


@dataclass(frozen=True)
class JointMove:
    """All joints together, minimum-jerk."""

    start: Array
    goal: Array
    duration_s: float

    def at(self, time_s: float, _near: Array) -> Array:
        """Joint angles (7,) at a time after the start."""
        return self.start + _share(time_s, self.duration_s) * (self.goal - self.start)


@dataclass(frozen=True)
class LineMove:
    """The tool along a straight line while it turns evenly."""

    start: Array
    goal: Array
    duration_s: float
    kinematics: ToolKinematics

    def at(self, time_s: float, near: Array) -> Array | None:
        """Joint angles near `near`, None where there are none."""
        share = _share(time_s, self.duration_s)
        turn = Rotation.from_rotvec(share * rotation_vector(self.goal[:3, :3] @ self.start[:3, :3].T))
        place = self.start[:3, 3] + share * (self.goal[:3, 3] - self.start[:3, 3])
        return self.kinematics.inverse(transform(turn.as_matrix() @ self.start[:3, :3], place), near)


@dataclass(frozen=True)
class Pause:
    """Stands still."""

    duration_s: float

    def at(self, _time_s: float, near: Array) -> Array:
        """Where it is."""
        return near


@dataclass(frozen=True)
class Request:
    """A motion that waits in the queue; it is planned when its turn comes."""

    ticket: Ticket
    joints: Array | None = None
    """Goal (7,) [rad], inf for joints that keep their angle; None for another kind of motion."""
    pose: Array | None = None
    """Goal (6,) [m, rad], inf for coordinates that stay."""
    relative: bool = False
    in_tool: bool = False
    """The pose is in the tool's frame."""
    as_vector: bool = False
    """The pose's last three numbers are a rotation vector, not roll, pitch and yaw."""
    speed: float = 0.0
    acceleration: float = 0.0
    pause_s: float = 0.0

    def numbered(self, number: int, feedback: int) -> "Request":
        """The same with its place in the count."""
        return replace(self, ticket=replace(self.ticket, number=number, feedback=feedback))


def duration(distance: float, speed: float, acceleration: float) -> float:
    """Time of a minimum-jerk move over `distance` that keeps to the limits [s]."""
    return max(PEAK_SPEED * distance / speed, float(np.sqrt(PEAK_ACCELERATION * distance / acceleration)))


def line_duration(start: Array, goal: Array, speed: float, acceleration: float) -> float:
    """`duration` of a straight move between poses (4, 4), turning included."""
    turn = float(np.linalg.norm(rotation_vector(goal[:3, :3] @ start[:3, :3].T)))
    distance = max(float(np.linalg.norm(goal[:3, 3] - start[:3, 3])), ROTATION_AS_M * turn)
    return duration(distance, speed, acceleration)


def _share(time_s: float, duration_s: float) -> float:
    return 1.0 if duration_s <= 0 else float(minimum_jerk(time_s / duration_s))
