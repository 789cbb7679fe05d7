"""GrabCut segments a drawn hand, and nothing of the old background remains."""

import cv2
import numpy as np
import pytest

from lace.core.frames import FrameRecord
from lace.core.keypoints import SKELETON, Visibility
from lace.data.imports.backgrounds import Masker, grabcut_mask, replace_background
from lace.data.imports.writing import SkipFrame


def drawn_hand():
    """(frame, true mask) of a skin-coloured hand with five straight fingers on bluish noise."""
    uv = np.zeros((21, 2), np.float32)
    uv[0] = (100, 165)
    for finger in range(5):
        for joint in range(4):
            angle = np.radians(-140 + 25 * finger)
            uv[4 * finger + joint + 1] = uv[0] + (55 + 22 * joint) * np.array([np.cos(angle), np.sin(angle)])
    mask = np.zeros((200, 200), np.uint8)
    for a, b in SKELETON:
        cv2.line(mask, tuple(map(int, uv[a])), tuple(map(int, uv[b])), 1, 13)
    noise = np.random.default_rng(0).normal(0, 12, (200, 200, 3))
    image = np.where(mask[..., None] > 0, (205, 150, 120), (70, 95, 130)) + noise
    visible = np.full(21, Visibility.VISIBLE, np.uint8)
    return FrameRecord(image.clip(0, 255).astype(np.uint8), "human_right", uv, visible), mask > 0


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


def test_overlap_by_hand():
    assert overlap(np.array([1, 1, 0, 0], bool), np.array([0, 1, 1, 0], bool)) == 1 / 3


def test_grabcut_covers_the_hand_better_than_chance():
    record, truth = drawn_hand()
    box = cv2.boundingRect(truth.astype(np.uint8))
    chance = np.zeros_like(truth)
    chance[box[1] : box[1] + box[3], box[0] : box[0] + box[2]] = True
    assert overlap(grabcut_mask(record), truth) > max(0.8, 1.5 * overlap(chance, truth))


def test_the_background_is_replaced_and_the_hand_is_not():
    record, truth = drawn_hand()
    green = np.full((50, 90, 3), (0, 200, 0), np.uint8)
    result = replace_background(record, green, truth)
    np.testing.assert_array_equal(result.image[truth], record.image[truth])
    assert (result.image[~truth] == (0, 200, 0)).all()


@pytest.mark.parametrize("labelled", [(0, 4, 8), (4, 8, 12, 16, 20), (3, 8), tuple(range(21))])
def test_keypoints_without_neighbours_are_enough_for_grabcut(labelled):
    record, truth = drawn_hand()
    record.visibility[:] = Visibility.ABSENT
    record.visibility[list(labelled)] = Visibility.VISIBLE
    mask = grabcut_mask(record)
    assert mask.any() and (mask & truth).sum() > 0.3 * mask.sum()


def test_keypoints_in_one_place_skip_the_frame():
    record, _ = drawn_hand()
    record.keypoints_uv[:] = record.keypoints_uv[0]
    try:
        _, mask = Masker().mask(record)
        assert mask.any()
    except SkipFrame as skip:
        assert skip.reason == "its keypoints do not suffice for a mask"
