"""The grasp search: its parameters, and the vertical slide for testing grasps."""

from dataclasses import replace

import numpy as np
import pytest

from assets.grasps import DEFAULT, grasp_for
from lace.core.geometry import transform
from sim_envs.grasp_search import FLANGE, FLANGE_Z, HIGH, LOW, Search, SearchConfig, shapes_of


@pytest.fixture(scope="module")
def search():
    return Search(SearchConfig())


def test_a_grasp_round_trips_through_its_parameters(search):
    rng = np.random.default_rng(0)
    for _ in range(20):
        grasp = search.decode(rng.uniform(LOW, HIGH))
        again = search.decode(search.encode(grasp))
        assert np.allclose(again.T_table_palm, grasp.T_table_palm, atol=1e-9)
        assert np.allclose(again.open, grasp.open)
        assert np.allclose(again.closed, grasp.closed)


def test_decoded_grasps_keep_joint_limits_and_close(search):
    grasp = search.decode(HIGH)
    low, high = search.hands[0].limits.T
    assert (grasp.closed >= low).all()
    assert (grasp.closed <= high).all()
    assert (grasp.closed - grasp.open).sum() > 0


def test_the_stored_grasp_lifts_and_an_open_hand_does_not(search):
    grasp = grasp_for("dinosaur")
    assert search.hands[1].is_clear(grasp)
    assert search.successes(grasp, 6, np.random.default_rng(1)) >= 5
    assert search.successes(replace(grasp, closed=grasp.open), 3, np.random.default_rng(1)) == 0


def test_a_hand_in_the_table_or_in_the_doll_is_not_clear(search):
    grasp = grasp_for("dinosaur")
    hand = search.hands[1]
    sunk = replace(grasp, T_table_palm=transform(None, [0, 0, -0.06]) @ grasp.T_table_palm)
    assert not hand.is_clear(sunk)
    into = replace(grasp, T_table_palm=transform(None, [0.05, 0, 0]) @ grasp.T_table_palm)
    assert not hand.is_clear(into)
    assert (grasp.T_table_palm @ FLANGE)[2] >= FLANGE_Z


def test_the_default_is_tried_on_several_shapes():
    shapes, mass = shapes_of(DEFAULT)
    assert len({tuple(np.ptp(hulls[0], axis=0).round(4)) for hulls in shapes}) == 3
    assert mass[0] < mass[1]
