"""Stored calibrations: date, board, residuals, and a hash that detects later changes."""

import hashlib
import json
from datetime import UTC, datetime

import numpy as np

from lace.core.errors import InvalidValueError
from real_bridge.calibration.board import BoardSpec
from real_bridge.calibration.hand_eye import HandEyeFit
from real_bridge.calibration.views import Views
from real_bridge.cameras.mount import Mount


def digest(mount: Mount) -> str:
    """SHA-256 of the numbers that decide where things are seen, hexadecimal."""
    numbers = {
        "K": mount.K.tolist(),
        "T_base_cam": mount.T_base_cam.tolist(),
        "distortion": list(mount.distortion),
        "size": [mount.width, mount.height],
        "joint_zeros": dict(sorted(mount.joint_zeros.items())),
    }
    return hashlib.sha256(json.dumps(numbers).encode()).hexdigest()


def mount_of(fit: HandEyeFit, views: Views, spec: BoardSpec, board_link: str) -> Mount:
    """The calibration of a fit that was accepted."""
    about = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "board": spec.describe(),
        "board_link": board_link,
        "T_link_board": fit.T_link_board.tolist(),
        "views": len(views.taken),
        "rms_px": round(fit.rms_px, 4),
        "rms_mm": round(fit.rms_mm, 4),
        "worst_view_px": round(fit.worst_view_px, 4),
        "std_mm": round(fit.std_mm, 4),
        "focal_std_px": round(fit.focal_std_px, 4),
    }
    return sealed(Mount(fit.lens.K, fit.lens.distortion, fit.T_base_cam, views.width, views.height, about))


def sealed(mount: Mount) -> Mount:
    """The same with the hash of its current content."""
    mount.about["hash"] = digest(mount)
    return mount


def require_unchanged(mount: Mount, name: str) -> None:
    """InvalidValueError where numbers were changed after the calibration, or it carries no hash."""
    if mount.about.get("hash") != digest(mount):
        raise InvalidValueError(
            f"checking the calibration {name}",
            "its numbers are not those that were calibrated",
            "the hash that `lace bridge calibrate` wrote",
            "calibrate again; do not edit the file",
        )


def age_days(mount: Mount, now: datetime | None = None) -> float:
    """Days since the calibration; infinite where it has no date."""
    try:
        made = datetime.fromisoformat(mount.about["date"])
    except (KeyError, ValueError):
        return float(np.inf)
    return ((now or datetime.now(UTC)) - made).total_seconds() / 86400
