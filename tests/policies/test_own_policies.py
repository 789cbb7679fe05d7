"""The user's own policies, and the result of a trial whose policy fails."""

import importlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from lace.core.errors import InvalidValueError, UnknownNameError
from policies import make_policy
from policies.named import identity_of
from policies.outcome import Phase, Result
from policies.policy import Observation, TwoPoints
from policies.runner import predicted_points, run_trial
from tests import ROOT
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
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def test_a_function_is_a_policy_under_its_text(folder):
    policy = make_policy("my_policy_of_tests:corner")
    assert policy.name == "my_policy_of_tests:corner"
    cell = StillCell()
    outcome = run_trial(policy, cell, Nodding())
    assert outcome.result is Result.SUCCESS
    np.testing.assert_array_equal(outcome.predicted.target, [63, 62])


LEARNED = """
import my_helper_of_tests as helper
from pathlib import Path
import numpy as np, torch
from functools import cache

class Base:
    def shift(self):
        return 1

class Model(Base):
    def __init__(self):
        self.gain = 2.0
        self.layer = torch.nn.Linear(2, 2)
        with torch.no_grad():
            self.layer.weight.fill_(0.5), self.layer.bias.fill_(0.0)
    def __call__(self, image):
        return self.layer

model = Model()

@cache
def weights():
    return np.load(Path(__file__).parent / "my_weights.npy")

def corner(image):
    from my_inner_of_tests import offset
    weights(), model(image), "my_bundle"
    return [[offset(), 2], helper.point()]
"""
HELPER = "def point():\n    return [3, 4]\n"
INNER = "def offset():\n    return 1\n"


@pytest.fixture
def learned(folder):
    (folder / "my_bundle").mkdir()
    (folder / "my_bundle" / "model.safetensors").write_bytes(b"one")
    np.save(folder / "my_weights.npy", np.ones(3))
    (folder / "my_helper_of_tests.py").write_text(HELPER)
    (folder / "my_inner_of_tests.py").write_text(INNER)
    (folder / "my_policy_of_tests.py").write_text(LEARNED)
    return folder


def identity_now(folder):
    """Of the files as they are, as a new process sees them."""
    for name in ("my_policy_of_tests", "my_helper_of_tests", "my_inner_of_tests"):
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    return identity_of("my_policy_of_tests:corner")


def identity_in_a_fresh_process(folder):
    program = "from policies.named import identity_of; print(identity_of('my_policy_of_tests:corner'))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    return done.stdout.strip()


ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


CHANGES = {
    "a helper module": ("my_helper_of_tests.py", "[3, 4]", "[3, 5]"),
    "a module imported inside": ("my_inner_of_tests.py", "return 1", "return 2"),
    "a base class": ("my_policy_of_tests.py", "return 1", "return 2"),
    "a value of an instance": ("my_policy_of_tests.py", "gain = 2.0", "gain = 3.0"),
    "a model's weights": ("my_policy_of_tests.py", "fill_(0.5)", "fill_(0.25)"),
    "a cached function": ("my_policy_of_tests.py", "def weights():\n", "def weights():\n    1 + 1\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_functions_identity_is_all_the_code_that_it_uses(learned, change):
    file, old, new = CHANGES[change]
    before = identity_now(learned)
    text = (learned / file).read_text()
    assert old in text
    (learned / file).write_text(text.replace(old, new, 1))
    assert before.startswith("code") and identity_now(learned) != before


def test_a_functions_identity_is_the_content_of_its_files(learned):
    first = identity_now(learned)
    np.save(learned / "my_weights.npy", np.zeros(3))
    second = identity_now(learned)
    (learned / "my_bundle" / "model.safetensors").write_bytes(b"two")
    assert len({first, second, identity_now(learned)}) == 3


def test_a_functions_identity_is_not_where_and_how_it_is_written(learned):
    before = identity_now(learned)
    (learned / "my_policy_of_tests.py").write_text("# a comment\n" + LEARNED)
    assert identity_now(learned) == before == identity_in_a_fresh_process(learned)
    assert identity_of("noise:8") == "noise:8"


@pytest.mark.parametrize("text", ["my_policy_of_tests:middle", "no_such_module:f", "my_policy_of_tests:NUMBER"])
def test_a_function_that_is_not_there_is_named(folder, text):
    with pytest.raises(InvalidValueError, match=text):
        make_policy(text)


def test_a_misspelt_name_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="oracle"):
        make_policy("oracel")


def points(*rows):
    return TwoPoints(*map(np.array, rows))


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
        (SystemExit(3), "SystemExit: 3"),
        (points([1 + 1j, 1], [2, 2]), "complex"),
        (InvalidValueError("predicting", "a", "b", "c"), "While predicting"),
    ],
)
def test_a_policy_that_fails_is_a_safety_stop_before_anything_moves(answer, text):
    cell = StillCell()
    outcome = run_trial(Says(answer), cell, Nodding())
    assert (outcome.result, outcome.phase) == (Result.SAFETY_STOP, Phase.PREDICT)
    assert text in outcome.reason and cell.done == [] and cell.stopped


def test_a_policy_that_cannot_be_reset_is_a_safety_stop_too():
    class Unset(Says):
        def reset(self, seed):
            raise KeyError("weights")

    cell = StillCell()
    outcome = run_trial(Unset(points([1, 1], [2, 2])), cell, Nodding())
    assert outcome.result is Result.SAFETY_STOP and "KeyError: 'weights'" in outcome.reason and cell.done == []


def test_a_policy_that_writes_into_its_picture_changes_no_other():
    class Paints(Says):
        def predict(self, observation):
            observation.image[:] = 255
            return self.answer

    seen = StillCell().observe()
    predicted_points(Paints(points([1, 1], [2, 2])), seen)
    assert not seen.image.any()


def test_one_point_of_a_function_is_a_safety_stop(folder):
    outcome = run_trial(make_policy("my_policy_of_tests:one"), StillCell(), Nodding())
    assert outcome.result is Result.SAFETY_STOP and "(2, 2)" in outcome.reason


def test_the_edge_of_the_picture_is_inside():
    assert run_trial(Says(points([0, 0], [64, 64])), StillCell(), Nodding()).result is Result.SUCCESS
