"""Frames from a folder: `replay:FOLDER` repeats its images in order of their names."""

import itertools
import json
import time
from pathlib import Path

import cv2
import numpy as np

from lace.core.camera import PinholeCamera
from lace.core.files import reading
from lace.core.geometry import Array
from real_bridge.cameras.camera import CameraError, Frame
from real_bridge.cameras.mount import lens_and_place

RATE_HZ = 30.0
SUFFIXES = (".png", ".jpg", ".jpeg")


class ReplayCamera:
    """Implements Camera; stamps are of now, at a steady rate. A `camera.json` (K, T_base_cam) in the folder is used."""

    def __init__(self, argument: str):
        folder = Path(argument)
        paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES) if folder.is_dir() else []
        if not paths:
            raise CameraError(
                "opening the camera", f"no images in {argument!r}", "a folder of PNG or JPEG files", "check the path"
            )
        self._images = [_read(path) for path in paths]
        self._start_s, self._counter = time.monotonic(), itertools.count()
        about = folder / "camera.json"
        self._K_T = _camera(about) if about.is_file() else None

    def newest(self) -> Frame:
        """See Camera."""
        number = int((time.monotonic() - self._start_s) * RATE_HZ)
        image = self._images[number % len(self._images)]
        camera = None
        if self._K_T is not None:
            camera = PinholeCamera(*self._K_T, image.shape[1], image.shape[0])
        return Frame(image, self._start_s + number / RATE_HZ, number, camera)

    def close(self) -> None:
        """See Camera."""


def _camera(path: Path) -> tuple[Array, Array]:
    """K (3, 3) and T_base_cam (4, 4) of a camera.json."""
    with reading(path, "K (3, 3) and T_base_cam (4, 4)", "correct or remove it", CameraError):
        K, T = lens_and_place(json.loads(path.read_bytes()))
        if not (np.isfinite(K).all() and np.isfinite(T).all()):
            raise ValueError("not all numbers are finite")
        return K, T


def _read(path: Path) -> np.ndarray:
    """RGB (height, width, 3) uint8; CameraError where the file is no image."""
    image = cv2.imread(str(path))
    if image is None:
        raise CameraError("opening the camera", f"{path} is no image", "a folder of PNG or JPEG files", "remove it")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
