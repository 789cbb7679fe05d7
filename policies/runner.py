"""One trial: observe, predict, plan, move, evaluate; in simulation and on the real arm."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from lace.core.geometry import Array
from policies.cell import Evidence, RobotCell, require_fresh
from policies.outcome import Outcome, Phase, Result, SafetyStop, TrialStopped
from policies.policy import Observation, Policy, TwoPoints
from policies.primitives.primitive import Plan, Primitive


def run_trial(policy: Policy, cell: RobotCell, primitive: Primitive, seed: int = 0) -> Outcome:
    """Runs one trial and returns its outcome; the cell is always stopped at the end.

    A policy that fails or gives no points in the picture ends in a safety stop. Other errors that are not a
    `TrialStopped` pass through, after the stop.
    """
    trial, ending = _Trial(policy, cell, primitive), None
    try:
        trial.move(seed)
    except TrialStopped as stop:
        ending = stop
    finally:  # the stop comes first: looking for evidence takes time, and a person may be asked for it
        cell.stop(f"the trial has ended in phase {trial.phase}")
    return trial.outcome(ending)


_NEXT = "look at the policy; nothing has moved"


def _doing(policy: Policy) -> str:
    return f"asking the policy {policy.name}"


@contextmanager
def _asking(policy: Policy) -> Generator[None]:
    """Around a user's own code: whatever it raises, or that it ends the program, is a SafetyStop of the trial."""
    try:
        yield
    except TrialStopped:
        raise
    except (Exception, SystemExit) as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise SafetyStop(_doing(policy), f"{type(error).__name__}: {first}", "two points (2,) [px]", _NEXT) from error


def predicted_points(policy: Policy, observation: Observation) -> TwoPoints:
    """What `policy` says, if it is two finite points inside the picture; nothing is clipped.

    Raises:
        SafetyStop: It is anything else, or the policy raised an error.
    """
    height, width = observation.image.shape[:2]
    with _asking(policy):
        points = policy.predict(replace(observation, image=observation.image.copy()))  # it may draw into it
        uv = np.stack([np.asarray(points.end_effector), np.asarray(points.target)])
        if uv.shape != (2, 2):
            raise ValueError(f"its points have shape {uv.shape}")
        if np.iscomplexobj(uv):
            raise ValueError("its points are complex numbers")
        uv = uv.astype(float)
    if not ((uv >= 0) & (uv <= (width, height))).all():
        raise SafetyStop(
            _doing(policy),
            f"the points {np.round(uv, 1).tolist()}",
            f"points inside the picture, {width} x {height} px",
            _NEXT,
        )
    return TwoPoints(uv[0], uv[1])


class _Trial:
    """Results collected so far."""

    def __init__(self, policy: Policy, cell: RobotCell, primitive: Primitive):
        self.policy, self.cell, self.primitive = policy, cell, primitive
        self.phase = Phase.OBSERVE
        self.observation: Observation | None = None
        self.points: TwoPoints | None = None
        self.plan: Plan | None = None

    def move(self, seed: int) -> None:
        cell = self.cell
        with _asking(self.policy):
            self.policy.reset(seed)
        self.observation = require_fresh(cell.observe(self.primitive.needs_depth), cell.now(), cell.freshness)
        self.phase = Phase.PREDICT
        self.points = predicted_points(self.policy, self.observation)
        self.phase = Phase.PLAN
        self.plan = self.primitive.plan(self.observation, self.points, cell.table_z)
        for move in self.plan.moves:
            self.phase = move.phase
            move.run(cell)
        self.phase = Phase.DONE

    def outcome(self, ending: TrialStopped | None) -> Outcome:
        """How the trial ended, by its evidence; `ending` is what stopped it before its end."""
        evidence = self.cell.evidence()
        if ending is None:
            assert self.plan is not None  # only a plan's last move ends a trial without a stop
            result, reason = judge(evidence, self.plan.target_world)
        else:
            result, reason = ending.result, f"{ending.doing}: {ending.got}; expected {ending.expected}"
        return Outcome(
            result,
            self.phase,
            reason,
            predicted=self.points,
            lifted_mm=None if evidence.lifted_m is None else 1000 * evidence.lifted_m,
            **self._errors(evidence),
        )

    def _errors(self, evidence: Evidence) -> dict[str, float]:
        """Errors of the prediction by name, if the ground truth is known."""
        errors = {}
        if self.plan is not None and evidence.target_world is not None:
            gap = np.linalg.norm(self.plan.target_world[:2] - evidence.target_world[:2])
            errors["target_error_mm"] = 1000 * float(gap)
        observation = self.observation
        truth = observation.truth if observation else None
        if observation is None or truth is None or self.points is None:
            return errors
        errors["target_error_px"] = float(np.linalg.norm(self.points.target - truth.target))
        error_px = float(np.linalg.norm(self.points.end_effector - truth.end_effector))
        errors["end_effector_error_px"] = error_px
        if evidence.end_effector_depth_m is not None:
            focal = float(observation.camera.K[0, 0])
            errors["end_effector_error_mm"] = 1000 * error_px * evidence.end_effector_depth_m / focal
        return errors


def judge(evidence: Evidence, goal: Array) -> tuple[Result, str]:
    """Result and reason of a completed motion, planned for a target at `goal` (3,) [m]."""
    if evidence.held:
        return Result.SUCCESS, ""
    gap = None
    if evidence.target_world is not None and evidence.target_radius_m is not None:
        gap = float(np.linalg.norm(goal[:2] - evidence.target_world[:2]))
        if gap > evidence.target_radius_m:
            return Result.LOCALISATION, f"the hand reached {1000 * gap:.0f} mm beside the target's middle"
    if evidence.collision:
        return Result.COLLISION, f"the robot hit the {evidence.collision}"
    if gap is None:
        return Result.SLIP, "the target is not in the hand"
    return Result.SLIP, f"the hand reached the target ({1000 * gap:.0f} mm from its middle) and did not keep it"
