"""A folder of photographs: decoded in host threads, cached on the device, cropped and resized there."""

import os
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import warp as wp

from assets.backdrops.pictures import read_photo
from lace.core.camera import PinholeCamera
from lace.core.errors import InvalidValueError

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
SMALLEST_CROP = 0.6
"""Smallest crop as a fraction of the largest one that fits."""
KEPT_BYTES = 512 * 1024**2
"""Device cache of photographs; exceeded only while one batch needs more."""
WORLDS_AT_ONCE = 32
"""Worlds rendered together, whose photographs must be on the device at the same time."""


@wp.struct
class Photo:
    """A photograph on the device."""

    pixels: wp.array3d[wp.uint8]
    """(rows, columns, 3)."""


@wp.struct
class Crop:
    """The crop of a photograph that one world shows [px]."""

    photo: wp.int32
    left: wp.int32
    top: wp.int32
    width: wp.int32
    height: wp.int32


@wp.func
def pixel(pixels: wp.array3d[wp.uint8], row: wp.int32, column: wp.int32):
    """RGB of a pixel as floats."""
    return wp.vec3f(
        wp.float32(pixels[row, column, 0]), wp.float32(pixels[row, column, 1]), wp.float32(pixels[row, column, 2])
    )


@wp.func
def average(pixels: wp.array3d[wp.uint8], crop: Crop, low: wp.vec2f, high: wp.vec2f):
    """Area-weighted mean of the crop over the rectangle from low to high (x, y)."""
    total = wp.vec3f(0.0)
    last_row = wp.min(wp.int32(wp.ceil(high[1])), crop.height)
    last_column = wp.min(wp.int32(wp.ceil(high[0])), crop.width)
    weights = wp.float32(0.0)
    for row in range(wp.int32(low[1]), last_row):
        tall = wp.min(high[1], wp.float32(row + 1)) - wp.max(low[1], wp.float32(row))
        for column in range(wp.int32(low[0]), last_column):
            wide = wp.min(high[0], wp.float32(column + 1)) - wp.max(low[0], wp.float32(column))
            total += tall * wide * pixel(pixels, crop.top + row, crop.left + column)
            weights += tall * wide
    return total / weights


@wp.func
def between(pixels: wp.array3d[wp.uint8], crop: Crop, at: wp.vec2f):
    """Bilinear interpolation clamped to the crop."""
    x = wp.clamp(at[0] - 0.5, 0.0, wp.float32(crop.width - 1))
    y = wp.clamp(at[1] - 0.5, 0.0, wp.float32(crop.height - 1))
    column = wp.int32(x)
    row = wp.int32(y)
    left = crop.left + column
    right = crop.left + wp.min(column + 1, crop.width - 1)
    top = crop.top + row
    bottom = crop.top + wp.min(row + 1, crop.height - 1)
    across = x - wp.float32(column)
    upper = wp.lerp(pixel(pixels, top, left), pixel(pixels, top, right), across)
    lower = wp.lerp(pixel(pixels, bottom, left), pixel(pixels, bottom, right), across)
    return wp.lerp(upper, lower, y - wp.float32(row))


@wp.kernel(enable_backward=False)
def fill(photos: wp.array[Photo], crops: wp.array[Crop], out: wp.array4d[wp.uint8]):
    """Resamples each crop to its output image: area average to reduce, bilinear to enlarge."""
    world, y, x = wp.tid()
    crop = crops[world]
    number = wp.int32(crop.photo)  # Warp cannot index an array by a member of a struct
    photo = photos[number]
    step = wp.vec2f(
        wp.float32(crop.width) / wp.float32(out.shape[2]), wp.float32(crop.height) / wp.float32(out.shape[1])
    )
    low = wp.cw_mul(step, wp.vec2f(wp.float32(x), wp.float32(y)))
    colour = wp.vec3f(0.0)
    if crop.width > out.shape[2] and crop.height > out.shape[1]:
        colour = average(photo.pixels, crop, low, low + step)
    else:
        colour = between(photo.pixels, crop, low + 0.5 * step)
    for channel in range(3):
        out[world, y, x, channel] = wp.uint8(wp.min(colour[channel] + 0.5, 255.0))


class PhotoFolder:
    """A random crop of a random photograph per world; implements `Backdrop`."""

    def __init__(self, path: str | Path, device: str = "cpu"):
        """Lists the folder; raises InvalidValueError if it holds no image."""
        self.path, self.device, self.working_bytes = Path(path), device, KEPT_BYTES
        self.photos = sorted(p for p in self.path.iterdir() if p.suffix.lower() in PHOTO_SUFFIXES)
        if not self.photos:
            raise InvalidValueError(
                f"opening the photo folder {self.path}",
                "it holds no image",
                f"files ending in {', '.join(PHOTO_SUFFIXES)}",
                "put some photographs of rooms into it",
            )
        self._kept: OrderedDict[tuple[int, int, int], Photo] = OrderedDict()
        self._decoders = ThreadPoolExecutor(os.cpu_count())

    def render(self, camera: PinholeCamera, draw: np.ndarray, out: wp.array) -> None:
        """As `Backdrop.render`; `camera` is unused.

        Draw[:, 0] selects photo and crop size, the rest the crop's position.
        """
        draw = np.asarray(draw, float)[: len(out)]
        for start in range(0, len(out), WORLDS_AT_ONCE):
            part = slice(start, min(start + WORLDS_AT_ONCE, len(out)))  # Warp does not clip slices to the length
            self._fill(draw[part], out[part])

    def _fill(self, draw: np.ndarray, out: wp.array) -> None:
        size = (out.shape[2], out.shape[1])
        pick = draw[:, 0] * len(self.photos)
        index = np.minimum(pick.astype(int), len(self.photos) - 1)
        which, number = np.unique(index, return_inverse=True)
        photos = self._photos(which.tolist(), size)
        shapes = np.array([photo.pixels.shape[:2] for photo in photos])
        crops = crops_of(shapes[number], size, np.stack([pick - index, draw[:, 1], draw[:, 2]], 1))
        crops["photo"] = number
        inputs = [wp.array(photos, dtype=Photo, device=self.device), wp.array(crops, dtype=Crop, device=self.device)]
        wp.launch(fill, dim=out.shape[:3], inputs=inputs, outputs=[out], device=self.device)

    def _photos(self, which: list[int], size: tuple[int, int]) -> list[Photo]:
        """Photographs on the device; missing ones are decoded in parallel."""
        missing = [index for index in which if (index, *size) not in self._kept]
        decoded = self._decoders.map(lambda index: shrunk(read_photo(self.photos[index]), size), missing)
        for index, pixels in zip(missing, decoded, strict=True):
            photo = Photo()
            photo.pixels = wp.array(pixels, dtype=wp.uint8, device=self.device)
            self._kept[index, *size] = photo
        for index in which:
            self._kept.move_to_end((index, *size))
        photos = [self._kept[index, *size] for index in which]
        while len(self._kept) > len(which) and sum(photo.pixels.size for photo in self._kept.values()) > KEPT_BYTES:
            self._kept.popitem(last=False)
        return photos


def shrunk(photo: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Reduces a photograph by the largest integer factor for which the smallest crop still covers the output size.

    This bounds the memory per cached photograph. `size` is (width, height) [px].
    """
    factor = int(SMALLEST_CROP * min(photo.shape[1] / size[0], photo.shape[0] / size[1]))
    if factor > 1:
        photo = cv2.resize(photo, (photo.shape[1] // factor, photo.shape[0] // factor), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(photo)


def crops_of(shapes: np.ndarray, size: tuple[int, int], draw: np.ndarray) -> np.ndarray:
    """Crop records (n,) of photographs of `shapes` (n, 2) rows and columns, for pictures of `size` (width, height).

    Args:
        shapes: Of each world's photograph.
        size: Of the pictures [px].
        draw: In [0, 1) (n, 3): size, place across and place down.
    """
    rows, columns = shapes.T
    scale = np.minimum(columns / size[0], rows / size[1]) * (SMALLEST_CROP + (1 - SMALLEST_CROP) * draw[:, 0])
    crops = np.zeros(len(shapes), Crop.numpy_dtype())
    crops["width"], crops["height"] = (np.maximum(1, np.rint(side * scale)) for side in size)
    crops["left"] = draw[:, 1] * (columns - crops["width"] + 1)
    crops["top"] = draw[:, 2] * (rows - crops["height"] + 1)
    return crops
