"""From actions in [-1, 1] to joint targets: by joints, or by a twist of the palm."""

from typing import Protocol

import numpy as np

from lace.core.embodiment import Embodiment
from lace.core.geometry import Array, axis_angle
from lace.core.kinematics import Kinematics
from lace.core.registry import Registry
from sim_envs.bodies.robot.poses import arm_ik

ARM_SPEED, HAND_SPEED = 1.5, 3.0
"""Largest change of a joint target [rad/s]: GraspConfig.arm_speed; what closes a hand in half a second."""
PALM_SPEED, PALM_TURN = 0.3, 1.5
"""Largest twist of the palm [m/s, rad/s]: assumptions, slow enough for the arm's joints to follow."""
LOST_M = 0.02
"""A palm pose that inverse kinematics misses by more leaves the arm where it is."""


class Control(Protocol):
    """Turns actions into joint targets of all worlds."""

    size: int
    """Numbers of an action."""

    def targets(self, targets: Array, actions: Array) -> Array:
        """The next targets (n, joints) [rad] after `targets` under `actions` (n, size) in [-1, 1]; within limits."""
        ...


class JointControl:
    """Every joint's target changes by its part of the action."""

    def __init__(self, embodiment: Embodiment, period_s: float):
        self.size, self._limits = len(embodiment.joints), embodiment.limits
        speeds = np.full(self.size, HAND_SPEED)
        speeds[: embodiment.arm_dof] = ARM_SPEED
        self._most = speeds * period_s

    def targets(self, targets: Array, actions: Array) -> Array:
        """See Control."""
        return np.clip(targets + actions * self._most, *self._limits.T)


class PalmControl:
    """The first six numbers move and turn the palm in the base's axes, the others change the hand's joint targets."""

    def __init__(self, embodiment: Embodiment, period_s: float):
        self._dof, self._limits, self._period = embodiment.arm_dof, embodiment.limits, period_s
        self.size = 6 + len(embodiment.joints) - self._dof
        self._kinematics = Kinematics(embodiment)
        self._palm = self._kinematics.link_index[embodiment.palm_link]

    def targets(self, targets: Array, actions: Array) -> Array:
        """See Control."""
        goal = self._kinematics.link_poses(targets)[:, self._palm].copy()
        goal[:, :3, 3] += actions[:, :3] * PALM_SPEED * self._period
        for axis, angle in zip(np.eye(3), actions[:, 3:6].T * PALM_TURN * self._period, strict=True):
            goal[:, :3, :3] = axis_angle(axis, angle) @ goal[:, :3, :3]
        solved = arm_ik(self._kinematics, targets, self._palm, goal)
        missed = np.linalg.norm(self._kinematics.link_poses(solved)[:, self._palm, :3, 3] - goal[:, :3, 3], axis=1)
        following = np.where((missed < LOST_M)[:, None], solved, targets)
        following[:, self._dof :] += actions[:, 6:] * HAND_SPEED * self._period
        return np.clip(following, *self._limits.T)


CONTROLS: Registry[type] = Registry("kind of actions")
CONTROLS.add("joint", JointControl)
CONTROLS.add("end_effector", PalmControl)
