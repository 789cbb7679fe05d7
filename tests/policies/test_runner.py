"""The runner on a cell that does not move: phases, errors, and the stop at the end of every trial."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from lace.core.camera import PinholeCamera, intrinsics
from lace.core.embodiment import Embodiment, Joint
from lace.core.geometry import look_at
from policies.cell import Evidence, Freshness, require_hand_targets, require_path
from policies.outcome import Phase, PlanRefused, Result, SafetyStop
from policies.path import CheckedPath, JointPath, sealed, through
from policies.policy import Observation, TwoPoints
from policies.primitives import ArmMove, HandMove, Plan
from policies.runner import judge, run_trial
from tests.cell_conformance import CellLaws

CAMERA = PinholeCamera(intrinsics(0.8, 64, 64), look_at([1, 0, 1], [0, 0, 0]), 64, 64)
POINTS = TwoPoints(np.array([30.0, 30.0]), np.array([40.0, 20.0]))
TRUTH = TwoPoints(np.array([33.0, 34.0]), np.array([40.0, 20.0]))
EYE = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))
BODY = Embodiment(
    "pointer",
    "base",
    (
        Joint("arm", "base", "one", EYE, (0, 0, 1), -1.0, 1.0, 1.0, 1.0, 0.1, 0.0),
        Joint("finger", "one", "two", EYE, (0, 1, 0), -1.0, 1.0, 1.0, 1.0, 0.1, 0.0),
    ),
    ("base", "one", "two"),
    (),
    (),
    ("one", "two"),
    "one",
    (0, 0, 0),
    (),
)


@dataclass
class StillCell:
    """A cell in which only the clock advances."""

    embodiment: Embodiment = BODY
    table_z: float = 0.0
    freshness: Freshness = Freshness()
    found: Evidence = field(default_factory=lambda: Evidence(True, 0.1, "", np.array([0.1, 0, 0]), 0.04, 1.5))
    age_s: float = 0.0
    clock: float = 10.0
    stopped: str = ""
    done: list[str] = field(default_factory=list)
    asked_when_stopped: list[bool] = field(default_factory=list)

    def now(self) -> float:
        return self.clock

    def observe(self, depth: bool = False) -> Observation:
        image, stamp = np.zeros((64, 64, 3), np.uint8), self.clock - self.age_s
        deep = np.ones((64, 64)) if depth else None
        return Observation(image, CAMERA, np.zeros(2), stamp, stamp, deep, TRUTH)

    def follow(self, path: CheckedPath) -> None:
        self._alive()
        require_path(path, np.zeros(1), 0.05)
        self.clock += path.duration_s
        self.done.append("follow")

    def hand(self, targets: np.ndarray, duration_s: float) -> None:
        self._alive()
        require_hand_targets(targets, self.embodiment.limits[1:])
        self.clock += duration_s
        self.done.append("hand")

    def evidence(self) -> Evidence:
        self.asked_when_stopped.append(bool(self.stopped))
        return self.found

    def stop(self, reason: str) -> None:
        self.stopped = self.stopped or reason

    def _alive(self) -> None:
        if self.stopped:
            raise SafetyStop("moving", f"the cell was stopped: {self.stopped}", "a running cell", "start a new trial")


class TestStillCell(CellLaws):
    @pytest.fixture
    def cell(self):
        return StillCell()


@dataclass
class Pointing:
    """A policy with a constant prediction."""

    name: str = "pointing"

    def reset(self, seed: int) -> None:
        self.seed = seed

    def predict(self, observation: Observation) -> TwoPoints:
        return POINTS


@dataclass
class Nodding:
    """A primitive of two moves, or one that stops."""

    stop: Exception | None = None
    hand_to: float = 0.5
    needs_depth: bool = False

    def plan(self, observation: Observation, points: TwoPoints, table_z: float) -> Plan:
        if self.stop is not None:
            raise self.stop
        path = sealed(JointPath(np.array([0.0, 1.0]), np.zeros((2, 1))), 0.0)
        moves = (ArmMove(Phase.APPROACH, path), HandMove(Phase.CLOSE, np.array([self.hand_to]), 0.5))
        return Plan(moves, np.array([0.13, 0.04, 0.0]))


def test_a_successful_trial_runs_all_moves_and_stops():
    cell = StillCell()
    outcome = run_trial(Pointing(), cell, Nodding())
    assert (outcome.result, outcome.phase, outcome.reason) == (Result.SUCCESS, Phase.DONE, "")
    assert cell.done == ["follow", "hand"]
    assert cell.stopped


def test_errors_are_measured_against_the_truth():
    outcome = run_trial(Pointing(), StillCell(), Nodding())
    assert outcome.end_effector_error_px == pytest.approx(5.0)  # (3, 4)
    assert outcome.target_error_px == 0
    assert outcome.target_error_mm == pytest.approx(50.0)  # (30, 40) mm
    assert outcome.end_effector_error_mm == pytest.approx(1000 * 5 * 1.5 / CAMERA.K[0, 0])
    assert outcome.lifted_mm == pytest.approx(100)


@pytest.mark.parametrize("kind", [SafetyStop, PlanRefused])
def test_each_stop_gives_its_kind_of_outcome(kind):
    cell = StillCell()
    outcome = run_trial(Pointing(), cell, Nodding(kind("planning", "nothing", "something", "wait")))
    assert (outcome.result, outcome.phase) == (kind.result, Phase.PLAN)
    assert outcome.reason == "planning: nothing; expected something"
    assert not cell.done
    assert cell.stopped


@pytest.mark.parametrize("stop", [None, SafetyStop("planning", "nothing", "something", "wait")])
def test_the_cell_is_stopped_before_it_is_asked_for_evidence(stop):
    cell = StillCell()
    run_trial(Pointing(), cell, Nodding(stop))
    assert cell.asked_when_stopped
    assert all(cell.asked_when_stopped)


def test_evidence_is_asked_for_once_a_person_may_have_to_give_it():
    cell = StillCell()
    run_trial(Pointing(), cell, Nodding())
    assert len(cell.asked_when_stopped) == 1


def test_a_stop_in_the_middle_names_its_phase():
    outcome = run_trial(Pointing(), StillCell(), Nodding(hand_to=2.0))
    assert (outcome.result, outcome.phase) == (Result.SAFETY_STOP, Phase.CLOSE)


def test_any_other_error_passes_through_and_still_stops_the_cell():
    cell = StillCell()
    with pytest.raises(ZeroDivisionError):
        run_trial(Pointing(), cell, Nodding(ZeroDivisionError()))
    assert cell.stopped


@pytest.mark.parametrize("age_s", [0.2, -0.1])
def test_an_observation_of_another_time_is_refused(age_s):
    cell = StillCell(age_s=age_s)
    outcome = run_trial(Pointing(), cell, Nodding())
    assert (outcome.result, outcome.phase) == (Result.SAFETY_STOP, Phase.OBSERVE)
    assert "old" in outcome.reason
    assert not cell.done


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({"held": True, "collision": "table"}, Result.SUCCESS),
        ({"collision": "table with 61 N"}, Result.COLLISION),
        ({"target_world": np.array([0.2, 0, 0])}, Result.LOCALISATION),
        ({}, Result.SLIP),
        ({"target_world": None}, Result.SLIP),
    ],
)
def test_kinds_of_failure_are_distinguished(change, result):
    lost = Evidence(False, 0.0, "", np.array([0.13, 0.0, 0]), 0.05)
    assert judge(replace(lost, **change), np.array([0.13, 0.04, 0]))[0] is result


def test_a_checked_path_cannot_be_made_by_hand():
    with pytest.raises(TypeError, match="PathChecker"):
        CheckedPath(np.array([0.0, 1.0]), np.zeros((2, 1)))


def test_a_path_starts_and_ends_at_rest_and_keeps_its_speed():
    path = through(np.array([[0.0, 0.0], [0.4, -0.2], [0.8, 0.6]]), speed=1.0, least_s=0.2, period_s=0.004)
    velocity = np.diff(path.positions, axis=0) / np.diff(path.times_s)[:, None]
    assert np.abs(velocity).max() <= 1.0 + 1e-6
    assert np.abs(velocity).max() > 0.95
    assert np.abs(velocity[[0, -1]]).max() < 0.01
    assert np.array_equal(path.positions[[0, -1]], [[0, 0], [0.8, 0.6]])
    passes = np.linalg.norm(path.positions - [0.4, -0.2], axis=1).min()
    assert passes < 0.01
