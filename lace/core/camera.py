"""Pinhole cameras. OpenCV axes; pixel (0, 0) is the outer corner of the first pixel, its centre is (0.5, 0.5)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lace.core.errors import InvalidValueError
from lace.core.geometry import Array, apply, invert


@dataclass(frozen=True)
class PinholeCamera:
    """One camera or a batch: intrinsics K (..., 3, 3) [px], pose T_world_cam (..., 4, 4), image size [px].

    Pixels are square: K[0, 0] == K[1, 1].
    """

    K: Array
    T_world_cam: Array
    width: int
    height: int

    def __post_init__(self):
        if not np.allclose(self.K[..., 0, 0], self.K[..., 1, 1]):
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
            uvw = p_cam @ np.swapaxes(self.K, -1, -2)
            return uvw[..., :2] / uvw[..., 2:], depth

    def unproject(self, uv: ArrayLike, depth_m: ArrayLike) -> Array:
        """Pixels (..., n, 2) at depth (..., n) [m] along the camera axis to world points (..., n, 3)."""
        uv, depth = np.asarray(uv, float), np.asarray(depth_m, float)[..., None]
        focal, centre = self.K[..., None, :1, 0], self.K[..., None, :2, 2]
        p_cam = np.concatenate([(uv - centre) / focal * depth, depth], -1)
        return apply(self.T_world_cam, p_cam)


def intrinsics(fov_y_rad: ArrayLike, width: int, height: int, centre: ArrayLike | None = None) -> Array:
    """K (..., 3, 3) [px] from the vertical field of view (...) [rad]; principal point (..., 2) [px], default centre."""
    focal = height / 2 / np.tan(np.asarray(fov_y_rad, float) / 2)
    K = np.zeros((*focal.shape, 3, 3))
    K[..., 0, 0] = K[..., 1, 1] = focal
    K[..., :2, 2] = (width / 2, height / 2) if centre is None else centre
    K[..., 2, 2] = 1
    return K
