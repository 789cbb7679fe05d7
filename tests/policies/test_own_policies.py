"""The user's own policies, and the result of a trial whose policy fails."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from lace.core.errors import InvalidValueError, UnknownNameError
from policies import make_policy
from policies.named import identity_of
from policies.outcome import Phase, Result
from policies.policy import Observation, TwoPoints
from policies.runner import run_trial
from tests.policies.test_runner import Nodding, StillCell

SOURCE = """
import numpy as np
def corner(image):
    height, width = image.shape[:2]
    return [[1, 2], [width - 1, height - 2]]
def one(image):
    return [3, 4]
NUMBER = 7
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "my_policy_of_tests.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    import sys

    sys.modules.pop("my_policy_of_tests", None)


@dataclass
class Says:
    """Returns the given prediction; raises it if it is an error."""

    answer: Any
    name: str = "says"
    log: list = field(default_factory=list)

    def reset(self, seed: int) -> None:
        self.log.append(seed)

    def predict(self, observation: Observation) -> TwoPoints:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_function_is_a_policy_under_its_text(folder):
    policy = make_policy("my_policy_of_tests:corner")
    assert policy.name == "my_policy_of_tests:corner"
    cell = StillCell()
    outcome = run_trial(policy, cell, Nodding())
    assert outcome.result is Result.SUCCESS
    np.testing.assert_array_equal(outcome.predicted.target, [63, 62])


def test_a_functions_identity_is_its_source(folder):
    import sys

    before = identity_of("my_policy_of_tests:corner")
    sys.modules.pop("my_policy_of_tests")
    (folder / "my_policy_of_tests.py").write_text(SOURCE + "\n# changed\n")
    assert before.startswith("source") and identity_of("my_policy_of_tests:corner") != before
    assert identity_of("noise:8") == "noise:8"


@pytest.mark.parametrize("text", ["my_policy_of_tests:middle", "no_such_module:f", "my_policy_of_tests:NUMBER"])
def test_a_function_that_is_not_there_is_named(folder, text):
    with pytest.raises(InvalidValueError, match=text):
        make_policy(text)


def test_a_misspelt_name_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="oracle"):
        make_policy("oracel")


def points(*rows):
    return TwoPoints(*(np.array(row, float) for row in rows))


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (points([np.nan, 1], [2, 2]), "inside the picture"),
        (points([1, 1], [65, 2]), "inside the picture"),
        (points([1, -0.5], [2, 2]), "inside the picture"),
        (points([1, 1, 1], [2, 2, 2]), "shape"),
        (TwoPoints(np.array([1.0, 1.0]), np.array([])), "two points"),
        (None, "two points"),
        (np.zeros((1, 2)), "two points"),
        (RuntimeError("out of memory"), "RuntimeError: out of memory"),
        (InvalidValueError("predicting", "a", "b", "c"), "While predicting"),
    ],
)
def test_a_policy_that_fails_is_a_safety_stop_before_anything_moves(answer, text):
    cell = StillCell()
    outcome = run_trial(Says(answer), cell, Nodding())
    assert (outcome.result, outcome.phase) == (Result.SAFETY_STOP, Phase.PREDICT)
    assert text in outcome.reason and cell.done == [] and cell.stopped


def test_one_point_of_a_function_is_a_safety_stop(folder):
    outcome = run_trial(make_policy("my_policy_of_tests:one"), StillCell(), Nodding())
    assert outcome.result is Result.SAFETY_STOP and "(2, 2)" in outcome.reason


def test_the_edge_of_the_picture_is_inside():
    assert run_trial(Says(points([0, 0], [64, 64])), StillCell(), Nodding()).result is Result.SUCCESS
