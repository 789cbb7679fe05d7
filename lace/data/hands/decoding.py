"""From the tensors of MediaPipe's two hand models to hands in pixels: the steps of its graph, in numpy and OpenCV.

The graph is `hand_landmark_tracking_cpu` of MediaPipe 0.10.21 with `use_prev_landmarks` off (its `static_image_mode`);
each constant below stands in one of its calculators' options.
"""

from dataclasses import dataclass

import cv2
import numpy as np

PALM_PX, HAND_PX = 192, 224
"""Sides of the two models' pictures."""
_STRIDES, _ANCHORS_PER_CELL = (8, 16), (2, 6)
"""SsdAnchorsCalculator: layers of strides 8, 16, 16, 16, two anchors a cell each; those of one stride are merged."""
_SAME_PALM, _SAME_HAND = 0.3, 0.5
"""Overlap from which two boxes are one palm (NonMaxSuppressionCalculator), or one hand (AssociationCalculator)."""
_ENLARGE, _TOWARDS_FINGERS = 2.6, 0.5
"""From a palm's box to the hand's square (RectTransformationCalculator)."""
PALM_POINTS = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
_AGAIN_ENLARGE, _AGAIN_TOWARDS_FINGERS = 2.0, 0.1
"""From the box around PALM_POINTS of a known hand to its square (HandLandmarkLandmarksToRoi)."""
_WRIST, _MIDDLE = 0, 2
"""Of a palm's seven points: the middle of the wrist and the middle finger's knuckle."""


@dataclass(frozen=True)
class Palms:
    """Palms in one image, best first; all in pixels."""

    boxes: np.ndarray
    """(n, 4) xyxy."""
    points: np.ndarray
    """(n, 7, 2)."""
    scores: np.ndarray
    """(n,) in [0, 1]."""


@dataclass(frozen=True)
class Square:
    """A turned square of an image."""

    centre: np.ndarray
    """(2,) [px]."""
    side: float
    """[px]."""
    angle: float
    """From the image's x axis to the square's, clockwise on the screen [rad]."""

    def to_image(self, share: np.ndarray) -> np.ndarray:
        """Points (..., 2) [px] of points in shares of the square's side; (0, 0) is its upper left corner."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return self.centre + self.side * (share - 0.5) @ np.array([[c, s], [-s, c]])


def crop(image: np.ndarray, square: Square, size: int, border: int) -> np.ndarray:
    """The square of an RGB image as (size, size, 3) float32 in [0, 1]; `border` is OpenCV's way to go on outside.

    Like MediaPipe's ImageToTensorCalculator it takes corners for pixel centres: that shifts the picture by less than
    half a pixel of the crop.
    """
    corners = square.to_image(np.array([[0, 0], [1, 0], [0, 1]])).astype(np.float32)
    M = cv2.getAffineTransform(corners, np.array([[0, 0], [size, 0], [0, size]], np.float32))
    return cv2.warpAffine(image, M, (size, size), flags=cv2.INTER_LINEAR, borderMode=border).astype(np.float32) / 255


def whole(image: np.ndarray) -> Square:
    """The upright square around a whole image (height, width, ...)."""
    height, width = image.shape[:2]
    return Square(np.array([width, height]) / 2, float(max(width, height)), 0.0)


def anchors() -> np.ndarray:
    """(2016, 2) centres of the palm model's anchors, in shares of its picture."""
    rows = []
    for stride, count in zip(_STRIDES, _ANCHORS_PER_CELL, strict=True):
        cells = (np.arange(PALM_PX // stride) + 0.5) * stride / PALM_PX
        y, x = np.meshgrid(cells, cells, indexing="ij")
        rows.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), count, 0))
    return np.concatenate(rows)


def decode_palms(boxes: np.ndarray, logits: np.ndarray, seen: Square, threshold: float) -> Palms:
    """The palms of at least `threshold`.

    Args:
        boxes: (2016, 18): centre, size and seven points against the anchors, in pixels of the model's picture.
        logits: (2016,).
        seen: The square that the model saw.
        threshold: Least score in [0, 1].
    """
    scores = 1 / (1 + np.exp(-np.clip(logits, -100, 100)))
    keep = np.flatnonzero(scores >= threshold)
    keep = keep[np.argsort(-scores[keep], kind="stable")]
    points = boxes[keep].reshape(-1, 9, 2) / PALM_PX
    points[:, [0, 2, 3, 4, 5, 6, 7, 8]] += anchors()[keep][:, None]
    half = points[:, 1] / 2
    corners = np.stack([points[:, 0] - half, points[:, 0] + half], 1)
    return _merged(seen.to_image(corners).reshape(-1, 4), seen.to_image(points[:, 2:]), scores[keep])


def _merged(boxes: np.ndarray, points: np.ndarray, scores: np.ndarray) -> Palms:
    """Weighted non-maximum suppression: detections that overlap the best one are averaged by score; repeated."""
    found, rest = [], np.arange(len(scores))
    while len(rest):
        one = overlaps(boxes[rest[0]], boxes[rest]) > _SAME_PALM
        if not one.any():  # a box without area
            break
        group, weight = rest[one], scores[rest[one]] / scores[rest[one]].sum()
        found.append((weight @ boxes[group], np.tensordot(weight, points[group], 1), scores[rest[0]]))
        rest = rest[~one]
    box, point, score = zip(*found, strict=True) if found else ((), (), ())
    return Palms(np.reshape(box, (-1, 4)), np.reshape(point, (-1, 7, 2)), np.array(score, float))


def overlaps(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union (n,) of one xyxy box (4,) with others (n, 4)."""
    sides = np.clip(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0, None)
    shared = sides.prod(1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(1) - shared
    return np.where(union > 0, shared / np.where(union > 0, union, 1), 0)


def hand_squares(palms: Palms, most: int) -> list[Square]:
    """Where to look for the hands of the best `most` palms; of squares that overlap the last one stays."""
    kept: list[Square] = []
    for box, points in zip(palms.boxes[:most], palms.points[:most], strict=True):
        new = _hand_square(box, points)
        kept = [old for old in kept if overlaps(_upright(new), _upright(old)[None])[0] <= _SAME_HAND] + [new]
    return kept


def _hand_square(box: np.ndarray, points: np.ndarray) -> Square:
    """The square around the hand of a palm: fingers up, moved towards them."""
    dx, dy = points[_MIDDLE] - points[_WRIST]
    angle = np.pi / 2 - np.arctan2(-dy, dx)
    width, height = box[2:] - box[:2]
    up = np.array([np.sin(angle), -np.cos(angle)])
    centre = (box[:2] + box[2:]) / 2 + _TOWARDS_FINGERS * height * up
    return Square(centre, float(max(width, height)) * _ENLARGE, float(angle))


def square_around(points: np.ndarray) -> Square:
    """Where the graph looks for a hand again whose keypoints (21, 2) [px] it knows, as in the next frame of a film.

    Of the fingers the little one may be absent (NaN); without a wrist or another knuckle there is no square: NaN.
    """
    palm = points[list(PALM_POINTS)]
    palm = palm[np.isfinite(palm).all(1)] if np.isfinite(points[[0, 5, 9, 13]]).all() else np.full((1, 2), np.nan)
    wrist, index, middle, ring = points[[0, 5, 9, 13]]
    dx, dy = ((index + ring) / 2 + middle) / 2 - wrist
    angle = float(np.pi / 2 - np.arctan2(-dy, dx))
    across, up = np.array([np.cos(angle), np.sin(angle)]), np.array([np.sin(angle), -np.cos(angle)])
    a, b = palm @ across, palm @ up
    width, height = np.ptp(a), np.ptp(b)
    centre = (a.min() + width / 2) * across + (b.min() + height / 2 + _AGAIN_TOWARDS_FINGERS * height) * up
    return Square(centre, float(max(width, height)) * _AGAIN_ENLARGE, angle)


def _upright(square: Square) -> np.ndarray:
    """Box xyxy (4,) of the square as if it were not turned, as the graph compares squares."""
    return np.concatenate([square.centre - square.side / 2, square.centre + square.side / 2])
