"""How a trial ends: phases, kinds of failure, and the errors that stop one."""

from dataclasses import dataclass
from enum import StrEnum

from lace.core.errors import LaceError
from policies.policy import TwoPoints


class Phase(StrEnum):
    """What a trial was doing last, in order."""

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
    """The target was found, and did not stay in the hand."""
    COLLISION = "collision"
    """The robot struck the table or something that it should not touch."""


@dataclass(frozen=True)
class Outcome:
    """One trial's end. None means not known (there is no truth on a real robot)."""

    result: Result
    phase: Phase
    """Phase reached: the one that failed, or DONE."""
    reason: str
    """One sentence for people; "" on success."""
    predicted: TwoPoints | None = None
    end_effector_error_px: float | None = None
    target_error_px: float | None = None
    end_effector_error_mm: float | None = None
    """Between the predicted and the true end-effector point, both at the true one's depth."""
    target_error_mm: float | None = None
    """Between where the primitive put the target and where it was, horizontally."""
    lifted_mm: float | None = None
    """How far the target rose."""

    @property
    def success(self) -> bool:
        """Whether the target was grasped and lifted."""
        return self.result is Result.SUCCESS


class TrialStopped(LaceError):
    """Ends a trial with a kind of failure; the robot is stopped first."""

    result: Result


class SafetyStop(TrialStopped):
    """Going on might hurt: the trial ends before anything moves, or at once."""

    result = Result.SAFETY_STOP


class PlanRefused(TrialStopped):
    """There is no plan that passes its checks."""

    result = Result.PLAN_REFUSED


class Collision(TrialStopped):
    """The robot struck something hard; it has stopped."""

    result = Result.COLLISION
