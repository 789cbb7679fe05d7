"""A data set on which the method must work: hands with coloured markers at the visible keypoints.

LACE needs features that match parts within an embodiment but not across (paper sec. 3). Here random weights do:
each keypoint's marker has its own hue, discs on humans and squares on robots, with a different order of hues on
the robot. A wrong implementation fails, and so does a centre prior, because crops are far off centre. It tests the
algorithm, not the knowledge of a pretrained backbone.
"""

import colorsys
from collections.abc import Callable

import cv2
import numpy as np
import torch

from lace.alignment.pairs import FrameBank
from lace.core.frames import FrameRecord
from lace.core.keypoints import COUNT, Visibility

SIDE = 128
"""Side of the crops [px]."""
RADIUS = 0.085
"""Size of a marker as a fraction of the crop's side."""
GREY = 0.75
"""Fraction of the frame's own colour that is removed."""
ROOM = (1.35, 1.9)
"""Side of a crop over that of the box of visible keypoints."""
OFF_CENTRE = 0.35
"""Largest distance between the centres of hand and crop, per axis, as a fraction of its side."""
PLAIN_OFF_CENTRE = 0.2
"""The same for crops without markers, of which more must be visible."""
MIN_VISIBLE = 4

_OTHER_ORDER = np.random.default_rng(3).permutation(COUNT)


def colour(keypoint: int, robot: bool) -> tuple[int, int, int]:
    """RGB of a keypoint's marker; neighbours differ in value too, with a different order on the robot."""
    hue = _OTHER_ORDER[keypoint] if robot else keypoint
    value = (0.95 if keypoint % 3 else 0.6) if robot else (1.0 if keypoint % 2 else 0.75)
    return tuple(round(255 * channel) for channel in colorsys.hsv_to_rgb(hue / COUNT, 1.0, value))


def _disc(image: np.ndarray, centre: tuple[int, int], radius: int, rgb: tuple[int, int, int]) -> None:
    cv2.circle(image, centre, radius, rgb, cv2.FILLED, cv2.LINE_AA)


def _square(image: np.ndarray, centre: tuple[int, int], radius: int, rgb: tuple[int, int, int]) -> None:
    (x, y), half = centre, round(0.9 * radius)
    cv2.rectangle(image, (x - half, y - half), (x + half, y + half), rgb, cv2.FILLED)


def hand_crop(
    record: FrameRecord, rng: np.random.Generator, off_centre: float = OFF_CENTRE, border: int = cv2.BORDER_REFLECT_101
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(image (SIDE, SIDE, 3), keypoints (21, 2) [px], visible (21,)): a square around the hand, off its centre.

    Pixels outside the frame are filled by OpenCV's border mode `border`.
    """
    visible = record.visibility == Visibility.VISIBLE
    points = record.keypoints_uv[visible]
    low, high = points.min(0), points.max(0)
    side = max((high - low).max(), 16.0) * rng.uniform(*ROOM)
    corner = (low + high) / 2 + rng.uniform(-off_centre, off_centre, 2) * side - side / 2
    scale = SIDE / side
    matrix = np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]])
    shift = matrix[:, :2].sum(1) / 2 - 0.5  # OpenCV counts from pixel centres, we from the outer corner
    drawn = np.column_stack([matrix[:, :2], matrix[:, 2] + shift])
    image = cv2.warpAffine(record.image, drawn, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=border)
    uv = record.keypoints_uv @ matrix[:, :2].T + matrix[:, 2]
    return image, uv.astype(np.float32), visible & ((uv >= 0) & (uv < SIDE)).all(1)


def marked(records: list[FrameRecord], name: str, seed: int) -> FrameBank:
    """Crops of `records` with markers, for "human" or "robot"; frames that show too few keypoints are left out."""
    rng, robot = np.random.default_rng([seed, name == "robot"]), name == "robot"
    mark: Callable = _square if robot else _disc
    kept = []
    for record in records:
        if (record.visibility == Visibility.VISIBLE).sum() < MIN_VISIBLE:
            continue
        image, uv, visible = hand_crop(record, rng)
        grey = image.mean(-1, keepdims=True)
        image = np.ascontiguousarray((GREY * grey + (1 - GREY) * image).astype(np.uint8))
        for k in np.flatnonzero(visible):
            mark(image, tuple(np.floor(uv[k]).astype(int).tolist()), round(RADIUS * SIDE), colour(k, robot))
        kept.append((image, uv, visible))
    return _bank(kept, name)


def plain(records: list[FrameRecord], name: str, seed: int) -> FrameBank:
    """Crops without markers and in their own colours.

    The border is not mirrored, because that would show an unlabelled left hand.
    """
    rng, kept = np.random.default_rng([seed, name == "robot"]), []
    for record in records:
        if (record.visibility == Visibility.VISIBLE).sum() >= MIN_VISIBLE:
            kept.append(hand_crop(record, rng, PLAIN_OFF_CENTRE, cv2.BORDER_REPLICATE))
    return _bank(kept, name)


def _bank(crops: list[tuple[np.ndarray, np.ndarray, np.ndarray]], name: str) -> FrameBank:
    images, keypoints, visible = (torch.from_numpy(np.stack(column)) for column in zip(*crops, strict=True))
    return FrameBank(images.permute(0, 3, 1, 2).contiguous(), keypoints, visible, [name] * len(crops))


def renamed(bank: FrameBank, seed: int) -> FrameBank:
    """The bank with the names of its parts shuffled: the negative control, which has nothing to align."""
    present = torch.from_numpy(np.flatnonzero(bank.visible.any(0).numpy()))
    order = torch.arange(COUNT)
    order[present] = present[torch.randperm(len(present), generator=torch.Generator().manual_seed(seed))]
    return FrameBank(bank.images, bank.keypoints[:, order], bank.visible[:, order], bank.embodiment)
