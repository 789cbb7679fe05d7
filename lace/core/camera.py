"""Pinhole cameras. OpenCV axes; pixel (0, 0) is the outer corner of the first pixel, its centre is (0.5, 0.5)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lace.core.errors import InvalidValueError
from lace.core.geometry import Array, apply, invert
from lace.core.lens import distort, undistort


@dataclass(frozen=True)
class PinholeCamera:
    """One camera or a batch: intrinsics K (..., 3, 3) [px], pose T_world_cam (..., 4, 4), image size [px].

    Pixels are square, K[0, 0] == K[1, 1], but for those of a real lens.
    """

    K: Array
    T_world_cam: Array
    width: int
    height: int
    distortion: Array | None = None
    """(..., at most 8) OpenCV's k1, k2, p1, p2, k3, k4, k5, k6 of a real lens; None for an ideal one."""

    def __post_init__(self):
        if self.distortion is None and not np.allclose(self.K[..., 0, 0], self.K[..., 1, 1]):
            raise InvalidValueError(
                "building a camera", "fx differs from fy", "square pixels", "rescale the image so that fx equals fy"
            )

    def project(self, points_world: ArrayLike) -> tuple[Array, Array]:
        """Points (..., n, 3) [m] to pixels uv (..., n, 2) and depth along the camera axis (..., n) [m].

        Points at or behind the camera plane give non-finite or meaningless uv: check depth > 0.
        """
        p_cam = apply(invert(self.T_world_cam), points_world)
        depth = p_cam[..., 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.distortion is not None:
                flat = distort(p_cam[..., :2] / depth[..., None], self.distortion)
                p_cam = np.concatenate([flat, np.ones_like(flat[..., :1])], -1)
            uvw = p_cam @ np.swapaxes(self.K, -1, -2)
            return uvw[..., :2] / uvw[..., 2:], depth

    def unproject(self, uv: ArrayLike, depth_m: ArrayLike) -> Array:
        """Pixels (..., n, 2) at depth (..., n) [m] along the camera axis to world points (..., n, 3)."""
        depth = np.asarray(depth_m, float)[..., None]
        p_cam = np.concatenate([self.directions(uv) * depth, depth], -1)
        return apply(self.T_world_cam, p_cam)

    def directions(self, uv: ArrayLike) -> Array:
        """Where the rays through pixels (..., n, 2) meet the plane z = 1 of the camera (..., n, 2)."""
        focal = np.stack([self.K[..., 0, 0], self.K[..., 1, 1]], -1)[..., None, :]
        flat = (np.asarray(uv, float) - self.K[..., None, :2, 2]) / focal
        return flat if self.distortion is None else undistort(flat, self.distortion)


def intrinsics(fov_y_rad: ArrayLike, width: int, height: int, centre: ArrayLike | None = None) -> Array:
    """K (..., 3, 3) [px] from the vertical field of view (...) [rad]; principal point (..., 2) [px], default centre."""
    focal = height / 2 / np.tan(np.asarray(fov_y_rad, float) / 2)
    K = np.zeros((*focal.shape, 3, 3))
    K[..., 0, 0] = K[..., 1, 1] = focal
    K[..., :2, 2] = (width / 2, height / 2) if centre is None else centre
    K[..., 2, 2] = 1
    return K
