"""Pictures as real lenses draw them: drawn without distortion on a larger canvas, then looked up pixel by pixel."""

from dataclasses import dataclass, replace

import numpy as np
import warp as wp

from lace.core.camera import PinholeCamera
from lace.core.geometry import Array

FINER = 1.4
"""Pixels of the canvas to one of the picture where the lens magnifies most: segments are looked up without mixing."""
MARGIN_PX = 1.0
"""Of the canvas around what is looked up, for the neighbours that colours are mixed from."""


@wp.kernel(enable_backward=False)
def _look_up(
    maps: wp.array3d[wp.vec2f],
    number: wp.array[wp.int32],
    rgb: wp.array4d[wp.uint8],
    segment: wp.array3d[wp.uint8],
    depth: wp.array3d[wp.float32],
    out_rgb: wp.array4d[wp.uint8],
    out_segment: wp.array3d[wp.uint8],
    out_depth: wp.array3d[wp.float32],
):
    """Colour by the four nearest pixels of the canvas, segment and depth by the one that the point lies in."""
    world, y, x = wp.tid()
    at = maps[number[world], y, x]
    column = wp.clamp(wp.int32(at[0]), 0, segment.shape[2] - 1)
    row = wp.clamp(wp.int32(at[1]), 0, segment.shape[1] - 1)
    out_segment[world, y, x] = segment[world, row, column]
    out_depth[world, y, x] = depth[world, row, column]
    left = wp.clamp(wp.int32(wp.floor(at[0] - 0.5)), 0, segment.shape[2] - 2)
    top = wp.clamp(wp.int32(wp.floor(at[1] - 0.5)), 0, segment.shape[1] - 2)
    right_share = wp.clamp(at[0] - 0.5 - wp.float32(left), 0.0, 1.0)
    low_share = wp.clamp(at[1] - 0.5 - wp.float32(top), 0.0, 1.0)
    for channel in range(3):
        upper = wp.lerp(
            wp.float32(rgb[world, top, left, channel]), wp.float32(rgb[world, top, left + 1, channel]), right_share
        )
        lower = wp.lerp(
            wp.float32(rgb[world, top + 1, left, channel]),
            wp.float32(rgb[world, top + 1, left + 1, channel]),
            right_share,
        )
        out_rgb[world, y, x, channel] = wp.uint8(wp.lerp(upper, lower, low_share) + 0.5)


@dataclass(frozen=True)
class _Canvas:
    """Where one lens looks: focal length and centre of the canvas, and the place of each pixel on it."""

    focal: float
    centre: Array
    size: Array
    places: np.ndarray
    """(height, width, 2) float32 [px] of the canvas."""


class LensPictures:
    """Draws for the lenses of a few cameras, each known by its intrinsics and distortion."""

    def __init__(self, cameras: PinholeCamera, device: str):
        """Makes the tables.

        Args:
            cameras: (k) all lenses there are; their poses do not count.
            device: Where pictures are drawn.
        """
        self.device, self._shape = device, (cameras.height, cameras.width)
        self._number = {key: i for i, key in enumerate(_keys(cameras))}
        self._canvases = [_canvas_of(cameras, i) for i in range(len(cameras.K))]
        self.width, self.height = (int(n) for n in np.max([canvas.size for canvas in self._canvases], 0))
        places = np.concatenate([canvas.places for canvas in self._canvases]).reshape(
            len(self._canvases), *self._shape, 2
        )
        self._maps = wp.array(places, dtype=wp.vec2f, ndim=3, device=device)

    def canvas(self, cameras: PinholeCamera) -> PinholeCamera:
        """Ideal cameras (n), in the same places, that see at least what the given ones do."""
        canvases = [self._canvases[number] for number in self._numbers(cameras)]
        K = np.tile(np.eye(3), (len(canvases), 1, 1))
        K[:, 0, 0] = K[:, 1, 1] = [canvas.focal for canvas in canvases]
        K[:, :2, 2] = [canvas.centre for canvas in canvases]
        return PinholeCamera(K, cameras.T_world_cam, self.width, self.height)

    def seen(self, cameras: PinholeCamera, *drawn: wp.array) -> tuple[wp.array, wp.array, wp.array]:
        """RGB, segment ids and depth through the lenses, from those of their canvases (of the first n cameras)."""
        rgb, segment, depth = drawn
        shape = (len(rgb), *self._shape)
        numbers = wp.array(self._numbers(cameras)[: len(rgb)], dtype=wp.int32, device=self.device)
        out_rgb = wp.empty((*shape, 3), dtype=wp.uint8, device=self.device)
        out_segment = wp.empty(shape, dtype=wp.uint8, device=self.device)
        out_depth = wp.empty(shape, dtype=wp.float32, device=self.device)
        inputs, outputs = [self._maps, numbers, rgb, segment, depth], [out_rgb, out_segment, out_depth]
        wp.launch(_look_up, dim=shape, inputs=inputs, outputs=outputs, device=self.device)
        return out_rgb, out_segment, out_depth

    def _numbers(self, cameras: PinholeCamera) -> np.ndarray:
        return np.array([self._number[key] for key in _keys(cameras)], np.int32)


def _keys(cameras: PinholeCamera) -> list[bytes]:
    rows = zip(cameras.K, known_distortion(cameras), strict=True)
    return [K.tobytes() + k.tobytes() for K, k in rows]


def known_distortion(cameras: PinholeCamera) -> Array:
    """(n, 8); TypeError for ideal cameras."""
    if cameras.distortion is None:
        raise TypeError("ideal cameras have no lens")
    return cameras.distortion


def _canvas_of(cameras: PinholeCamera, i: int) -> _Canvas:
    """Everywhere finer than the picture, and just large enough."""
    width, height = cameras.width, cameras.height
    lens = replace(cameras, K=cameras.K[i], T_world_cam=np.eye(4), distortion=known_distortion(cameras)[i])
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    flat = lens.directions(np.stack([u, v], -1).reshape(-1, 2))
    grid = flat.reshape(height, width, 2)
    steps = [np.linalg.norm(np.diff(grid, axis=axis), axis=-1).min() for axis in (0, 1)]
    focal = FINER / float(min(steps))
    low = focal * flat.min(0) - MARGIN_PX
    size = np.ceil(focal * flat.max(0) + MARGIN_PX - low)
    places = (focal * flat - low).reshape(height, width, 2)
    return _Canvas(focal, -low, size, places.astype(np.float32))
