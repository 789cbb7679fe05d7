"""The lens: how a camera draws, and a first estimate of it from views of the board. Our pixel convention throughout."""

from dataclasses import dataclass

import cv2
import numpy as np

from lace.core.camera import PinholeCamera
from lace.core.geometry import Array
from real_bridge.calibration.board import BoardSpec, Corners
from real_bridge.calibration.views import Views

FLAGS = (
    cv2.CALIB_USE_INTRINSIC_GUESS
    | cv2.CALIB_FIX_ASPECT_RATIO
    | cv2.CALIB_FIX_PRINCIPAL_POINT
    | cv2.CALIB_ZERO_TANGENT_DIST
    | cv2.CALIB_FIX_K1
    | cv2.CALIB_FIX_K2
    | cv2.CALIB_FIX_K3
)
"""Only the focal length: a small board does not determine more without the arm's motion."""


@dataclass(frozen=True)
class Lens:
    """Intrinsics as OpenCV has them."""

    K: Array
    """(3, 3) [px]; (0.5, 0.5) is the middle of the first pixel."""
    distortion: tuple[float, ...]
    """k1, k2, p1, p2, k3."""

    def numbers(self) -> Array:
        """(8,) fx, fy, cx, cy, k1, k2, p1, p2."""
        return np.array([self.K[0, 0], self.K[1, 1], self.K[0, 2], self.K[1, 2], *self.distortion[:4]])

    @staticmethod
    def of(numbers: Array) -> "Lens":
        """The inverse of `numbers`; k3 is 0."""
        fx, fy, cx, cy, *terms = (float(x) for x in numbers)
        return Lens(np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), (*terms, 0.0))


def stated_lens(camera: PinholeCamera | None) -> Lens | None:
    """The lens of images that the device rectified by its own intrinsics; None where it states none."""
    return None if camera is None else Lens(np.asarray(camera.K, float), (0.0,) * 5)


def fit_lens(views: Views, spec: BoardSpec) -> Lens:
    """A first estimate of the focal length by OpenCV, the centre in the image's middle, no distortion."""
    corners = spec.corners
    points = [corners[view.corners.ids].astype(np.float32) for view in views.taken]
    pixels = [view.corners.uv.astype(np.float32) for view in views.taken]
    size = (views.width, views.height)
    guess = np.array([[size[0], 0, size[0] / 2], [0, size[0], size[1] / 2], [0, 0, 1]], float)
    _rms, K, distortion, _r, _t = cv2.calibrateCamera(points, pixels, size, guess, np.zeros(5), flags=FLAGS)
    return Lens(np.asarray(K, float), tuple(float(x) for x in distortion.ravel()[:5]))


def board_pose(corners: Corners, spec: BoardSpec, lens: Lens) -> Array:
    """T_cam_board (4, 4) from the corners of one view."""
    _found, turn, shift = cv2.solvePnP(spec.corners[corners.ids], corners.uv, lens.K, np.array(lens.distortion))
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = cv2.Rodrigues(turn)[0], shift.ravel()
    return T
