"""Patches that belong to the hand: from the segmentation if there is one, else from the keypoints."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from lace.core.frames import FrameRecord
from lace.core.geometry import BoolArray
from lace.core.keypoints import Visibility
from lace.measure.drift import HAND_WORDS, region_masks, token_regions


def hull_mask(record: FrameRecord) -> BoolArray:
    """Mask (height, width) bool of the convex hull of the visible keypoints; empty for fewer than three."""
    mask = np.zeros(record.image.shape[:2], np.uint8)
    points = record.keypoints_uv[record.visibility == Visibility.VISIBLE]
    if len(points) >= 3:
        cv2.fillConvexPoly(mask, cv2.convexHull(np.floor(points).astype(np.int32)), 1)
    return mask > 0


def hand_tokens(records: Sequence[FrameRecord], grid: tuple[int, int], words: Sequence[str] = HAND_WORDS) -> Tensor:
    """Patches (n, rows * cols) bool of the hand: more than half of the patch is covered.

    Args:
        records: Frames; those without a segmentation (photographs) count the hull of their visible keypoints.
        grid: Rows and columns of patches.
        words: As in `region_masks`.
    """
    masks = [hull_mask(r) if r.segmentation is None else region_masks(r, words)[0] for r in records]
    return torch.cat([token_regions(torch.from_numpy(m)[None, None], grid) for m in masks])[:, 0]
