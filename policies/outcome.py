"""Outcome of a trial: phases, kinds of failure, and the exceptions that end one."""

from dataclasses import dataclass
from enum import StrEnum

from lace.core.errors import LaceError
from policies.policy import TwoPoints


class Phase(StrEnum):
    """Phases of a trial, in order."""

    OBSERVE = "observe"
    PREDICT = "predict"
    PLAN = "plan"
    APPROACH = "approach"
    CLOSE = "close"
    LIFT = "lift"
    RETREAT = "retreat"
    DONE = "done"


class Result(StrEnum):
    """Success, or the kind of failure."""

    SUCCESS = "success"
    LOCALISATION = "localisation"
    """The grasp missed, and the predicted target lay outside the target's true extent."""
    SAFETY_STOP = "safety_stop"
    """The prediction disagrees with forward kinematics, the goal leaves the workspace, or an observation is stale."""
    PLAN_REFUSED = "plan_refused"
    """No safe path leads to the goal."""
    SLIP = "slip"
    """The target was localised but not held."""
    COLLISION = "collision"
    """The robot hit the table or another object."""


@dataclass(frozen=True)
class Outcome:
    """Outcome of one trial. None means unknown (a real robot has no ground truth)."""

    result: Result
    phase: Phase
    """Phase reached: the one that failed, or DONE."""
    reason: str
    """Reason in one sentence; "" on success."""
    predicted: TwoPoints | None = None
    end_effector_error_px: float | None = None
    target_error_px: float | None = None
    end_effector_error_mm: float | None = None
    """Distance between predicted and true end-effector point, both at the true point's depth [mm]."""
    target_error_mm: float | None = None
    """Horizontal distance between the target position used by the primitive and the true one [mm]."""
    lifted_mm: float | None = None
    """Rise of the target [mm]."""

    @property
    def success(self) -> bool:
        """Whether the target was grasped and lifted."""
        return self.result is Result.SUCCESS


class TrialStopped(LaceError):
    """Ends a trial with a kind of failure, after the robot was stopped."""

    result: Result


class SafetyStop(TrialStopped):
    """Continuing would be unsafe: the trial ends before any motion, or immediately."""

    result = Result.SAFETY_STOP


class PlanRefused(TrialStopped):
    """No plan passes the checks."""

    result = Result.PLAN_REFUSED


class Collision(TrialStopped):
    """The robot hit an obstacle and has stopped."""

    result = Result.COLLISION
