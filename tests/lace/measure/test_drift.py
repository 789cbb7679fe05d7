"""Drift is zero for equal backbones and is located where the features changed."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from assets.robots import ROBOTS
from lace.core.errors import InvalidValueError
from lace.core.frames import Segment
from lace.measure.drift import HAND_WORDS, REGIONS, _words, displacement, drift, masks_of, token_regions
from tests.synthetic import make_frame

PATCH = 4


@pytest.mark.parametrize("name", ROBOTS)
def test_the_hand_of_every_robot_is_known_by_its_name(name):
    assert _words(ROBOTS[name].hand_root) & set(HAND_WORDS)
    assert not _words("forearm_link upper_arm_link wrist_link base shoulder_link sleeve") & set(HAND_WORDS)


class MeanColour(torch.nn.Module):
    def forward(self, images):
        return avg_pool2d(images, PATCH).permute(0, 2, 3, 1)


class Shifted(MeanColour):
    """Mean colour, with the channels permuted where `where` (n, rows, cols) is true."""

    def __init__(self, where):
        super().__init__()
        self.where = where

    def forward(self, images):
        features = super().forward(images)
        return torch.where(self.where[..., None], features.flip(-1), features)


@pytest.fixture(scope="module")
def scene():
    records = [make_frame(i) for i in range(3)]
    images = torch.from_numpy(np.stack([r.image for r in records])).permute(0, 3, 1, 2).float() / 255
    regions = token_regions(masks_of(records), (24, 24))
    return images, regions


def test_equal_backbones_do_not_drift(scene):
    images, regions = scene
    report = drift(displacement(MeanColour()(images), MeanColour()(images)), regions)
    assert [report[name]["value"] for name in REGIONS] == [0, 0, 0]
    assert all(report[name]["n"] > 0 for name in REGIONS)


def test_drift_on_the_hand_stays_on_the_hand(scene):
    images, regions = scene
    moved = displacement(MeanColour()(images), Shifted(regions[:, 0].reshape(3, 24, 24))(images))
    report = drift(moved, regions)
    assert report["hand"]["value"] > 0.1
    assert report["hand"]["low"] <= report["hand"]["value"] <= report["hand"]["high"]
    assert report["object"]["value"] == report["background"]["value"] == 0


def test_opposite_features_have_displacement_two():
    moved = torch.full((2, 2, 2), 2.0)
    report = drift(moved, torch.ones(2, 3, 4, dtype=torch.bool))
    assert report["hand"] == {"n": 8, "value": 2.0, "low": 2.0, "high": 2.0}


def test_a_region_without_tokens_is_none():
    assert drift(torch.zeros(1, 2, 2), torch.zeros(1, 3, 4, dtype=torch.bool))["object"] is None


def test_the_arm_is_neither_hand_nor_background(scene):
    arm = make_frame(0).mask(name="robot/arm")
    assert not masks_of([make_frame(0)])[0, :, arm].any()


def test_the_parts_of_the_simulated_human_hand_are_hand_and_its_arm_is_not():
    """Names as `lace generate human` writes them; "bearing" contains "ring" but is not a finger."""
    frame = make_frame(0)
    names = {2: "human/forearm", 3: "human/thumb", 4: "human/bearing"}
    segments = tuple(Segment(i, name, "human", "human") for i, name in names.items())
    hand = masks_of([dataclasses.replace(frame, segments=segments)])[0, 0]
    assert np.array_equal(hand.numpy(), frame.segmentation == 3)


def test_a_body_without_a_hand_is_an_error():
    with pytest.raises(InvalidValueError, match="belongs to the hand"):
        masks_of([make_frame(0)], ["claw"])


def test_no_masks_is_an_error():
    with pytest.raises(InvalidValueError, match="no segmentation"):
        masks_of([dataclasses.replace(make_frame(0), segmentation=None)])
