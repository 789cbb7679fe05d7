"""A robot cell: one arm with a hand, a table, a camera. The simulated and the real one implement this protocol.

All in SI units and numpy. A cell serves one trial at a time from one thread; open several for trials in parallel.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from lace.core.embodiment import Embodiment
from lace.core.geometry import Array
from policies.outcome import Collision, SafetyStop
from policies.path import CheckedPath
from policies.policy import Observation

START_RAD = 0.05
"""Largest distance of the arm from the start of a path [rad]."""
ARRIVED_RAD = 0.1
"""Largest distance of the arm from the end of its path [rad]; within 0.01 rad if nothing blocks it."""
FRESH_S = 0.1
"""Maximum age of a state that may be acted on [s]: MoveIt Servo's default `incoming_command_timeout`."""
IMAGE_FRESH_S = 0.5
"""Maximum age of an image that may be acted on [s]; larger, because the arm does not move while the policy predicts."""


@dataclass(frozen=True)
class Freshness:
    """How old a cell's observation may be when it is acted on."""

    image_s: float = IMAGE_FRESH_S
    state_s: float = FRESH_S


@dataclass(frozen=True)
class Evidence:
    """State of the target after the motion; None where the cell cannot measure it."""

    held: bool
    """Whether the target is off the table and in the hand: from the physics, or as entered by the operator."""
    lifted_m: float | None = None
    """Rise of the target since `observe` [m]."""
    collision: str = ""
    """Unwanted contact ("mug (distractor_2) with 12 N"); "" if none."""
    target_world: Array | None = None
    """(3,) centre of the target at `observe` [m]."""
    target_radius_m: float | None = None
    """Horizontal half extent of the target [m]."""
    end_effector_depth_m: float | None = None
    """Depth of the true end-effector point along the camera axis at `observe` [m]."""


@runtime_checkable
class RobotCell(Protocol):
    """A robot cell. Moves only along checked paths and only after `observe`; refuses to move after `stop`."""

    embodiment: Embodiment
    table_z: float
    """Height of the table's top in the robot's base frame [m]."""
    freshness: Freshness

    def now(self) -> float:
        """The monotonic clock that stamps observations [s]."""
        ...

    def observe(self, depth: bool = False) -> Observation:
        """The newest image and joint state, with depth if asked; raises SafetyStop if there is none."""
        ...

    def follow(self, path: CheckedPath) -> None:
        """Moves the arm along `path` and waits for its end; the hand keeps its targets.

        Raises:
            SafetyStop: The arm is not where the path starts, strays from it, or the cell was stopped.
            Collision: The robot hit an obstacle and has stopped.
            TypeError: `path` was not checked.
        """
        ...

    def hand(self, targets: Array, duration_s: float) -> None:
        """Moves the hand's joint targets linearly to `targets` (hand joints,) [rad] and waits `duration_s`.

        Raises:
            SafetyStop: A target is outside its joint's limits or not finite, or the cell was stopped.
            Collision: As in `follow`.
        """
        ...

    def evidence(self) -> Evidence:
        """State of the target after the motion."""
        ...

    def stop(self, reason: str) -> None:
        """Stops all motion permanently; never raises, may be called twice."""
        ...


def require_fresh(observation: Observation, now_s: float, fresh: Freshness = Freshness()) -> Observation:  # noqa: B008
    """Returns `observation` if it is recent enough to act on, else raises SafetyStop."""
    ages = (
        ("image", observation.image_stamp_s, fresh.image_s),
        ("joint state", observation.state_stamp_s, fresh.state_s),
    )
    for what, stamp, limit in ages:
        age = now_s - stamp
        if not 0 <= age <= limit:
            raise SafetyStop(
                "observing the cell",
                f"the {what} is {age:.2f} s old",
                f"at most {limit} s, and not from the future",
                "check the camera's and the robot's streams and that they share a clock",
            )
    return observation


def require_path(path: CheckedPath, measured: Array, tolerance_rad: float) -> CheckedPath:
    """Returns `path` if it is checked and starts at the measured arm joints, else raises TypeError or SafetyStop."""
    if not isinstance(path, CheckedPath):
        raise TypeError(f"a cell follows a CheckedPath, not a {type(path).__name__}: check it first (PathChecker)")
    gap = float(np.abs(path.positions[0] - measured).max())
    if not gap <= tolerance_rad:
        raise SafetyStop(
            "starting a path",
            f"the arm is {gap:.3f} rad from where the path starts",
            f"at most {tolerance_rad} rad",
            "plan again from the measured joints",
        )
    return path


def require_hand_targets(targets: Array, limits: Array) -> Array:
    """`targets` (joints,) as floats if finite and within `limits` (joints, 2) [rad], else raises SafetyStop."""
    targets = np.asarray(targets, float)
    slack = 1e-6
    good = targets.shape == limits.shape[:1] and np.isfinite(targets).all()
    if not good or (targets < limits[:, 0] - slack).any() or (targets > limits[:, 1] + slack).any():
        raise SafetyStop(
            "moving the hand",
            f"targets {np.round(targets, 3).tolist()}",
            f"{len(limits)} finite angles within limits",
            "correct the grasp",
        )
    return targets


def require_arrival(arm: Array, goal: Array) -> None:
    """Raises Collision unless the arm (arm joints,) is within ARRIVED_RAD of the end of its path [rad]."""
    stray = float(np.abs(arm - goal).max())
    if stray > ARRIVED_RAD:
        raise Collision(
            "following a path",
            f"the arm is {stray:.2f} rad from its end",
            f"at most {ARRIVED_RAD}",
            "look for what it has hit",
        )
