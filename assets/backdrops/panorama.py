"""An equirectangular panorama at infinite distance."""

from pathlib import Path

import numpy as np
import warp as wp

from assets.backdrops.pictures import read_display
from assets.backdrops.views import Views, on_device, views_of
from lace.core.camera import PinholeCamera

PANORAMA_SUFFIXES = (".hdr", ".exr", ".jpg", ".jpeg", ".png")


@wp.func
def texel(image: wp.array3d[wp.uint8], row: wp.int32, column: wp.int32):
    """RGB of a pixel; column indices wrap."""
    across = wp.where(
        column < 0, column + image.shape[1], wp.where(column >= image.shape[1], column - image.shape[1], column)
    )
    return wp.vec3f(
        wp.float32(image[row, across, 0]), wp.float32(image[row, across, 1]), wp.float32(image[row, across, 2])
    )


@wp.kernel(enable_backward=False)
def look_around(image: wp.array3d[wp.uint8], views: Views, turn: wp.array[wp.float32], out: wp.array4d[wp.uint8]):
    """Samples the panorama in each pixel's direction, rotated by `turn` [turns]; bilinear."""
    world, y, x = wp.tid()
    lens = views.lens[world]
    local = wp.vec3f((wp.float32(x) + 0.5 - lens[1]) / lens[0], (wp.float32(y) + 0.5 - lens[2]) / lens[0], 1.0)
    way = views.rotation[world] @ local
    around = 0.5 - wp.atan2(way[1], way[0]) / wp.static(2.0 * np.pi) + turn[world]
    down = 0.5 - wp.atan2(way[2], wp.sqrt(way[0] * way[0] + way[1] * way[1])) / wp.static(np.pi)
    u = (around - wp.floor(around)) * wp.float32(image.shape[1]) - 0.5
    v = wp.clamp(down * wp.float32(image.shape[0]) - 0.5, 0.0, wp.float32(image.shape[0] - 1))
    column = wp.int32(wp.floor(u))
    row = wp.int32(v)
    below = wp.min(row + 1, image.shape[0] - 1)
    across = u - wp.floor(u)
    upper = wp.lerp(texel(image, row, column), texel(image, row, column + 1), across)
    lower = wp.lerp(texel(image, below, column), texel(image, below, column + 1), across)
    colour = wp.lerp(upper, lower, v - wp.float32(row))
    for channel in range(3):
        out[world, y, x, channel] = wp.uint8(colour[channel] + 0.5)


class Panorama:
    """A panorama at a random yaw; implements `Backdrop`. At zero yaw the middle column is +x."""

    def __init__(self, path: str | Path, device: str = "cpu"):
        """Reads the image; linear-light (HDR) images are tone-mapped."""
        self.path, self.device = Path(path), device
        self.image = wp.array(np.ascontiguousarray(read_display(self.path)), dtype=wp.uint8, device=device)
        """(rows, columns, 3)."""
        self.working_bytes = 0

    def render(self, camera: PinholeCamera, draw: np.ndarray, out: wp.array) -> None:
        """As `Backdrop.render`; draw[:, 0] is the yaw in turns."""
        pose = camera.T_world_cam
        views = views_of(camera, pose[:, :3, :3], pose[:, :3, 3], self.device)
        turn = on_device(np.asarray(draw, float)[:, 0] % 1.0, wp.float32, self.device)
        wp.launch(look_around, dim=out.shape[:3], inputs=[self.image, views, turn], outputs=[out], device=self.device)
