"""Camera parameters in the layout of the backdrop kernels."""

import numpy as np
import warp as wp

from lace.core.camera import PinholeCamera


@wp.struct
class Views:
    """One camera per world, arrays (worlds,)."""

    rotation: wp.array[wp.mat33f]
    translation: wp.array[wp.vec3f]
    """[m]."""
    lens: wp.array[wp.vec3f]
    """(focal, cx, cy) [px]."""


def views_of(camera: PinholeCamera, rotation: np.ndarray, translation: np.ndarray, device: str) -> Views:
    """Intrinsics of a batch of cameras combined with rotations (worlds, 3, 3) and translations (worlds, 3) [m]."""
    K = camera.K
    views = Views()
    views.rotation = on_device(rotation, wp.mat33f, device)
    views.translation = on_device(translation, wp.vec3f, device)
    views.lens = on_device(np.stack([K[:, 0, 0], K[:, 0, 2], K[:, 1, 2]], 1), wp.vec3f, device)
    return views


def on_device(values: np.ndarray, dtype: type, device: str) -> wp.array:
    """Copies values to the device as 32-bit floats, vectors or matrices."""
    return wp.array(np.ascontiguousarray(values, np.float32), dtype=dtype, device=device)
