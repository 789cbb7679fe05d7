"""Facts that recordings of other programs lack: the mapping of joint names, and the camera."""

import json
from collections.abc import Mapping, Sequence
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
class Lens:
    """A real camera: intrinsics as OpenCV has them beside the pose; images are rectified to square pixels by it."""

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
        K = self.K.copy()
        K[0, 0] = K[1, 1] = (K[0, 0] + K[1, 1]) / 2
        return PinholeCamera(K, self.T_base_cam, self.width, self.height)

    def rectified(self, image: np.ndarray) -> np.ndarray:
        """`image` (height, width, 3) without distortion and with square pixels; InvalidValueError for another size."""
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
        return cv2.remap(image, *maps, cv2.INTER_LINEAR)


def read_lens(path: Path) -> Lens:
    """A calibration file of `lace bridge calibrate`, or one that says the same in the same words.

    JSON with K (3, 3), distortion, T_base_cam (4, 4), width, height; InvalidValueError where something is missing.
    """
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        lens = Lens(
            np.array(row["K"], float).reshape(3, 3), tuple(row.get("distortion", ())),
            np.array(row["T_base_cam"], float).reshape(4, 4), int(row["width"]), int(row["height"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidValueError(
            f"reading the calibration {path}", f"{type(error).__name__}: {error}",
            "JSON with K (3, 3) [px], distortion, T_base_cam (4, 4) [m], width and height",
            "see docs/bridge/recording.md",
        ) from error  # fmt: skip
    R = lens.T_base_cam[:3, :3]
    if not np.allclose(R @ R.T, np.eye(3), atol=1e-4) or lens.K[0, 0] <= 0:
        raise InvalidValueError(
            f"reading the calibration {path}", "a pose that is no rotation, or no focal length",
            "T_base_cam with a rotation, in metres", "look at the file",
        )  # fmt: skip
    return lens


def parse_joints(pairs: Sequence[str]) -> dict[str, str]:
    """{their name: ours} of "THEIRS=ours" texts; InvalidValueError for anything else or a name given twice."""
    names: dict[str, str] = {}
    for pair in pairs:
        theirs, equals, ours = pair.rpartition("=")
        if not equals or not theirs or theirs in names or ours in names.values():
            raise InvalidValueError(
                "reading --joint",
                repr(pair),
                "THEIRS=ours, each name once",
                "write for instance --joint xarm_j1=joint1",
            )
        names[theirs] = ours
    return names


def renamed(names: Sequence[str], mapping: Mapping[str, str]) -> tuple[str, ...]:
    """Names with those of `mapping` replaced; InvalidValueError where it names one that is not there."""
    unknown = [theirs for theirs in mapping if theirs not in names]
    if unknown:
        raise InvalidValueError(
            "reading --joint",
            f"no joint {unknown[0]!r} in the recording",
            f"one of {', '.join(names)}",
            "correct the name",
        )
    return tuple(mapping.get(name, name) for name in names)
