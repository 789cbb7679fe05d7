"""Checks that readings are recent and consistent: ages, the camera, poses, the hand. Pure numpy."""

from dataclasses import dataclass

import numpy as np

from lace.core.geometry import Array, invert
from real_bridge.arm import ArmState
from real_bridge.hand import HandState
from real_bridge.safety.decisions import Decisions
from real_bridge.safety.limits import SafetyLimits

EARLY_S = 0.005
"""A stamp may lie this far in the future: clocks of one machine differ by less."""
REACH_M = 0.8
"""No joint is farther from the flange [m]: the flange moves by less than this times the turn of the joints."""


@dataclass(frozen=True)
class Sight:
    """What the watch needs of the newest frame."""

    number: int
    stamp_s: float
    digest: int
    """Checksum of its image."""


class Watch:
    """Checks each reading before it is used."""

    def __init__(self, limits: SafetyLimits, decisions: Decisions):
        self._limits, self._decisions = limits, decisions
        self._digest: int | None = None
        self._since = np.zeros(0)
        """Where the arm was when the image last changed (joints,) [rad]."""
        self._away_s = np.inf
        """When the arm was first seen away from there [s]: an image taken later shows it."""

    def require_fresh(self, what: str, stamp_s: float, now_s: float, oldest_s: float) -> None:
        """The reading is young enough, and not of another clock."""
        age = now_s - stamp_s
        if not -EARLY_S <= age <= oldest_s:
            raise self._decisions.refuse(
                f"the age of the {what}",
                f"{age:.3f} s",
                f"0 to {oldest_s:g} s",
                f"check the {what}'s stream and its clock",
            )

    def require_image(self, sight: Sight, arm: Array, now_s: float) -> None:
        """The newest frame is fresh, and the camera sees that the arm moves."""
        self.require_fresh("image", sight.stamp_s, now_s, self._limits.image_age_s)
        if sight.digest != self._digest:
            self._digest, self._since, self._away_s = sight.digest, np.array(arm), np.inf
        moved = float(np.abs(arm - self._since).max())
        if moved > self._limits.frozen_rad:
            self._away_s = min(self._away_s, now_s)
        if sight.stamp_s > self._away_s:
            raise self._decisions.refuse(
                "the camera",
                f"the image has not changed while the arm moved by {moved:.2f} rad",
                "a camera that sees the arm move",
                "check that the camera is not frozen and looks at the arm",
            )

    def require_arm(self, state: ArmState, now_s: float) -> None:
        """The arm is fresh, ready and without fault."""
        self.require_fresh("arm state", state.stamp_s, now_s, self._limits.arm_age_s)
        if state.fault or not state.ready:
            raise self._decisions.refuse(
                "the arm",
                state.fault or "it is not ready to move: stopped, or disabled",
                "an arm that is ready",
                "look at the arm and its emergency stop",
            )

    def require_agreement(self, state: ArmState, T_base_flange: Array) -> None:
        """Our forward kinematics `T_base_flange` (4, 4) of the measured joints is where the controller says it is."""
        gap = invert(state.T_base_flange) @ T_base_flange
        far = float(np.linalg.norm(gap[:3, 3]))
        turned = float(np.arccos(np.clip((np.trace(gap[:3, :3]) - 1) / 2, -1, 1)))
        swept = float(np.abs(state.velocities).sum()) * state.span_s
        if not (far <= self._limits.agree_m + swept * REACH_M and turned <= self._limits.agree_rad + swept):
            raise self._decisions.refuse(
                "the flange's pose",
                f"{1000 * far:.1f} mm and {np.degrees(turned):.2f} degrees from our forward kinematics",
                f"{1000 * self._limits.agree_m:g} mm and {np.degrees(self._limits.agree_rad):.1f} degrees",
                "check the controller's tool offset (it must be zero) and that this is the right arm",
            )

    def require_hand(self, state: HandState, now_s: float) -> None:
        """The hand is fresh, without fault, cool, and keeps its current cap."""
        limits = self._limits
        self.require_fresh("hand state", state.stamp_s, now_s, limits.hand_age_s)
        if state.fault:
            raise self._decisions.refuse("the hand", state.fault, "motors without errors", "look at the hand")
        if state.temperatures_C.max() >= limits.hand_hot_C:
            raise self._decisions.refuse(
                "the hand's temperature",
                f"{state.temperatures_C.max():.0f} C",
                f"below {limits.hand_hot_C:g} C",
                "let it cool",
            )
        most = limits.hand_current_excess * limits.hand_current_A
        if np.abs(state.currents_A).max() > most:
            raise self._decisions.refuse(
                "the hand's current",
                f"{np.abs(state.currents_A).max():.2f} A",
                f"at most {most:.2f} A",
                "check the current cap and what the hand holds",
            )
