"""Reads images as 8-bit sRGB; HDR images are tone-mapped; damaged files raise errors that name them."""

import os
from pathlib import Path

import cv2
import numpy as np

from lace.core.errors import InvalidValueError


def read_photo(path: Path) -> np.ndarray:
    """A photograph (rows, columns, 3) uint8 RGB; raises InvalidValueError that names the file."""
    return _read(path, cv2.IMREAD_COLOR)[..., ::-1]


def read_display(path: Path) -> np.ndarray:
    """As `read_photo`, also for 16-bit, linear-light (HDR) and single-channel images."""
    image = _read(path, cv2.IMREAD_UNCHANGED)
    if image.ndim != 3:
        image = np.repeat(np.atleast_3d(image), 3, -1)
    rgb = image[..., 2::-1]
    if rgb.dtype.kind == "f":
        return tone_map(rgb)
    return rgb if rgb.dtype == np.uint8 else (rgb.astype(np.uint16) // 257).astype(np.uint8)


def tone_map(light: np.ndarray) -> np.ndarray:
    """Linear light (..., 3) to uint8 sRGB (Reinhard et al. 2002).

    The median maps to mid grey; highlights are compressed.
    """
    light = np.maximum(np.nan_to_num(light.astype(np.float32)), 0)
    luminance = light @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    exposed = light * (0.25 / max(float(np.median(luminance)), 1e-6))
    display = exposed * (1 + exposed / 9) / (1 + exposed)
    srgb = np.where(display <= 0.0031308, 12.92 * display, 1.055 * np.maximum(display, 1e-8) ** (1 / 2.4) - 0.055)
    return (np.clip(srgb, 0, 1) * 255 + 0.5).astype(np.uint8)


def _read(path: Path, flags: int) -> np.ndarray:
    """The image in OpenCV's channel order (BGR)."""
    if path.suffix.lower() == ".exr":
        os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
    try:
        image = cv2.imread(str(path), flags)
    except cv2.error as error:
        raise _unreadable(path, str(error).strip().splitlines()[0]) from error
    if image is None:
        raise _unreadable(path, "it is damaged or not an image")
    return image


def _unreadable(path: Path, why: str) -> InvalidValueError:
    return InvalidValueError(
        f"reading the backdrop {path}",
        f"the file could not be decoded ({why})",
        "an image that OpenCV reads",
        "remove the file or convert it to .jpg, .png or .hdr",
    )
