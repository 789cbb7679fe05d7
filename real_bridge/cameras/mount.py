"""Pose and lens of a calibrated camera: written by the calibration, read by the cell."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.errors import InvalidValueError
from lace.core.files import reading
from lace.core.geometry import Array
from lace.data.camera_file import CalibratedCamera


@dataclass(frozen=True)
class Mount(CalibratedCamera):
    """A calibrated camera with the facts of its calibration and the joint zeros of the hand."""

    about: dict[str, Any] = field(default_factory=dict)
    """Date, board and residuals of the calibration."""
    joint_zeros: dict[str, float] = field(default_factory=dict)
    """Hand joint -> calibrated zero [rad], see `real_bridge.leap_hand`."""

    def save(self, path: Path) -> None:
        """Writes JSON."""
        from lace.core.files import publish_bytes

        values = vars(self) | {
            "K": self.K.tolist(),
            "T_base_cam": self.T_base_cam.tolist(),
            "distortion": list(self.distortion),
        }
        publish_bytes(path, json.dumps(values, indent=1).encode())


def lens_and_place(said: Mapping[str, Any]) -> tuple[Array, Array]:
    """K (3, 3) [px] and T_base_cam (4, 4) [m] of JSON values; for use inside `reading`."""
    return np.array(said["K"], float).reshape(3, 3), np.array(said["T_base_cam"], float).reshape(4, 4)


def load_mount(path: Path) -> Mount:
    """A calibration file; InvalidValueError, naming what is wrong, where it is none."""
    with reading(path, "a file that `lace bridge calibrate` wrote", "calibrate again", InvalidValueError):
        values = json.loads(path.read_bytes())
        K, T = np.array(values.pop("K"), float), np.array(values.pop("T_base_cam"), float)
        mount = Mount(K, tuple(values.pop("distortion")), T, **values)
        rigid = K.shape == (3, 3) and T.shape == (4, 4) and np.allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-6)
    if not rigid or not np.isfinite(K).all():
        raise InvalidValueError(
            "reading the calibration", f"{path}: no rigid pose", "K (3, 3) and T (4, 4)", "calibrate again"
        )
    return mount
