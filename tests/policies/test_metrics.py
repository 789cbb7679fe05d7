"""Metrics of predicted points, computed by hand: best, worst and intermediate cases; intervals over demonstrations."""

import numpy as np
import pytest

from lace.core.errors import InvalidValueError
from policies.metrics import point_metrics, pose_metrics, summarise

BOXES = np.array([[[10, 10, 30, 50], [100, 100, 140, 120]]], float)
MIDDLES = np.array([[[20, 30], [120, 110]]], float)


def localised(predicted):
    return {name: float(value[0]) for name, value in point_metrics(np.asarray(predicted, float), BOXES, 200).items()}


def test_perfect_points_hit_all_boxes():
    assert localised(MIDDLES) == {"emb": 1, "obj": 1, "both": 1, "l1": 0}


def test_the_worst_points_hit_no_box():
    # Corners: (0, 0) is 20 and 30 px from (20, 30); (200, 200) is 80 and 90 from (120, 110): mean 55 px of 200.
    assert localised([[[0, 0], [200, 200]]]) == {"emb": 0, "obj": 0, "both": 0, "l1": pytest.approx(55 / 200)}


def test_one_hit_of_two_is_no_hit_of_both_and_edges_count():
    # (10, 50) is a corner of the first box; (99, 110) is one pixel outside the second.
    found = localised([[[10, 50], [99, 110]]])
    assert (found["emb"], found["obj"], found["both"]) == (1, 0, 0)
    assert found["l1"] == pytest.approx((10 + 20 + 21 + 0) / 4 / 200)


def test_swapped_points_miss():
    found = localised(MIDDLES[:, ::-1])
    assert (found["emb"], found["obj"]) == (0, 0)


def test_a_non_finite_point_is_no_hit():
    found = localised(np.full((1, 2, 2), np.nan))
    assert (found["emb"], found["obj"], found["both"]) == (0, 0, 0) and np.isnan(found["l1"])


def test_pose_by_hand():
    truth = np.array([[[0, 0], [50, 0], [0, 50], [10, 10], [0, 0]]], float)
    # Errors 0, 10, 20, 25 and 60 px on a hand of 100 px: shares 0, 0.1, 0.2, 0.25 and 0.6.
    predicted = truth + np.array([[[0, 0], [6, 8], [0, 20], [-25, 0], [60, 0]]], float)
    found = pose_metrics(predicted, truth, np.array([100.0]))
    np.testing.assert_allclose(found["epe_px"], [[0, 10, 20, 25, 60]])
    np.testing.assert_array_equal(found["pck@0.2"], [[1, 1, 1, 0, 0]])
    # The PCK curve of one point is a step at its share s; its area up to 0.5 is 1 - s / 0.5, none beyond.
    np.testing.assert_allclose(found["auc@0.5"], [[1, 0.8, 0.6, 0.5, 0]])


def test_the_area_is_that_of_the_curve():
    rng = np.random.default_rng(0)
    truth, error = np.zeros((400, 1, 2)), rng.uniform(0, 1, (400, 1))
    predicted = np.stack([error, 0 * error], -1)
    found = pose_metrics(predicted, truth, np.ones(400))
    limits = np.linspace(0, 0.5, 2001)
    curve = (error[:, 0] <= limits[:, None]).mean(1)
    assert found["auc@0.5"].mean() == pytest.approx(np.trapezoid(curve, limits) / 0.5, abs=1e-3)


def test_unknown_keypoints_are_left_out():
    truth = np.array([[[0, 0], [np.nan, np.nan]], [[0, 0], [0, 0]]])
    found = pose_metrics(np.full((2, 2, 2), 3.0), truth, np.full(2, 10.0))
    summary = summarise(found, ["a", "b"])
    assert summary["epe_px"].value == pytest.approx(np.sqrt(18))
    assert np.isnan(found["pck@0.2"][0, 1]) and summary["pck@0.2"].value == 0


def test_intervals_resample_demonstrations_not_frames():
    # 2 demonstrations of 500 frames each, one all hits, one all misses: an interval over frames would be 0.5 +- 0.03.
    hits = np.repeat([0.0, 1.0], 500)
    by_demonstration = summarise({"emb": hits}, np.repeat(["a", "b"], 500))["emb"]
    by_frame = summarise({"emb": hits}, [str(i) for i in range(1000)])["emb"]
    assert by_demonstration.value == by_frame.value == 0.5
    assert (by_demonstration.low, by_demonstration.high) == (0, 1)
    assert 0.46 < by_frame.low < by_frame.high < 0.54


def test_means_are_over_frames_and_order_does_not_matter():
    values, names = np.array([1.0, 1, 1, 0]), ["a", "a", "a", "b"]
    one = summarise({"emb": values}, names)["emb"]
    other = summarise({"emb": values[::-1]}, names[::-1])["emb"]
    assert one.value == 0.75 and one == other


def test_nothing_to_summarise_is_an_error():
    with pytest.raises(InvalidValueError, match="no frames"):
        summarise({"emb": np.array([])}, [])
