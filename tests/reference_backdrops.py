"""Reference backdrops, computed per world with numpy and OpenCV, to compare the kernels with."""

import cv2
import numpy as np

from assets.backdrops import pictures, splat_kernels
from assets.backdrops.photos import SMALLEST_CROP, PhotoFolder, shrunk
from assets.backdrops.splat_file import Splats
from assets.backdrops.splats import UP, placed
from lace.core.camera import PinholeCamera
from lace.core.geometry import invert

MAX_PAIRS = 3_000_000
"""Pixel-Gaussian pairs composited at a time; bounds the memory."""


def photos(folder: PhotoFolder, size: tuple[int, int], draw: np.ndarray) -> np.ndarray:
    """Pictures (n, height, width, 3) of `size` (width, height); draw (n, 3)."""
    return np.stack([_photo(folder, row, size) for row in draw])


def _photo(folder: PhotoFolder, draw: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    pick = draw[0] * len(folder.photos)
    index = min(int(pick), len(folder.photos) - 1)
    photo = shrunk(pictures.read_photo(folder.photos[index]), size)
    rows, columns = photo.shape[:2]
    scale = min(columns / size[0], rows / size[1]) * (SMALLEST_CROP + (1 - SMALLEST_CROP) * (pick - index))
    width, height = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    left, top = int(draw[1] * (columns - width + 1)), int(draw[2] * (rows - height + 1))
    crop = photo[top : top + height, left : left + width]
    return cv2.resize(crop, size, interpolation=cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR)


def panorama(image: np.ndarray, camera: PinholeCamera, turns: np.ndarray) -> np.ndarray:
    """Pictures (n, height, width, 3) of a panorama (rows, columns, 3) uint8, rotated by `turns` (n,)."""
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    uv = np.broadcast_to(np.stack([x, y], -1).reshape(-1, 2), (len(turns), x.size, 2))
    directions = camera.unproject(uv, np.ones(uv.shape[:2])) - camera.T_world_cam[:, None, :3, 3]
    directions = directions.reshape(-1, camera.height, camera.width, 3)
    return np.stack([_look(image, d, turn) for d, turn in zip(directions, turns, strict=True)])


def _look(image: np.ndarray, directions: np.ndarray, turn: float) -> np.ndarray:
    """Colours along world directions (height, width, 3), bilinear, wrapping around in yaw."""
    rows, columns = image.shape[:2]
    x, y, z = np.moveaxis(directions, -1, 0)
    u = (0.5 - np.arctan2(y, x) / (2 * np.pi) + turn) % 1.0 * columns - 0.5
    v = np.clip((0.5 - np.arctan2(z, np.hypot(x, y)) / np.pi) * rows - 0.5, 0, rows - 1)
    column, row = np.floor(u).astype(int), np.floor(v).astype(int)
    across, down = (u - column)[..., None], (v - row)[..., None]
    below = np.minimum(row + 1, rows - 1)

    def between(which: np.ndarray) -> np.ndarray:
        return image[which, column % columns] * (1 - across) + image[which, (column + 1) % columns] * across

    return (between(row) * (1 - down) + between(below) * down + 0.5).astype(np.uint8)


def splats(cloud: Splats, camera: PinholeCamera, turns: np.ndarray) -> np.ndarray:
    """Pictures (n, height, width, 3) of a cloud with SplatCloud's default placement, rotated by `turns` (n,)."""
    centres, axes = placed(cloud, np.array(UP["-y"], float), 2.5)
    covariances, size = axes @ axes.swapaxes(1, 2), (camera.width, camera.height)
    images = []
    for K, T_world_cam, turn in zip(camera.K, camera.T_world_cam, turns, strict=True):
        c, s = np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)
        T = invert(T_world_cam)
        R = T[:3, :3] @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        points = centres @ R.T + T[:3, 3]
        seen = np.flatnonzero(points[:, 2] > splat_kernels.NEAR_M)
        seen = seen[np.argsort(points[seen, 2])]
        screen, covariance = project(points[seen], R @ covariances[seen] @ R.T, K, size)
        colours, opacities = cloud.colours[seen], cloud.opacities[seen]
        images.append(composite(screen, covariance, colours, opacities, size, cloud.colours.mean(0)))
    return np.stack(images)


def project(
    points: np.ndarray, covariances: np.ndarray, K: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Screen positions (n, 2) [px] and covariances (n, 2, 2) [px^2] of Gaussians in camera coordinates."""
    focal, centre = K[0, 0], K[:2, 2]
    z = points[:, 2]
    limit = 1.3 * np.array(size) / 2 / focal
    tangent = np.clip(points[:, :2] / z[:, None], -limit, limit)
    J = np.zeros((len(points), 2, 3))
    J[:, 0, 0] = J[:, 1, 1] = focal / z
    J[:, :, 2] = -focal * tangent / z[:, None]
    flat = J @ covariances @ np.swapaxes(J, 1, 2) + splat_kernels.LOW_PASS_PX2 * np.eye(2)
    return points[:, :2] / z[:, None] * focal + centre, flat


def composite(
    screen: np.ndarray,
    covariance: np.ndarray,
    colours: np.ndarray,
    opacities: np.ndarray,
    size: tuple[int, int],
    behind: np.ndarray,
) -> np.ndarray:
    """The image (height, width, 3) uint8 of screen-space Gaussians listed front to back, over the colour `behind`."""
    width, height = size
    reach = np.sqrt(2 * np.log(np.maximum(opacities / splat_kernels.SMALLEST_ALPHA, 1)))
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
        alpha = np.minimum(opacities[which] * np.exp(-0.5 * power), splat_kernels.LARGEST_ALPHA)
        strong = alpha >= splat_kernels.SMALLEST_ALPHA
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
