"""A plan played at a fixed rate: reaches its end, holds what does not move, for every rate."""

import numpy as np
import pytest

from policies.outcome import Phase
from policies.path import JointPath, sealed
from policies.primitives import ArmMove, HandMove, Plan
from policies.primitives.playback import joint_targets

START = np.array([0.0, 0.0, 0.5])
PATH = sealed(JointPath(np.array([0, 1.0]), np.array([[0, 0], [1, -1.0]])), 0.0)
PLAN = Plan((HandMove(Phase.APPROACH, np.array([0.9]), 0.4), ArmMove(Phase.APPROACH, PATH)), np.zeros(3))


@pytest.mark.parametrize("rate", [10, 25, 250])
def test_targets_end_where_the_moves_do(rate):
    targets = joint_targets(PLAN, START, rate)
    count = int(0.4 * rate + 0.5)
    assert len(targets) == count + rate
    assert np.allclose(targets[count - 1], [0, 0, 0.9]) and np.allclose(targets[-1], [1, -1, 0.9])
    assert not targets[:count, :2].any() and np.allclose(targets[count:, 2], 0.9)
    assert np.allclose(np.diff(targets[:count, 2]), 0.4 / count)
    assert np.allclose(targets[count:, 0], np.arange(1, rate + 1) / rate)


def test_settling_holds_the_end():
    settled, plain = (joint_targets(PLAN, START, 100, settle) for settle in (0.1, 0.0))
    assert len(settled) == len(plain) + 10 and np.array_equal(settled[: len(plain)], plain)
    assert (settled[len(plain) :] == plain[-1]).all()
