"""Trivial predictors against values computed by hand."""

import math

import pytest
import torch

from lace.backbones.described import Described
from lace.measure.predictors import NAMES, chance, mean_keypoints, trivial

TWO = Described(
    torch.zeros(1, 4, 1),
    (2, 2),
    torch.tensor([[[5.0, 5.0], [15.0, 5.0], [float("nan"), 0.0]]]),
    torch.tensor([[True, True, False]]),
    10,
)
"""One image of 20 x 20 px, four patches of 10 px; two visible keypoints on the centres of the upper patches."""


def test_values_by_hand():
    table = trivial(TWO, torch.tensor([[5.0, 9.0], [15.0, 5.0], [0.0, 0.0]]))
    assert tuple(table) == NAMES
    assert table["random patch"]["epe_px"] == pytest.approx((0 + 10 + 10 + math.sqrt(200)) / 4)
    assert table["image centre"]["epe_px"] == pytest.approx(math.sqrt(50))
    assert table["random visible keypoint"]["epe_px"] == pytest.approx(5)
    assert table["mean training keypoint"]["epe_px"] == pytest.approx(2)
    assert table["mean training keypoint"]["epe_patches"] == pytest.approx(0.2)
    assert [table[name]["part_accuracy"] for name in NAMES] == pytest.approx([0.5, 0.5, 1, 0.5])
    assert table["random visible keypoint"]["pck"] == pytest.approx(0.5)
    assert chance(TWO) == pytest.approx(0.5)


def test_mean_keypoints_are_over_visible_ones_only():
    keypoints = torch.tensor([[[0.0, 0.0], [8.0, 8.0]], [[4.0, 2.0], [float("nan")] * 2]])
    mean = mean_keypoints(keypoints, torch.tensor([[True, False], [True, False]]))
    torch.testing.assert_close(mean, torch.tensor([[2.0, 1.0], [2.0, 1.0]]))
