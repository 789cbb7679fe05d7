"""Joint steps: finite, within limits of position, speed and acceleration, and near to where the arm is. Pure numpy."""

from collections.abc import Sequence

import numpy as np

from lace.core.geometry import Array
from real_bridge.safety.decisions import Decisions
from real_bridge.safety.limits import SafetyLimits

TINY = 1e-9


class MotionFilter:
    """Limits the requested steps of one joint group."""

    def __init__(
        self, names: Sequence[str], joint_limits: Array, limits: SafetyLimits, velocity: float, decisions: Decisions
    ):
        """Filters one group of joints; call `begin` before the first step.

        Args:
            names: Of the joints, for messages.
            joint_limits: (joints, 2) [rad].
            limits: All numbers.
            velocity: Largest speed of these joints [rad/s].
            decisions: Log of limits and refusals.
        """
        self._names, self._low, self._high = tuple(names), *np.asarray(joint_limits, float).T
        self._limits, self._velocity, self._decisions = limits, velocity, decisions
        self._last = self._speed = np.zeros(len(names))

    def begin(self, measured: Array) -> None:
        """Starts from rest at the measured positions (joints,) [rad]."""
        self._last, self._speed = np.array(measured, float), np.zeros(len(self._names))

    def step(self, asked: Array) -> Array:
        """The permitted target for the next period (joints,) [rad]; SafetyStop if it is too far from `asked`."""
        asked = self.require_finite(asked)
        limits, period = self._limits, self._limits.period_s
        goal = self._within(asked)
        speed = self._slowed((goal - self._last) / period)
        change = limits.acceleration * period
        eased = np.clip(speed, self._speed - change, self._speed + change)
        if np.abs(eased - speed).max() > TINY:
            worst = self._worst(np.abs(eased - speed))
            told = abs(speed[worst] - self._speed[worst]) / period
            self._decisions.limited(
                "acceleration", f"{self._names[worst]} asked for {told:.0f} rad/s^2, {limits.acceleration:g} at most"
            )
        command = np.clip(self._last + eased * period, self._low, self._high)
        shift = np.abs(command - asked)
        if shift.max() > limits.most_shift_rad:
            worst = self._worst(shift)
            raise self._decisions.refuse(
                "acceleration",
                f"{self._names[worst]} would lag {shift[worst]:.3f} rad behind what was asked",
                f"at most {limits.most_shift_rad}",
                "plan a smoother path",
            )
        self._speed, self._last = (command - self._last) / period, command
        return command

    def require_finite(self, asked: Array) -> Array:
        """`asked` as floats of the right shape."""
        asked = np.asarray(asked, float)
        if asked.shape != self._low.shape or not np.isfinite(asked).all():
            raise self._decisions.refuse(
                "shape and finiteness",
                f"{np.round(asked, 3).tolist()}",
                f"{len(self._low)} finite angles",
                "look at the plan",
            )
        return asked

    def require_followed(self, measured: Array) -> None:
        """Raises SafetyStop unless the joints follow their commands within the permitted lag."""
        gap = np.abs(measured - self._last)
        if gap.max() > self._limits.follow_rad:
            worst = self._worst(gap)
            raise self._decisions.refuse(
                "following",
                f"{self._names[worst]} is {gap[worst]:.3f} rad from where it was sent",
                f"at most {self._limits.follow_rad}",
                "look at what is in its way, and that nobody else commands it",
            )

    def _within(self, asked: Array) -> Array:
        goal = np.clip(asked, self._low, self._high)
        excess = np.abs(asked - goal)
        if excess.max() > TINY:
            worst = self._worst(excess)
            got = f"{self._names[worst]} at {asked[worst]:.3f} rad"
            span = f"{self._low[worst]:.3f} to {self._high[worst]:.3f}"
            if excess[worst] > self._limits.joint_slack_rad:
                raise self._decisions.refuse("joint limits", got, span, "plan within the limits")
            self._decisions.limited("joint limits", f"{got}, cut to {span}")
        return goal

    def _slowed(self, speed: Array) -> Array:
        worst = self._worst(np.abs(speed))
        ratio = abs(speed[worst]) / self._velocity
        if ratio <= 1 + TINY:
            return speed
        got = f"{self._names[worst]} at {abs(speed[worst]):.2f} rad/s"
        if ratio > self._limits.velocity_excess:
            raise self._decisions.refuse("joint speed", got, f"at most {self._velocity:g}", "slow the path down")
        self._decisions.limited("joint speed", f"{got}, slowed to {self._velocity:g}")
        return speed / ratio

    def _worst(self, values: Array) -> int:
        return int(np.argmax(values))
