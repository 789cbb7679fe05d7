"""The camera's pose in the robot's base frame, from views of a board on the robot's hand.

A closed form (Park and Martin 1994, in OpenCV) starts it; the reprojection error of all corners decides. The lens can
be fitted along: the arm's own motion tells distances, and so the focal length, which a small board alone hardly does.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from lace.core.geometry import Array, apply, invert, transform
from real_bridge.calibration.board import BoardSpec
from real_bridge.calibration.lens import Lens, board_pose
from real_bridge.calibration.views import View, Views

PLACES = 12
"""Numbers of the two poses; those of the lens follow: fx, fy, cx, cy, k1, k2, p1, p2."""


@dataclass(frozen=True)
class HandEyeFit:
    """The camera's place, the board's place, the lens, and how well all views agree."""

    T_base_cam: Array
    T_link_board: Array
    lens: Lens
    rms_px: float
    """Root of the mean squared distance between found and expected corners."""
    rms_mm: float
    """The same on the board: pixels times depth over focal length."""
    worst_view_px: float
    """Largest root mean square of one view."""
    std_mm: float
    """Standard deviation of the camera's position, from the fit's curvature (largest axis)."""
    focal_std_px: float
    """Standard deviation of the focal length likewise, 0 where the lens was given."""


def fit_hand_eye(views: Views, spec: BoardSpec, lens: Lens, free_lens: bool = False) -> HandEyeFit:
    """Fits both places to all views, the lens too where it is free."""
    start = np.concatenate([*_closed_form(views, spec, lens), lens.numbers()])
    count = len(start) if free_lens else PLACES

    def errors(x: Array) -> Array:
        full = np.concatenate([x, start[count:]])
        lens = Lens.of(full[PLACES:])
        return np.concatenate([_errors(_pose(full[:6]), _pose(full[6:12]), lens, v, spec) for v in views.taken])

    fit = least_squares(lambda x: errors(x).ravel(), start[:count], x_scale="jac", loss="huber", f_scale=1.0)
    full = np.concatenate([fit.x, start[count:]])
    T_base_cam, T_link_board, lens = _pose(full[:6]), _pose(full[6:12]), Lens.of(full[PLACES:])
    each = [(_errors(T_base_cam, T_link_board, lens, v, spec) ** 2).sum(1) for v in views.taken]
    squared = np.concatenate(each)
    depths = np.concatenate([_depths(T_base_cam, T_link_board, v, spec) for v in views.taken])
    covariance = np.linalg.pinv(fit.jac.T @ fit.jac) * squared.sum() / max(2 * len(squared) - count, 1)
    return HandEyeFit(
        T_base_cam,
        T_link_board,
        lens,
        float(np.sqrt(squared.mean())),
        float(1000 * np.sqrt((squared * (depths / lens.K[0, 0]) ** 2).mean())),
        float(max(np.sqrt(view.mean()) for view in each)),
        float(1000 * np.sqrt(np.linalg.eigvalsh(covariance[3:6, 3:6]).max())),
        float(np.sqrt(covariance[PLACES, PLACES])) if free_lens else 0.0,
    )


def _closed_form(views: Views, spec: BoardSpec, lens: Lens) -> tuple[Array, Array]:
    """Numbers of T_base_cam and T_link_board (6,) each."""
    T_link_base = [invert(view.T_base_link) for view in views.taken]
    T_cam_board = [board_pose(view.corners, spec, lens) for view in views.taken]
    R, t = cv2.calibrateHandEye(
        [T[:3, :3] for T in T_link_base],
        [T[:3, 3] for T in T_link_base],
        [T[:3, :3] for T in T_cam_board],
        [T[:3, 3] for T in T_cam_board],
        method=cv2.CALIB_HAND_EYE_PARK,
    )
    start = transform(R, t.ravel())
    boards = np.stack([T_link @ start @ T for T_link, T in zip(T_link_base, T_cam_board, strict=True)])
    middle = transform(Rotation.from_matrix(boards[:, :3, :3]).mean().as_matrix(), boards[:, :3, 3].mean(0))
    return _vector(start), _vector(middle)


def _vector(T: Array) -> Array:
    return np.concatenate([Rotation.from_matrix(T[:3, :3]).as_rotvec(), T[:3, 3]])


def _pose(vector: Array) -> Array:
    return transform(Rotation.from_rotvec(vector[:3]).as_matrix(), vector[3:])


def _errors(T_base_cam: Array, T_link_board: Array, lens: Lens, view: View, spec: BoardSpec) -> Array:
    """(corners, 2) expected minus found [px]."""
    T = invert(T_base_cam) @ view.T_base_link @ T_link_board
    turn = cv2.Rodrigues(T[:3, :3])[0]
    points = spec.corners[view.corners.ids]
    expected, _jacobian = cv2.projectPoints(points, turn, T[:3, 3], lens.K, np.array(lens.distortion))
    return expected.reshape(-1, 2) - view.corners.uv


def _depths(T_base_cam: Array, T_link_board: Array, view: View, spec: BoardSpec) -> Array:
    return apply(invert(T_base_cam) @ view.T_base_link @ T_link_board, spec.corners[view.corners.ids])[:, 2]
