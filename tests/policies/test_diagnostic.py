"""Diagnostic policies, and properties of every policy without weights."""

import numpy as np
import pytest

from lace.core.camera import PinholeCamera, intrinsics
from lace.core.errors import InvalidValueError, UnknownNameError
from lace.core.geometry import look_at
from policies import POLICIES, make_policy
from policies.policy import Observation, Policy, TwoPoints

WIDTH, HEIGHT = 64, 48
TRUTH = TwoPoints(np.array([20.0, 30.0]), np.array([41.5, 12.5]))
SEEN = Observation(
    np.zeros((HEIGHT, WIDTH, 3), np.uint8),
    PinholeCamera(intrinsics(0.8, WIDTH, HEIGHT), look_at([1, 0, 1], [0, 0, 0]), WIDTH, HEIGHT),
    np.zeros(2),
    1.0,
    1.0,
    truth=TRUTH,
)
INSTRUMENTS = ("oracle", "noise:0", "noise:7.5", "frozen")


def predicted(name: str, seed: int = 0, seen: Observation = SEEN) -> np.ndarray:
    policy = make_policy(name)
    policy.reset(seed)
    points = policy.predict(seen)
    return np.concatenate([points.end_effector, points.target])


def true_points() -> np.ndarray:
    return np.concatenate([TRUTH.end_effector, TRUTH.target])


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_predictions_are_deterministic(name):
    policy = make_policy(name)
    assert isinstance(policy, Policy)
    assert policy.name == name
    assert np.array_equal(predicted(name, 5), predicted(name, 5))


def test_the_oracle_returns_the_ground_truth():
    assert np.array_equal(predicted("oracle"), true_points())
    assert np.array_equal(predicted("noise:0", 3), true_points())


def test_frozen_ignores_the_image():
    assert np.array_equal(predicted("frozen"), [WIDTH / 2, HEIGHT / 2] * 2)


def test_noise_has_the_spread_it_says_and_scales():
    offsets = np.stack([predicted("noise:8", seed) - true_points() for seed in range(2000)])
    assert offsets.std(0) == pytest.approx(8, rel=0.08)
    assert offsets.mean(0) == pytest.approx(0, abs=0.8)
    assert np.abs(np.corrcoef(offsets.T) - np.eye(4)).max() < 0.1
    assert predicted("noise:16", 9) - true_points() == pytest.approx(2 * (predicted("noise:8", 9) - true_points()))


@pytest.mark.parametrize("name", ["oracle", "noise:3"])
def test_without_truth_there_is_no_oracle(name):
    blind = Observation(SEEN.image, SEEN.camera, SEEN.joint_positions, 1.0, 1.0)
    with pytest.raises(InvalidValueError, match="without truth"):
        predicted(name, 0, blind)


@pytest.mark.parametrize(
    "name", ["noise", "noise:", "noise:-1", "noise:inf", "noise:nan", "noise:two", "oracle:1", "frozen:x"]
)
def test_a_wrong_argument_is_refused(name):
    with pytest.raises(InvalidValueError, match="building the policy"):
        make_policy(name)


def test_an_unknown_policy_gets_the_nearest_name():
    with pytest.raises(UnknownNameError, match="use 'oracle' if that was meant"):
        make_policy("oracel")
    assert {"oracle", "noise", "frozen"} <= set(POLICIES)
