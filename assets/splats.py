"""A cloud of 3D Gaussians as a backdrop: EWA splatting (Zwicker et al. 2001) with exact alpha compositing, in numpy."""

from pathlib import Path

import numpy as np

from assets.splat_file import Splats, read_splats
from lace.core.camera import PinholeCamera
from lace.core.errors import InvalidValueError
from lace.core.geometry import invert, rotation_from_quat_wxyz

NEAR_M = 0.2
"""Gaussians nearer to the camera than this are left out."""
LOW_PASS_PX2 = 0.3
"""Added to every screen-space variance, so that no Gaussian is thinner than a pixel (Kerbl et al. 2023)."""
SMALLEST_ALPHA = 1 / 255
MAX_PAIRS = 3_000_000
"""Pixel-Gaussian pairs composited at a time; bounds the memory."""
UP = {"-y": ((1, 0, 0), (0, 0, 1), (0, -1, 0)), "z": ((1, 0, 0), (0, 1, 0), (0, 0, 1)), "y": ((1, 0, 0), (0, 0, -1), (0, 1, 0))}  # fmt: skip
"""Rotations that take the file's up axis to +z; captures by COLMAP have -y up."""


class SplatCloud:
    """A captured scene around the origin: its median is moved there, its median distance scaled to `radius_m`."""

    def __init__(self, path: str | Path, up: str = "-y", radius_m: float = 2.5):
        """Reads a 3DGS .ply.

        Args:
            path: The file.
            up: The file's up axis: "-y", "y" or "z".
            radius_m: Median distance of the Gaussians from the origin [m].
        """
        if up not in UP:
            raise InvalidValueError(f"opening the splat {path}", f"up axis {up!r}", f"one of {', '.join(UP)}", "choose one")
        splats, R = read_splats(path), np.array(UP[up], float)
        centres = splats.centres @ R.T
        middle = np.median(centres, 0)
        spread = float(np.median(np.linalg.norm(centres - middle, axis=1)))
        scale = radius_m / spread if spread > 1e-9 else 1.0
        self.centres = (centres - middle) * scale + (0, 0, 0.8)
        self.covariances = _covariances(splats, R, scale)
        self.colours, self.opacities = splats.colours, splats.opacities
        self.behind = splats.colours.mean(0)
        """Colour where no Gaussian is."""

    def render(self, camera: PinholeCamera, draw: np.ndarray) -> np.ndarray:
        """As `Backdrop.render`; draw[:, 0] turns the cloud about z, in turns."""
        images = [
            self._one(K, T, 2 * np.pi * turn, (camera.width, camera.height))
            for K, T, turn in zip(camera.K, camera.T_world_cam, np.asarray(draw, float)[:, 0], strict=True)
        ]
        return np.stack(images)

    def _one(self, K: np.ndarray, T_world_cam: np.ndarray, yaw: float, size: tuple[int, int]) -> np.ndarray:
        c, s = np.cos(yaw), np.sin(yaw)
        T = invert(T_world_cam)
        R = T[:3, :3] @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        points = self.centres @ R.T + T[:3, 3]
        seen = np.flatnonzero(points[:, 2] > NEAR_M)
        seen = seen[np.argsort(points[seen, 2])]
        screen, covariance = project(points[seen], R @ self.covariances[seen] @ R.T, K, size)
        return composite(screen, covariance, self.colours[seen], self.opacities[seen], size, self.behind)


def _covariances(splats: Splats, R: np.ndarray, scale: float) -> np.ndarray:
    """Covariances (n, 3, 3) [m^2] in the world."""
    axes = R @ rotation_from_quat_wxyz(splats.quats_wxyz) * (splats.scales * scale)[:, None, :]
    return axes @ np.swapaxes(axes, 1, 2)


def project(
    points: np.ndarray, covariances: np.ndarray, K: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Screen positions (n, 2) [px] and covariances (n, 2, 2) [px^2] of Gaussians in camera coordinates.

    The perspective is linearised at each centre (Zwicker et al. 2001, eq. 29), clamped to 1.3 times the view.
    """
    focal, centre = K[0, 0], K[:2, 2]
    z = points[:, 2]
    limit = 1.3 * np.array(size) / 2 / focal
    tangent = np.clip(points[:, :2] / z[:, None], -limit, limit)
    J = np.zeros((len(points), 2, 3))
    J[:, 0, 0] = J[:, 1, 1] = focal / z
    J[:, :, 2] = -focal * tangent / z[:, None]
    flat = J @ covariances @ np.swapaxes(J, 1, 2) + LOW_PASS_PX2 * np.eye(2)
    return points[:, :2] / z[:, None] * focal + centre, flat


def composite(
    screen: np.ndarray, covariance: np.ndarray, colours: np.ndarray, opacities: np.ndarray, size: tuple[int, int],
    behind: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """The image (height, width, 3) uint8 of screen-space Gaussians listed front to back, over the colour `behind`."""
    width, height = size
    reach = np.sqrt(2 * np.log(np.maximum(opacities / SMALLEST_ALPHA, 1)))
    half = reach[:, None] * np.sqrt(covariance[:, (0, 1), (0, 1)])
    low = np.clip(np.floor(screen - half), 0, size).astype(int)
    high = np.clip(np.ceil(screen + half), 0, size).astype(int)
    boxes = np.maximum(high - low, 0)
    area = boxes.prod(1)
    image, through = np.zeros((height * width, 3)), np.ones(height * width)
    inverse = np.linalg.inv(covariance)
    chunk = np.cumsum(area) // MAX_PAIRS
    for number in np.unique(chunk[area > 0]):
        some = np.flatnonzero((chunk == number) & (area > 0))
        which, pixel, x, y = _pairs(some, low, boxes, area, width)
        d = np.stack([x, y], -1) + 0.5 - screen[which]
        power = np.einsum("ni,nij,nj->n", d, inverse[which], d)
        alpha = np.minimum(opacities[which] * np.exp(-0.5 * power), 0.99)
        strong = alpha >= SMALLEST_ALPHA
        _blend(image, through, pixel[strong], alpha[strong], colours[which[strong]])
    image += through[:, None] * behind
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8).reshape(height, width, 3)


def _pairs(some: np.ndarray, low: np.ndarray, boxes: np.ndarray, area: np.ndarray, width: int) -> tuple:
    """Every pixel of every Gaussian's box, Gaussians in order: Gaussian, flat pixel, x and y, each (pairs,)."""
    which = np.repeat(some, area[some])
    starts = np.cumsum(area[some]) - area[some]
    inside = np.arange(len(which)) - np.repeat(starts, area[some])
    x = low[which, 0] + inside % boxes[which, 0]
    y = low[which, 1] + inside // boxes[which, 0]
    return which, y * width + x, x, y


def _blend(image: np.ndarray, through: np.ndarray, pixel: np.ndarray, alpha: np.ndarray, colours: np.ndarray) -> None:
    """Adds pairs, listed front to back, behind what `image` (n, 3) holds; updates the transmittance `through` (n,).

    Within each pixel the light that reaches pair k is the product of (1 - alpha) over the pairs before it.
    """
    if not len(pixel):
        return
    order = np.argsort(pixel, kind="stable")
    pixel, alpha, colours = pixel[order], alpha[order], colours[order]
    logs = np.concatenate([[0.0], np.cumsum(np.log1p(-alpha))])
    first = np.flatnonzero(np.concatenate([[True], np.diff(pixel) > 0]))
    last = np.concatenate([first[1:], [len(pixel)]])
    before = np.exp(logs[:-1] - np.repeat(logs[first], last - first))
    light = (through[pixel] * before * alpha)[:, None] * colours
    image[pixel[first]] += np.add.reduceat(light, first)
    through[pixel[first]] *= np.exp(logs[last] - logs[first])
