"""Real places behind the scene: photographs, panoramas, Gaussian splats. `open_backdrop(path)` picks the reader."""

import os
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np

from assets.splats import SplatCloud
from lace.core.camera import PinholeCamera
from lace.core.errors import InvalidValueError

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
PANORAMA_SUFFIXES = (".hdr", ".exr", ".jpg", ".jpeg", ".png")


@runtime_checkable
class Backdrop(Protocol):
    """Something that can be seen behind a scene."""

    def render(self, camera: PinholeCamera, draw: np.ndarray) -> np.ndarray:
        """Images (worlds, height, width, 3) uint8 sRGB.

        Args:
            camera: A batch: K (worlds, 3, 3), T_world_cam (worlds, 4, 4).
            draw: Uniform random numbers in [0, 1) (worlds, 3).
        """
        ...


class PhotoFolder:
    """A folder of photographs: each world sees a random one, randomly cropped to its aspect."""

    SMALLEST_CROP = 0.6
    """Smallest crop as a fraction of the largest one that fits."""

    def __init__(self, path: str | Path):
        """Lists the folder; raises InvalidValueError if it holds no image."""
        self.path = Path(path)
        self.photos = sorted(p for p in self.path.iterdir() if p.suffix.lower() in PHOTO_SUFFIXES)
        if not self.photos:
            raise InvalidValueError(
                f"opening the photo folder {self.path}", "it holds no image",
                f"files ending in {', '.join(PHOTO_SUFFIXES)}", "put some photographs of rooms into it",
            )  # fmt: skip

    def render(self, camera: PinholeCamera, draw: np.ndarray) -> np.ndarray:
        """As `Backdrop.render`; the camera gives only the size."""
        size = (camera.width, camera.height)
        return np.stack([self._one(row, size) for row in np.asarray(draw, float)])

    def _one(self, draw: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """One photo: draw[0] picks it and the crop's size, draw[1] and draw[2] place the crop."""
        pick = draw[0] * len(self.photos)
        index = min(int(pick), len(self.photos) - 1)
        photo = _read(self.photos[index], cv2.IMREAD_COLOR)
        rows, columns = photo.shape[:2]
        largest = min(columns / size[0], rows / size[1])
        scale = largest * (self.SMALLEST_CROP + (1 - self.SMALLEST_CROP) * (pick - index))
        width, height = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
        left, top = int(draw[1] * (columns - width + 1)), int(draw[2] * (rows - height + 1))
        crop = photo[top : top + height, left : left + width]
        method = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
        return cv2.resize(crop, size, interpolation=method)[..., ::-1]


class Panorama:
    """An equirectangular picture all around, infinitely far away, at a random yaw. Its middle column looks along +x."""

    def __init__(self, path: str | Path):
        """Reads and, if it holds light rather than display colours, tone-maps the picture."""
        self.path = Path(path)
        image = _read(self.path, cv2.IMREAD_UNCHANGED)
        if image.ndim != 3:
            image = np.repeat(np.atleast_3d(image), 3, -1)
        light = image.dtype.kind == "f"
        self.image = tone_map(image[..., 2::-1]) if light else _eight_bit(image[..., 2::-1])

    def render(self, camera: PinholeCamera, draw: np.ndarray) -> np.ndarray:
        """As `Backdrop.render`; draw[:, 0] is the yaw in turns."""
        x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
        pixels = np.stack([x, y], -1).reshape(-1, 2)
        uv = np.broadcast_to(pixels, (len(camera.T_world_cam), *pixels.shape))
        directions = camera.unproject(uv, np.ones(uv.shape[:2])) - camera.T_world_cam[:, None, :3, 3]
        directions = directions.reshape(-1, camera.height, camera.width, 3)
        return np.stack([self._look(d, turn) for d, turn in zip(directions, np.asarray(draw, float)[:, 0], strict=True)])

    def _look(self, directions: np.ndarray, turn: float) -> np.ndarray:
        """Colours (height, width, 3) along world directions (height, width, 3), bilinear, wrapping around in yaw."""
        rows, columns = self.image.shape[:2]
        x, y, z = np.moveaxis(directions, -1, 0)
        u = (0.5 - np.arctan2(y, x) / (2 * np.pi) + turn) % 1.0 * columns - 0.5
        v = (0.5 - np.arctan2(z, np.hypot(x, y)) / np.pi) * rows - 0.5
        wide = np.concatenate([self.image[:, -1:], self.image, self.image[:, :1]], 1)
        maps = (u + 1).astype(np.float32), np.clip(v, 0, rows - 1).astype(np.float32)
        return cv2.remap(wide, *maps, cv2.INTER_LINEAR)


def tone_map(light: np.ndarray) -> np.ndarray:
    """Linear light (..., 3) to uint8 sRGB: the median comes to mid grey, highlights roll off (Reinhard et al. 2002)."""
    light = np.maximum(np.nan_to_num(light.astype(np.float32)), 0)
    luminance = light @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    exposed = light * (0.25 / max(float(np.median(luminance)), 1e-6))
    display = exposed * (1 + exposed / 9) / (1 + exposed)
    srgb = np.where(display <= 0.0031308, 12.92 * display, 1.055 * np.maximum(display, 1e-8) ** (1 / 2.4) - 0.055)
    return (np.clip(srgb, 0, 1) * 255 + 0.5).astype(np.uint8)


def _eight_bit(image: np.ndarray) -> np.ndarray:
    return image if image.dtype == np.uint8 else (image // 257).astype(np.uint8)


def _read(path: Path, flags: int) -> np.ndarray:
    """A picture as OpenCV gives it (BGR); raises InvalidValueError that names the file."""
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
        f"reading the backdrop {path}", f"the file could not be decoded ({why})", "an image that OpenCV reads",
        "remove the file or convert it to .jpg, .png or .hdr",
    )  # fmt: skip


def open_backdrop(path: str | Path) -> Backdrop:
    """The backdrop at `path`: a folder of photos, a panorama, or a Gaussian-splat .ply.

    Raises:
        InvalidValueError: If there is nothing at `path`, or nothing that can be read.
    """
    path = Path(path)
    expected = f"a folder of photos, a panorama ({', '.join(PANORAMA_SUFFIXES)}) or a 3D Gaussian splat (.ply)"
    if path.is_dir():
        return PhotoFolder(path)
    if not path.exists():
        raise InvalidValueError(f"opening the backdrop {path}", "there is no such file or folder", expected, "check the path")
    if path.suffix.lower() == ".ply":
        return SplatCloud(path)
    if path.suffix.lower() in PANORAMA_SUFFIXES:
        return Panorama(path)
    raise InvalidValueError(
        f"opening the backdrop {path}", f"the suffix {path.suffix!r} is not known", expected, "convert the file"
    )
