"""Pose and lens of a calibrated camera: written by the calibration, read by the cell."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lace.core.camera import PinholeCamera
from lace.core.errors import InvalidValueError
from lace.core.geometry import Array


@dataclass(frozen=True)
class Mount:
    """One calibrated camera. Lens centres follow our convention: (0.5, 0.5) is the middle of the first pixel."""

    K: Array
    """(3, 3) of the raw image [px]; fx and fy may differ."""
    distortion: tuple[float, ...]
    """OpenCV's k1, k2, p1, p2, k3."""
    T_base_cam: Array
    """(4, 4) [m]."""
    width: int
    height: int
    about: dict[str, Any] = field(default_factory=dict)
    """Date, board and residuals of the calibration."""
    joint_zeros: dict[str, float] = field(default_factory=dict)
    """Hand joint -> calibrated zero [rad], see `real_bridge.leap_hand`."""

    @property
    def camera(self) -> PinholeCamera:
        """Of the rectified image, seen from the robot's base."""
        return PinholeCamera(square(self.K), self.T_base_cam, self.width, self.height)

    def rectified(self, image: np.ndarray, nearest: bool = False) -> np.ndarray:
        """`image` (height, width, ...) as a lens without distortion and with square pixels would have drawn it."""
        if not any(self.distortion) and np.isclose(self.K[0, 0], self.K[1, 1]):
            return image
        shift = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])  # OpenCV has the first pixel's middle at (0, 0)
        size, how = (self.width, self.height), cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
        coefficients = np.array(self.distortion)
        maps = cv2.initUndistortRectifyMap(
            self.K - shift, coefficients, None, square(self.K) - shift, size, cv2.CV_32FC1
        )
        return cv2.remap(image, *maps, how)

    def save(self, path: Path) -> None:
        """Writes JSON."""
        from lace.core.files import publish_bytes

        values = vars(self) | {
            "K": self.K.tolist(),
            "T_base_cam": self.T_base_cam.tolist(),
            "distortion": list(self.distortion),
        }
        publish_bytes(path, json.dumps(values, indent=1).encode())


def square(K: Array) -> Array:
    """K (3, 3) with both focal lengths their mean."""
    out = np.array(K, float)
    out[0, 0] = out[1, 1] = (K[0, 0] + K[1, 1]) / 2
    return out


def load_mount(path: Path) -> Mount:
    """A calibration file; InvalidValueError, naming what is wrong, where it is none."""
    try:
        values = json.loads(path.read_text())
        K, T = np.array(values.pop("K"), float), np.array(values.pop("T_base_cam"), float)
        mount = Mount(K, tuple(values.pop("distortion")), T, **values)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidValueError(
            "reading the calibration",
            f"{path}: {error}",
            "a file that `lace bridge calibrate` wrote",
            "calibrate again",
        ) from error
    rigid = K.shape == (3, 3) and T.shape == (4, 4) and np.allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-6)
    if not rigid or not np.isfinite(K).all():
        raise InvalidValueError(
            "reading the calibration", f"{path}: no rigid pose", "K (3, 3) and T (4, 4)", "calibrate again"
        )
    return mount
