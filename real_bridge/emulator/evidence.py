"""State of the target after a motion, from the physics: the same evidence as in the simulated cell."""

from typing import Any

import numpy as np

from lace.core.geometry import Array, apply
from real_bridge.emulator.simulated_devices import SimulatedDevices
from sim_envs.physics.protocol import WorldState

HELD_M = 0.05
"""A target that has risen this far, touches the hand and not the table, is held [m]; as in the simulated cell."""
TOUCH_N = 5.0
"""Force on another object that counts as touching what it should not; as in the simulated cell."""


class Witness:
    """Watches one scene from its beginning. The target is its first object; without objects there is none."""

    def __init__(self, devices: SimulatedDevices):
        self.devices = devices
        things = devices.scene.objects
        self._touch_N = np.zeros(len(things))
        if things:
            points = np.concatenate(things[0].hulls)
            self._middle = (points.min(0) + points.max(0)) / 2
            self._radius = float(np.ptp(points, axis=0)[:2].max() / 2)
            self._start = self._target(things[0].T_world_object)

    def watch(self, state: WorldState) -> None:
        """Notes the contacts of a step."""
        self._touch_N = np.maximum(self._touch_N, state.robot_object_N)

    def evidence(self) -> dict[str, Any]:
        """Fields of policies.cell.Evidence, as JSON has them; `held` False alone where there is no target."""
        if not self.devices.scene.objects:
            return {"held": False}
        state = self.devices.state
        rise = float(self._target(state.T_world_object[0])[2] - self._start[2])
        in_hand = state.robot_object_N[0] > 0 and state.object_table_N[0] == 0
        return {
            "held": bool(in_hand and rise > HELD_M), "lifted_m": rise, "collision": self._collision(),
            "target_world": self._start.tolist(), "target_radius_m": self._radius,
        }  # fmt: skip

    def target_now(self) -> Array | None:
        """(3,) middle of the target [m]."""
        return self._target(self.devices.state.T_world_object[0]) if self.devices.scene.objects else None

    def _target(self, T_world_object: Array) -> Array:
        return apply(T_world_object, self._middle[None])[0]

    def _collision(self) -> str:
        others = self._touch_N[1:]
        if not len(others) or others.max() <= TOUCH_N:
            return ""
        worst = int(others.argmax())
        return f"{self.devices.scene.objects[1 + worst].name} with {others[worst]:.0f} N"
