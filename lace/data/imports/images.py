"""Image files, and the crop around a hand that moves its labels along."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from lace.core.errors import InvalidValueError
from lace.core.frames import FrameRecord
from lace.core.keypoints import Visibility, keypoint_box
from lace.data.imports.writing import SkipFrame

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
CROP_SCALE = 2.0
"""Side of the crop over the longer side of the hand's box: the hand fills a quarter of the image (a choice of ours;
the paper's crops are random)."""


def image_files(folder: str | Path) -> list[Path]:
    """Image files below `folder`, sorted; InvalidValueError where there is none."""
    files = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not files:
        got = "there are none" if Path(folder).is_dir() else "there is no such folder"
        raise InvalidValueError(
            f"looking for images in {folder}", got, f"files ending in {', '.join(SUFFIXES)}", "check the path"
        )
    return files


def read_image(path: str | Path, upright: bool = False) -> np.ndarray:
    """RGB (height, width, 3) uint8 of an image file; SkipFrame where it cannot be read.

    Args:
        path: The file.
        upright: Turned as EXIF says; by default as the pixels are stored, to which labels of others refer.
    """
    path = Path(path)
    if not path.is_file():
        raise SkipFrame("missing image", path.name)
    flags = cv2.IMREAD_COLOR if upright else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(path.read_bytes() or b"\0", np.uint8), flags)
    if image is None:
        raise SkipFrame("unreadable image", path.name)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def settle(record: FrameRecord) -> FrameRecord:
    """The record with OUT_OF_VIEW where a present keypoint lies outside the image, and its keypoint box."""
    height, width = record.image.shape[:2]
    uv, visibility = record.keypoints_uv.astype(np.float32), record.visibility.astype(np.uint8)
    inside = ((uv >= 0) & (uv < (width, height))).all(1)
    visibility[(visibility >= Visibility.OCCLUDED) & ~inside] = Visibility.OUT_OF_VIEW
    uv[visibility == Visibility.ABSENT] = np.nan
    boxes = {**record.boxes, "embodiment@keypoints": keypoint_box(uv, visibility)}
    return replace(record, keypoints_uv=uv, visibility=visibility, boxes=boxes)


def crop_square(record: FrameRecord, box: np.ndarray, scale: float = CROP_SCALE) -> FrameRecord:
    """The square of `scale` times the box's longer side around its centre, moved and shrunk to stay in the image.

    Args:
        record: A frame without camera, segmentation and depth (photographs); its labels move along.
        box: xyxy [px] (4,).
        scale: Side of the square over the box's longer side.
    """
    height, width = record.image.shape[:2]
    side = int(np.clip(round(float((box[2:] - box[:2]).max()) * scale), 16, min(height, width)))
    corner = np.round((box[:2] + box[2:]) / 2 - side / 2)
    x, y = np.clip(corner, 0, (width - side, height - side)).astype(int)
    image = np.ascontiguousarray(record.image[y : y + side, x : x + side])
    return settle(replace(record, image=image, keypoints_uv=record.keypoints_uv - np.array([x, y], np.float32)))


def resize(record: FrameRecord, size: int) -> FrameRecord:
    """The frame scaled so that its longer side is `size` px; each axis is scaled by its own whole-pixel ratio."""
    height, width = record.image.shape[:2]
    ratio = size / max(height, width)
    new = max(1, round(width * ratio)), max(1, round(height * ratio))
    way = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
    uv = record.keypoints_uv * (np.array(new) / (width, height))
    return settle(replace(record, image=cv2.resize(record.image, new, interpolation=way), keypoints_uv=uv))
