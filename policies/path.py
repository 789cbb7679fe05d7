"""Timed joint paths, and checked paths, the only kind that a cell follows."""

from dataclasses import dataclass, field

import numpy as np

from lace.core.errors import InvalidValueError
from lace.core.geometry import Array, minimum_jerk

_SEAL = object()


@dataclass(frozen=True)
class JointPath:
    """Arm joint positions over time, linear between samples."""

    times_s: Array
    """(k,) from 0, increasing."""
    positions: Array
    """(k, arm joints) [rad]."""

    def __post_init__(self):
        times, positions = self.times_s, self.positions
        sound = times.ndim == 1 and positions.ndim == 2 and len(times) == len(positions) >= 2
        if not sound or times[0] != 0 or (np.diff(times) <= 0).any() or not np.isfinite(positions).all():
            raise InvalidValueError(
                "building a joint path",
                f"times {times.shape} and positions {positions.shape}",
                "at least two finite positions at increasing times from 0",
                "fix the planner",
            )

    @property
    def duration_s(self) -> float:
        """Time of the last sample [s]."""
        return float(self.times_s[-1])

    def at(self, times_s: Array) -> Array:
        """Positions (n, arm joints) at times (n,); constant outside the path's duration."""
        return np.stack([np.interp(times_s, self.times_s, column) for column in self.positions.T], 1)


@dataclass(frozen=True)
class CheckedPath(JointPath):
    """A path that passed `PathChecker.check`, which alone creates it."""

    clearance_m: float = 0.0
    """Distance to the table and between links that it was checked for [m]."""
    seal: object = field(default=None, repr=False, compare=False)

    def __post_init__(self):
        super().__post_init__()
        if self.seal is not _SEAL:
            raise TypeError("only PathChecker.check creates a CheckedPath")


def sealed(path: JointPath, clearance_m: float) -> CheckedPath:
    """Marks `path` as checked; for path checkers only."""
    return CheckedPath(path.times_s, path.positions, clearance_m, _SEAL)


def through(waypoints: Array, speed: float, least_s: float, period_s: float) -> JointPath:
    """A path through waypoints (w, joints) [rad] that starts and ends at rest, minimum-jerk over its whole length.

    Args:
        waypoints: Visited in order along straight lines in joint space.
        speed: Largest joint speed on the way [rad/s].
        least_s: Shortest duration [s].
        period_s: Time between samples [s].
    """
    steps = np.abs(np.diff(waypoints, axis=0)).max(1)
    length = np.concatenate([[0], np.cumsum(np.maximum(steps, 1e-9))])
    peak = 1.875  # largest slope of a minimum-jerk profile
    duration = max(least_s, peak * length[-1] / speed)
    times = np.linspace(0, duration, max(int(np.ceil(duration / period_s)), 1) + 1)
    travelled = minimum_jerk(times / duration) * length[-1]
    return JointPath(times, np.stack([np.interp(travelled, length, column) for column in waypoints.T], 1))
