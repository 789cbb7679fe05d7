"""A real camera: intrinsics, distortion and pose, and images rectified by them."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lace.core.camera import PinholeCamera
from lace.core.errors import InvalidValueError
from lace.core.geometry import Array

_HALF = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
"""OpenCV counts pixels from the middle of the first one, we from its outer corner."""


@dataclass(frozen=True)
class CalibratedCamera:
    """A real camera: raw intrinsics, distortion and pose. `rectified` gives images with square pixels."""

    K: Array
    """(3, 3) [px]; (0.5, 0.5) is the middle of the first pixel."""
    distortion: tuple[float, ...]
    """OpenCV's coefficients k1, k2, p1, p2, k3, ...; empty for none."""
    T_base_cam: Array
    """(4, 4) in the robot's base frame [m]."""
    width: int
    height: int

    @property
    def camera(self) -> PinholeCamera:
        """Of rectified images."""
        return PinholeCamera(square(self.K), self.T_base_cam, self.width, self.height)

    def rectified(self, image: np.ndarray, nearest: bool = False) -> np.ndarray:
        """`image` (height, width, ...) without distortion and with square pixels; InvalidValueError for another size.

        Args:
            image: Raw, of the calibrated size.
            nearest: Take the nearest pixel instead of interpolating (for depth).
        """
        if image.shape[:2] != (self.height, self.width):
            raise InvalidValueError(
                "rectifying an image", f"{image.shape[1]} x {image.shape[0]} pixels",
                f"{self.width} x {self.height}, as the camera was calibrated", "calibrate at the size that is recorded",
            )  # fmt: skip
        if not np.any(self.distortion) and np.isclose(self.K[0, 0], self.K[1, 1]):
            return image
        target = self.camera.K - _HALF
        maps = cv2.initUndistortRectifyMap(
            self.K - _HALF, np.array(self.distortion, float), None, target, (self.width, self.height), cv2.CV_32FC1
        )
        return cv2.remap(image, *maps, cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR)


def square(K: Array) -> Array:
    """K (3, 3) with both focal lengths their mean."""
    out = np.array(K, float)
    out[0, 0] = out[1, 1] = (K[0, 0] + K[1, 1]) / 2
    return out


def read_camera(path: Path) -> CalibratedCamera:
    """A calibration file of `lace bridge calibrate`, or one in its format.

    JSON with K (3, 3), distortion, T_base_cam (4, 4), width, height; InvalidValueError where something is missing.
    """
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        camera = CalibratedCamera(
            np.array(row["K"], float).reshape(3, 3), tuple(row.get("distortion", ())),
            np.array(row["T_base_cam"], float).reshape(4, 4), int(row["width"]), int(row["height"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidValueError(
            f"reading the calibration {path}", f"{type(error).__name__}: {error}",
            "JSON with K (3, 3) [px], distortion, T_base_cam (4, 4) [m], width and height",
            "see docs/bridge/recording.md",
        ) from error  # fmt: skip
    R = camera.T_base_cam[:3, :3]
    if not np.allclose(R @ R.T, np.eye(3), atol=1e-4) or camera.K[0, 0] <= 0:
        raise InvalidValueError(
            f"reading the calibration {path}", "a pose that is no rotation, or no focal length",
            "T_base_cam with a rotation, in metres", "look at the file",
        )  # fmt: skip
    return camera
