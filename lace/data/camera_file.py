"""Files that say what real cameras are: those of `lace bridge calibrate`, and ROS camera_info with extrinsics beside.

JSON, in our pixel convention: K (3, 3), distortion, T_base_cam (4, 4) [m], width, height; or a list of such.
NAME.yaml of ROS (image_width, camera_matrix, ...), whose first pixel has its middle at (0, 0), and beside it
NAME_extrinsics.yaml with T_base_cam, or with translation (x, y, z) [m] and rotation (quaternion x, y, z, w).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from lace.core.camera import PinholeCamera
from lace.core.counting import counted
from lace.core.errors import InvalidValueError
from lace.core.files import file_content, reading
from lace.core.geometry import Array, rotation_from_quat_wxyz, transform
from lace.core.lens import COEFFICIENTS, padded

_HALF = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
"""OpenCV and ROS count pixels from the middle of the first one, we from its outer corner."""
_LENSES = ("plumb_bob", "rational_polynomial")
"""ROS' names of the distortion models that we draw."""
_INVERTIBLE_PX = 0.05
"""A lens is usable if its distortion can be undone everywhere in the image within this."""


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

    @property
    def real(self) -> PinholeCamera:
        """Of images as the lens draws them."""
        return PinholeCamera(self.K, self.T_base_cam, self.width, self.height, padded(self.distortion))

    @property
    def is_ideal(self) -> bool:
        """Whether the images are rectified as they are."""
        return not np.any(self.distortion) and bool(np.isclose(self.K[0, 0], self.K[1, 1]))

    def rectified(self, image: np.ndarray, nearest: bool = False) -> np.ndarray:
        """`image` (height, width, ...) without distortion and with square pixels; InvalidValueError for another size.

        Args:
            image: Raw, of the calibrated size.
            nearest: Take the nearest pixel instead of interpolating (for depth).
        """
        if image.shape[:2] != (self.height, self.width):
            raise InvalidValueError(
                "rectifying an image",
                f"{image.shape[1]} x {image.shape[0]} pixels",
                f"{self.width} x {self.height}, as the camera was calibrated",
                "calibrate at the size that is recorded",
            )
        if self.is_ideal:
            return image
        target = self.camera.K - _HALF
        maps = cv2.initUndistortRectifyMap(
            self.K - _HALF, np.array(self.distortion, float), None, target, (self.width, self.height), cv2.CV_32FC1
        )
        return cv2.remap(image, *maps, cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR)

    def resized(self, width: int, height: int) -> "CalibratedCamera":
        """The same camera whose images are scaled to another size; InvalidValueError for another shape of image."""
        scale = width / self.width
        if abs(height - scale * self.height) > 1:
            raise InvalidValueError(
                "resizing a camera's images",
                f"{width} x {height} pixels",
                f"the shape of {self.width} x {self.height}",
                "leave out --width and --height, or keep their ratio",
            )
        K = np.diag([scale, height / self.height, 1]) @ self.K
        return replace(self, K=K, width=width, height=height)


def square(K: Array) -> Array:
    """K (3, 3) with both focal lengths their mean."""
    out = np.array(K, float)
    out[0, 0] = out[1, 1] = (K[0, 0] + K[1, 1]) / 2
    return out


def read_camera(path: Path) -> CalibratedCamera:
    """The one camera of a file; InvalidValueError where there are several, and as `read_cameras`."""
    cameras = read_cameras(path)
    if len(cameras) > 1:
        raise InvalidValueError(
            f"reading the calibration {path}",
            counted(len(cameras), "camera"),
            "one",
            "give the file of that camera alone",
        )
    return cameras[0]


def read_cameras(path: Path) -> tuple[CalibratedCamera, ...]:
    """All cameras of a file, or of a folder's files in the order of their names.

    Raises:
        InvalidValueError: It cannot be read, something is missing, or the numbers make no camera; says which and where.
    """
    files = sorted(_camera_files(path)) if path.is_dir() else [path]
    cameras = tuple(camera for file in files for camera in _read(file))
    if not cameras:
        raise _refused(path, "there is no camera in it")
    return cameras


def _camera_files(folder: Path) -> Iterator[Path]:
    for file in folder.iterdir():
        if file.suffix in (".json", ".yaml", ".yml") and not file.stem.endswith("_extrinsics"):
            yield file


def _read(path: Path) -> Iterator[CalibratedCamera]:
    with reading(path, _EXPECTED, _NEXT, InvalidValueError, _doing(path)):
        said = _values(path)
        rows = said if isinstance(said, list) else [said]
        lenses = [_from_ros(row, path) if "camera_matrix" in row else _from_ours(row) for row in rows]
    for lens in lenses:
        _require_camera(lens, path)
        yield lens


def _values(path: Path) -> Any:
    """What a JSON or YAML file says."""
    text = file_content(path).decode()
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)


def _from_ours(row: Mapping[str, Any]) -> CalibratedCamera:
    return CalibratedCamera(
        np.array(row["K"], float).reshape(3, 3),
        tuple(float(x) for x in row.get("distortion", ())),
        np.array(row["T_base_cam"], float).reshape(4, 4),
        int(row["width"]),
        int(row["height"]),
    )


def _from_ros(row: Mapping[str, Any], path: Path) -> CalibratedCamera:
    model = row.get("distortion_model", _LENSES[0])
    if model not in _LENSES:
        raise _refused(path, f"distortion_model is {model!r}, not {' or '.join(_LENSES)}")
    return CalibratedCamera(
        np.array(row["camera_matrix"]["data"], float).reshape(3, 3) + _HALF,
        tuple(float(x) for x in row.get("distortion_coefficients", {}).get("data", ())),
        _extrinsics(row, path),
        int(row["image_width"]),
        int(row["image_height"]),
    )


def _extrinsics(row: Mapping[str, Any], path: Path) -> Array:
    """T_base_cam in the file itself, or in NAME_extrinsics.yaml (or .json) beside it."""
    if "T_base_cam" in row:
        return np.array(row["T_base_cam"], float).reshape(4, 4)
    beside = [path.with_name(f"{path.stem}_extrinsics{suffix}") for suffix in (".yaml", ".yml", ".json")]
    found = next((file for file in beside if file.exists()), None)
    if found is None:
        raise _refused(path, f"where the camera stands is missing: no T_base_cam in it, and no {beside[0].name} beside")
    with reading(found, _EXPECTED, _NEXT, InvalidValueError, _doing(found)):
        row = _values(found)
        if "T_base_cam" in row:
            return np.array(row["T_base_cam"], float).reshape(4, 4)
        x, y, z, w = (float(row["rotation"][name]) for name in "xyzw")
        return transform(rotation_from_quat_wxyz([w, x, y, z]), [float(row["translation"][name]) for name in "xyz"])


def _require_camera(lens: CalibratedCamera, path: Path) -> None:
    R = lens.T_base_cam[:3, :3]
    numbers = [*lens.K.ravel(), *lens.distortion, *lens.T_base_cam.ravel()]
    if not np.isfinite(numbers).all():
        raise _refused(path, "a number that is not finite")
    if not np.allclose(R @ R.T, np.eye(3), atol=1e-4) or np.linalg.det(R) < 0:
        raise _refused(path, "T_base_cam has no rotation in it")
    if np.linalg.norm(lens.T_base_cam[:3, 3]) > 20:
        raise _refused(path, f"the camera is {np.linalg.norm(lens.T_base_cam[:3, 3]):.0f} m away: is it in metres?")
    if not (lens.K[0, 0] > 0 and lens.K[1, 1] > 0 and lens.width > 0 and lens.height > 0):
        raise _refused(path, "no focal length, or no image size")
    if abs(lens.K[0, 1]) > 1e-6 * lens.K[0, 0]:
        raise _refused(path, "K has a skew, which we do not draw")
    if len(lens.distortion) > COEFFICIENTS and np.any(lens.distortion[COEFFICIENTS:]):
        raise _refused(path, f"{len(lens.distortion)} distortion coefficients, of which we draw {COEFFICIENTS}")
    if lens.is_ideal:
        return
    edge = _edge(lens.width, lens.height)
    camera = lens.real
    again = PinholeCamera(lens.K, np.eye(4), lens.width, lens.height, camera.distortion)
    flat = again.directions(edge)
    drawn, _depth = again.project(np.concatenate([flat, np.ones((len(flat), 1))], -1))
    worst = float(np.abs(drawn - edge).max())
    if not worst < _INVERTIBLE_PX:
        raise _refused(path, f"the distortion cannot be undone inside the image (off by {worst:.2g} px)")


def _edge(width: int, height: int, steps: int = 40) -> Array:
    """Points (4 steps, 2) along the image's border [px]."""
    u, v = np.linspace(0, width, steps), np.linspace(0, height, steps)
    sides = [(u, 0 * u), (u, 0 * u + height), (0 * v, v), (0 * v + width, v)]
    return np.concatenate([np.stack(side, -1) for side in sides])


_EXPECTED = (
    "JSON with K (3, 3) [px], distortion, T_base_cam (4, 4) [m], width and height (or a list of such), or ROS' "
    "camera_info with the extrinsics beside it"
)
_NEXT = "see docs/own-things.md and docs/bridge/recording.md"


def _doing(path: Path) -> str:
    return f"reading the camera file {path}"


def _refused(path: Path, what: str) -> InvalidValueError:
    return InvalidValueError(_doing(path), what, _EXPECTED, _NEXT)
