"""The 21 hand keypoints (OpenPose / HInt order), their visibility, and boxes made from them."""

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

FINGERS = ("thumb", "index", "middle", "ring", "little")
_JOINTS = {"thumb": ("cmc", "mcp", "ip", "tip")}
NAMES: tuple[str, ...] = ("wrist",) + tuple(
    f"{finger}_{joint}" for finger in FINGERS for joint in _JOINTS.get(finger, ("mcp", "pip", "dip", "tip"))
)
COUNT = len(NAMES)
INDEX = {name: i for i, name in enumerate(NAMES)}
FINGERTIPS = tuple(INDEX[f"{finger}_tip"] for finger in FINGERS)
SKELETON: tuple[tuple[int, int], ...] = tuple(
    (0 if joint == 0 else 4 * finger + joint, 4 * finger + joint + 1) for finger in range(5) for joint in range(4)
)
"""Bones as pairs of keypoint indices: wrist to each finger's base, then along the finger."""


class Visibility(IntEnum):
    """Visibility of one keypoint in one image."""

    ABSENT = 0
    """The embodiment has no such part (LEAP has no little finger), or it is not labelled."""
    OUT_OF_VIEW = 1
    """Outside the image, or behind the camera."""
    OCCLUDED = 2
    """Inside the image, hidden behind a surface."""
    VISIBLE = 3


def keypoint_box(uv: ArrayLike, visibility: ArrayLike, members: tuple[int, ...] = (0, *FINGERTIPS)) -> NDArray:
    """Box (4,) xyxy [px] around `members`, NaN if none is present. Default: the paper's (sec. 5.2: wrist, fingertips).

    Args:
        uv: Keypoints (21, 2) [px].
        visibility: `Visibility` of each (21,); ABSENT and OUT_OF_VIEW ones are left out.
        members: Indices that span the box.
    """
    chosen = np.asarray(members)
    seen = np.asarray(visibility)[chosen] >= Visibility.OCCLUDED
    if not seen.any():
        return np.full(4, np.nan, np.float32)
    points = np.asarray(uv)[chosen[seen]]
    return np.concatenate([points.min(0), points.max(0)]).astype(np.float32)
