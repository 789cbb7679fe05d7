"""Draws labels over an image: keypoints and bones coloured by finger, boxes, outlines of masks."""

import cv2
import numpy as np

from lace.core.frames import FrameRecord
from lace.core.keypoints import FINGERS, SKELETON, Visibility
from lace.core.semantics import EMBODIMENTS, TARGET

FINGER_COLOURS = {
    "thumb": (230, 159, 0),
    "index": (86, 180, 233),
    "middle": (0, 158, 115),
    "ring": (240, 228, 66),
    "little": (204, 121, 167),
}
"""RGB; five of the eight colours of Okabe and Ito (2008), which colour-blind people can tell apart."""
WRIST_COLOUR = (255, 255, 255)
EMBODIMENT_COLOUR, TARGET_COLOUR = (213, 94, 0), (0, 200, 90)
_OUTLINE = (20, 20, 20)
_REFERENCE_PX = 224
"""Image size at which lines are one pixel and keypoints 2.5 pixels; larger images scale them."""


def keypoint_colour(k: int) -> tuple[int, int, int]:
    """RGB of keypoint `k` (0-20): its finger's colour, white for the wrist."""
    return WRIST_COLOUR if k == 0 else FINGER_COLOURS[FINGERS[(k - 1) // 4]]


def draw_overlay(record: FrameRecord, scale: float = 1.0, numbers: bool = False) -> np.ndarray:
    """A copy of the image, `scale` times as large, with every label drawn on it; RGB uint8.

    Masks are drawn as outlines, so that the colours of robot, skin and objects stay as they are.

    Args:
        record: The frame; labels it does not have are left out.
        scale: Enlargement, > 0; labels are drawn after it and stay sharp.
        numbers: Whether keypoint numbers are drawn beside the points.
    """
    height, width = record.image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = cv2.resize(record.image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    _draw_outlines(image, record)
    _draw_boxes(image, record, scale)
    draw_keypoints(image, record.keypoints_uv * scale, record.visibility, numbers)
    return image


def draw_keypoints(image: np.ndarray, uv: np.ndarray, visibility: np.ndarray, numbers: bool = False) -> None:
    """Draws bones and points (21, 2) [px] into `image`: visible ones filled, occluded ones hollow, others left out."""
    unit = _line_px(image)
    shown = (visibility >= Visibility.OCCLUDED) & np.isfinite(uv).all(1)
    for a, b in SKELETON:
        if shown[a] and shown[b]:
            cv2.line(image, _point(uv[a]), _point(uv[b]), keypoint_colour(b), unit, cv2.LINE_AA, _SHIFT)
    for k in np.flatnonzero(shown):
        _draw_point(image, uv[k], keypoint_colour(k), visibility[k] == Visibility.VISIBLE, unit)
        if numbers:
            _draw_number(image, uv[k], int(k), unit)


_SHIFT = 4
"""OpenCV takes coordinates with this many fractional bits."""


def _point(uv: np.ndarray) -> tuple[int, int]:
    """Our pixel (0.5, 0.5) is OpenCV's (0, 0)."""
    x, y = np.rint((np.asarray(uv, float) - 0.5) * 2**_SHIFT).astype(int)
    return int(x), int(y)


def _line_px(image: np.ndarray) -> int:
    return max(1, round(max(image.shape[:2]) / _REFERENCE_PX))


def _draw_point(image: np.ndarray, uv: np.ndarray, colour: tuple[int, int, int], filled: bool, unit: int) -> None:
    radius = int(2.5 * unit * 2**_SHIFT)
    if filled:
        cv2.circle(image, _point(uv), radius + unit * 2**_SHIFT, _OUTLINE, -1, cv2.LINE_AA, _SHIFT)
        cv2.circle(image, _point(uv), radius, colour, -1, cv2.LINE_AA, _SHIFT)
    else:
        for ring, ring_colour in ((radius + unit * 2**_SHIFT, _OUTLINE), (radius, colour)):
            cv2.circle(image, _point(uv), ring, ring_colour, unit, cv2.LINE_AA, _SHIFT)


def _draw_number(image: np.ndarray, uv: np.ndarray, k: int, unit: int) -> None:
    at = (int(uv[0]) + 4 * unit, int(uv[1]) - 3 * unit)
    for colour, thickness in ((_OUTLINE, 3 * unit), ((255, 255, 255), unit)):
        cv2.putText(image, str(k), at, cv2.FONT_HERSHEY_SIMPLEX, 0.35 * unit, colour, thickness, cv2.LINE_AA)


def _draw_boxes(image: np.ndarray, record: FrameRecord, scale: float) -> None:
    target = (("target@segmentation", TARGET_COLOUR), ("target@owlv2", TARGET_COLOUR))
    for name, colour in (("embodiment@segmentation", EMBODIMENT_COLOUR), *target):
        box = record.boxes.get(name)
        if box is not None and np.isfinite(box).all():
            low, high = _point(box[:2] * scale + 0.5), _point(box[2:] * scale - 0.5)
            cv2.rectangle(image, low, high, colour, _line_px(image), cv2.LINE_AA, _SHIFT)


def _draw_outlines(image: np.ndarray, record: FrameRecord) -> None:
    if record.segmentation is None:
        return
    for semantics, colour in ((EMBODIMENTS, EMBODIMENT_COLOUR), ((TARGET,), TARGET_COLOUR)):
        ids = [segment.id for segment in record.segments if segment.semantic in semantics]
        mask = np.isin(record.segmentation, ids).astype(np.uint8)
        mask = cv2.resize(mask, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, contours, -1, colour, _line_px(image), cv2.LINE_AA)
