"""All checks of one step in order: first the readings, then the requested step."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from lace.core.embodiment import Embodiment
from lace.core.geometry import Array
from lace.core.kinematics import Kinematics
from real_bridge.arm import ArmState
from real_bridge.hand import HandState
from real_bridge.safety.decisions import Decisions, Tell
from real_bridge.safety.limits import SafetyLimits
from real_bridge.safety.motion import MotionFilter
from real_bridge.safety.space import SpaceCheck
from real_bridge.safety.watch import Sight, Watch

FLANGE_JOINT = -1
"""The last joint of the arm carries the flange."""


class Guard:
    """Checks for one robot in one cell. Decisions depend only on the inputs, so recorded runs can be replayed."""

    def __init__(self, embodiment: Embodiment, xml_path: Path, table_z: float, limits: SafetyLimits, tell: Tell):
        self.limits, self.decisions = limits, Decisions(tell)
        self._dof = dof = embodiment.arm_dof
        names, joints = embodiment.joint_names, embodiment.limits
        self._arm = MotionFilter(names[:dof], joints[:dof], limits, limits.velocity, self.decisions)
        # The hand's motors limit their own acceleration and current: only speed and position are ours to limit.
        free = replace(limits, acceleration=np.inf)
        self._hand = MotionFilter(names[dof:], joints[dof:], free, limits.hand_velocity, self.decisions)
        self._space = SpaceCheck(xml_path, embodiment, table_z, limits, self.decisions)
        self.watch = Watch(limits, self.decisions)
        self._kinematics = Kinematics(embodiment)
        flange = embodiment.joints[dof + FLANGE_JOINT].child
        self._flange = self._kinematics.link_index[flange]

    def begin(self, arm: Array, hand: Array) -> None:
        """Motion starts from rest at these positions [rad]."""
        self._arm.begin(arm)
        self._hand.begin(hand)

    def require_readings(self, arm: ArmState, hand: HandState, sight: Sight, now_s: float) -> None:
        """Raises SafetyStop unless all readings are recent, free of faults and consistent."""
        self.watch.require_arm(arm, now_s)
        self.watch.require_hand(hand, now_s)
        self.watch.require_image(sight, arm.positions, now_s)
        joints = np.concatenate([arm.positions, hand.positions])
        self.watch.require_agreement(arm, self._kinematics.link_poses(joints)[self._flange])

    def step(self, arm: Array, hand: Array, measured_arm: Array, measured_hand: Array) -> tuple[Array, Array]:
        """The permitted arm and hand targets [rad] for the requested ones; SafetyStop if there are none."""
        self._arm.require_followed(measured_arm)
        arm, hand = self._arm.step(arm), self._hand.step(hand)
        self._space.require(arm, measured_hand)
        return arm, hand

    def pace(self, arm: Array, hand: Array) -> float:
        """Share of full speed that may be used at a pose: see SpaceCheck."""
        return self._space.pace(arm, hand)
