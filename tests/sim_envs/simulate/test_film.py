"""The camera of a film keeps all that matters in the picture."""

import numpy as np
import pytest

from sim_envs.simulate.film import MARGIN, zoom_to

SIZE = np.array([200.0, 100.0])


def test_what_is_in_the_picture_already_changes_nothing():
    low, high = zoom_to(np.array([[60.0, 30.0], [120.0, 80.0]]), SIZE)
    assert low.tolist() == [0, 0] and high.tolist() == SIZE.tolist()
    assert zoom_to(np.zeros((0, 2)), SIZE)[1].tolist() == SIZE.tolist()


@pytest.mark.parametrize("seed", range(20))
def test_all_points_are_inside_with_a_margin_and_the_shape_stays(seed):
    uv = np.random.default_rng(seed).normal(100, 150, (9, 2))
    low, high = zoom_to(uv, SIZE)
    window = high - low
    assert window[0] / window[1] == pytest.approx(2) and window[0] >= 200
    margin = MARGIN * window - 1e-9
    assert (uv >= low + margin).all() and (uv <= high - margin).all()


def test_a_far_point_shifts_the_window_before_it_grows():
    low, high = zoom_to(np.array([[150.0, 50.0], [260.0, 50.0]]), SIZE)
    assert (high - low).tolist() == SIZE.tolist() and low[0] == pytest.approx(260 - 0.94 * 200)
