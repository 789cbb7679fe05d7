"""The marker test: small spheres at the keypoints of the body as drawn must appear where the labels say."""

import numpy as np

from lace.core.geometry import BoolArray

RADIUS_PX = 4.0
"""Radius of a marker: some fifty pixels, whose centroid lies within a tenth of a pixel."""
MARGIN_PX = 2.0
"""Markers keep this distance from the edge and twice from each other, so that each is seen whole."""


def choose(uv: np.ndarray, depth: np.ndarray, size: tuple[int, int]) -> BoolArray:
    """Which keypoints (n, k) bool at uv (n, k, 2) [px] can carry markers that are seen whole, the first ones first.

    Args:
        uv: Projected keypoints.
        depth: (n, k) along the camera axis [m].
        size: Width and height of the image [px].
    """
    reach = RADIUS_PX + MARGIN_PX
    fits = (depth > 0) & (uv >= reach).all(-1) & (uv < np.array(size) - reach - 1).all(-1)
    chosen = np.zeros_like(fits)
    for k in range(uv.shape[1]):
        gaps = np.linalg.norm(uv - uv[:, k : k + 1], axis=-1)
        chosen[:, k] = fits[:, k] & ~(chosen & (gaps <= 2 * reach)).any(1)
    return chosen


def errors_px(segment: np.ndarray, first_id: int, uv: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Distances between the centroids of drawn markers and their labels [px], one per chosen marker; inf if missing.

    Args:
        segment: (n, height, width) segment ids; marker k has id first_id + k.
        first_id: Id of the first marker.
        uv: (n, k, 2) labels [px].
        chosen: (n, k) from `choose`.
    """
    world, marker = np.nonzero(chosen)
    at, reach = uv[world, marker], RADIUS_PX + MARGIN_PX
    left, top = np.floor(at - reach).astype(int).T[:, :, None, None]
    grid = np.arange(int(2 * reach) + 2)
    rows, columns = top + grid[:, None], left + grid
    drawn = segment[world[:, None, None], rows, columns] == first_id + marker[:, None, None]
    with np.errstate(invalid="ignore"):
        pixels = drawn.sum((1, 2))
        x, y = (drawn * (columns + 0.5)).sum((1, 2)) / pixels, (drawn * (rows + 0.5)).sum((1, 2)) / pixels
    errors = np.hypot(x - at[:, 0], y - at[:, 1])
    return np.where(pixels > 0, errors, np.inf)
