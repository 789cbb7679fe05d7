"""Image points to world points, and the end effector's image point from forward kinematics."""

import numpy as np
from numpy.typing import ArrayLike

from lace.core.camera import PinholeCamera
from lace.core.geometry import Array
from lace.core.keypoints import FINGERTIPS, Visibility, keypoint_box
from policies.outcome import PlanRefused

WINDOW_PX = 3
"""Half width of the window over which depth is the median; larger than typical holes and edges [px]."""


def end_effector_point(keypoints_world: Array, camera: PinholeCamera) -> tuple[Array, float]:
    """Image point uv (2,) [px] and depth [m] of the end effector.

    As in the labels (paper, sec. 5.2): the centre of the box around wrist and fingertips, hidden ones too, those
    outside the image left out. The depth is the mean of theirs.

    Args:
        keypoints_world: (21, 3) [m], NaN where absent.
        camera: Of the image.

    Raises:
        PlanRefused: None of them is in the image.
    """
    uv, depth = camera.project(keypoints_world)
    inside = (uv >= 0).all(-1) & (uv < (camera.width, camera.height)).all(-1) & (depth > 0)
    members = [k for k in (0, *FINGERTIPS) if inside[k]]
    if not members:
        raise PlanRefused(
            "looking for the hand by forward kinematics",
            "neither wrist nor fingertips are in the image",
            "a camera that sees the hand",
            "check the extrinsics, or move the camera",
        )
    visibility = np.where(inside, Visibility.OCCLUDED, Visibility.OUT_OF_VIEW)
    x0, y0, x1, y1 = keypoint_box(uv, visibility).astype(float)
    return np.array([x0 + x1, y0 + y1]) / 2, float(depth[members].mean())


def by_depth(camera: PinholeCamera, uv: ArrayLike, depth_m: Array, behind_m: float = 0.0) -> Array:
    """The point (3,) [m] at pixel uv (2,), moved `behind_m` along the ray from the visible surface into the object.

    Raises:
        PlanRefused: uv is outside the image, or the depth around it is unknown.
    """
    column, row = np.floor(np.asarray(uv, float)).astype(int)
    height, width = depth_m.shape
    if not (0 <= column < width and 0 <= row < height):
        raise PlanRefused(
            "reading the depth",
            f"the target point {np.round(np.asarray(uv), 1)} is outside the image",
            "a point inside",
            "check the policy",
        )
    rows, columns = (slice(max(i - WINDOW_PX, 0), i + WINDOW_PX + 1) for i in (row, column))
    near = depth_m[rows, columns]
    near = near[near > 0]
    if not len(near):
        raise PlanRefused(
            "reading the depth",
            f"no depth is known around {np.round(np.asarray(uv), 1)}",
            "a depth there",
            "lift by the table plane instead, or move the camera",
        )
    point = camera.unproject(np.asarray(uv, float)[None], np.array([np.median(near)]))[0]
    ray = point - camera.T_world_cam[:3, 3]
    return point + behind_m * ray / np.linalg.norm(ray)


def by_plane(camera: PinholeCamera, uv: ArrayLike, z: float) -> Array:
    """Intersection (3,) of the ray through uv (2,) [px] with the horizontal plane at height `z` [m].

    Raises:
        PlanRefused: The ray does not intersect the plane in front of the camera.
    """
    eye = camera.T_world_cam[:3, 3]
    ray = camera.unproject(np.asarray(uv, float)[None], np.ones(1))[0] - eye
    share = (z - eye[2]) / ray[2] if abs(ray[2]) > 1e-9 else -1.0
    if share <= 0:
        raise PlanRefused(
            "lifting the target by the table plane",
            f"the ray through {np.round(np.asarray(uv), 1)} does not meet it",
            "a point below the horizon, seen from above the table",
            "check the policy, or lift by depth",
        )
    return eye + share * ray
