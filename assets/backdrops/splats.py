"""A 3D Gaussian splat as a backdrop."""

from pathlib import Path

import numpy as np
import warp as wp
from warp.utils import array_scan, radix_sort_pairs

from assets.backdrops.splat_file import Splats, read_splats
from assets.backdrops.splat_kernels import (
    DEPTH_BITS,
    TILE_PX,
    Cloud,
    Flat,
    composite,
    count_tiles,
    find_spans,
    list_pairs,
)
from assets.backdrops.views import Views, on_device, views_of
from lace.core.camera import PinholeCamera
from lace.core.errors import InvalidValueError
from lace.core.geometry import axis_angle, invert, rotation_from_quat_wxyz

COUNTED_AT_ONCE = 16_000_000
"""Gaussians times worlds processed at a time (at least one world); bounds the memory."""
PAIRS_AT_ONCE = 4_000_000
"""(Gaussian, tile) pairs sorted at a time (at least one world); bounds the memory."""
COUNT_BYTES, PAIR_BYTES = 2 * 8, 2 * 8 + 2 * 4 + wp.types.type_size_in_bytes(Flat)
"""Memory per Gaussian (count, end offset) and per pair (key and order with scratch space, Gaussian) [bytes]."""
UP = {
    "-y": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "z": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "y": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
}
"""Rotations that take the file's up axis to +z; captures by COLMAP have -y up."""


class SplatCloud:
    """A Gaussian splat centred on its median and scaled to a median distance; implements `Backdrop`."""

    def __init__(self, path: str | Path, device: str = "cpu", up: str = "-y", radius_m: float = 2.5):
        """Reads a 3DGS .ply.

        Args:
            path: The file.
            device: Device that it renders on.
            up: The file's up axis: "-y", "y" or "z".
            radius_m: Median distance of the Gaussians from the origin [m].
        """
        if up not in UP:
            raise InvalidValueError(
                f"opening the splat {path}", f"up axis {up!r}", f"one of {', '.join(UP)}", "choose one"
            )
        self.device, splats, R = device, read_splats(path), np.array(UP[up], float)
        self.count = len(splats.centres)
        self.working_bytes = max(COUNTED_AT_ONCE, self.count) * COUNT_BYTES + PAIRS_AT_ONCE * PAIR_BYTES
        centres, axes = placed(splats, R, radius_m)
        self.cloud = Cloud()
        self.cloud.centres, self.cloud.axes = on_device(centres, wp.vec3f, device), on_device(axes, wp.mat33f, device)
        self.cloud.colours = on_device(splats.colours, wp.vec3f, device)
        self.cloud.opacities = on_device(splats.opacities, wp.float32, device)
        self.behind = splats.colours.mean(0)
        """Colour where there is no Gaussian."""

    def render(self, camera: PinholeCamera, draw: np.ndarray, out: wp.array) -> None:
        """As `Backdrop.render`; draw[:, 0] is the rotation about z in turns."""
        yaw = 2 * np.pi * (np.asarray(draw, float)[:, 0] % 1.0)
        T_cam_world = invert(camera.T_world_cam)
        R_cam_cloud = T_cam_world[:, :3, :3] @ axis_angle([0, 0, 1], yaw)
        views = views_of(camera, R_cam_cloud, T_cam_world[:, :3, 3], self.device)
        together = max(1, COUNTED_AT_ONCE // self.count)
        for first in range(0, len(out), together):
            self._draw(views, first, min(first + together, len(out)), out)

    def _draw(self, views: Views, first: int, last: int, out: wp.array) -> None:
        """Renders worlds `first` to `last`; splits the range in half while it has too many pairs to sort at once."""
        worlds, (height, width) = last - first, out.shape[1:3]
        seen = [self.cloud, views, first, wp.vec2i(width, height)]
        counts = wp.empty((worlds, self.count), dtype=wp.int64, device=self.device)
        ends = wp.empty(counts.size, dtype=wp.int64, device=self.device)
        self._launch(count_tiles, counts.shape, seen, [counts])
        array_scan(counts.flatten(), ends, inclusive=True)
        pairs = int(ends[-1:].numpy()[0])
        if pairs > PAIRS_AT_ONCE and worlds > 1:
            del counts, ends  # released before the next allocation
            middle = first + worlds // 2
            self._draw(views, first, middle, out)
            self._draw(views, middle, last, out)
            return
        tiles = worlds * -(-width // TILE_PX) * -(-height // TILE_PX)
        flats = wp.empty(pairs, dtype=Flat, device=self.device)
        keys = wp.empty(2 * pairs, dtype=wp.int64, device=self.device)
        order = wp.empty(2 * pairs, dtype=wp.int32, device=self.device)
        spans = wp.zeros((tiles, 2), dtype=wp.int32, device=self.device)
        self._launch(list_pairs, (worlds, self.count), [*seen, ends], [flats, keys, order])
        radix_sort_pairs(keys, order, pairs, end_bit=DEPTH_BITS + tiles.bit_length())
        self._launch(find_spans, (pairs,), [keys, pairs], [spans])
        behind = wp.vec3f(*self.behind)
        self._launch(composite, (worlds, height, width), [flats, order, spans, behind, first], [out])

    def _launch(self, kernel: wp.Kernel, dim: tuple[int, ...], inputs: list, outputs: list) -> None:
        wp.launch(kernel, dim=dim, inputs=inputs, outputs=outputs, device=self.device)


def placed(splats: Splats, R: np.ndarray, radius_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Centres (n, 3) [m] around the origin and axes (n, 3, 3) [m], see Cloud, of splats turned by R (3, 3)."""
    centres = splats.centres @ R.T
    middle = np.median(centres, 0)
    spread = float(np.median(np.linalg.norm(centres - middle, axis=1)))
    scale = radius_m / spread if spread > 1e-9 else 1.0
    axes = R @ rotation_from_quat_wxyz(splats.quats_wxyz) * (splats.scales * scale)[:, None, :]
    return (centres - middle) * scale + (0, 0, 0.8), axes
