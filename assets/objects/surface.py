"""Smooth solids as signed distances, and a surface-nets mesher for them (Gibson 1998)."""

from collections.abc import Callable

import numpy as np

from lace.core.kept import kept_by_name

Distance = Callable[[np.ndarray], np.ndarray]
"""Points (..., 3) to signed distances (...), negative inside."""


def ellipsoid_distance(points: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Approximate signed distance to an ellipsoid about the origin (Quilez's first-order bound)."""
    k0 = np.linalg.norm(points / radii, axis=-1)
    k1 = np.linalg.norm(points / radii**2, axis=-1)
    return k0 * (k0 - 1) / np.maximum(k1, 1e-9)


def limb_distance(points: np.ndarray, start: np.ndarray, end: np.ndarray, radii: tuple[float, float]) -> np.ndarray:
    """Signed distance to a rod from `start` to `end` whose radius changes linearly."""
    axis = end - start
    along = np.clip((points - start) @ axis / (axis @ axis), 0, 1)
    nearest = start + along[..., None] * axis
    return np.linalg.norm(points - nearest, axis=-1) - (radii[0] + along * (radii[1] - radii[0]))


def smooth_union(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """The union of two distances, blended where they differ by less than `width` (quadratic smooth minimum)."""
    h = np.maximum(width - np.abs(a - b), 0) / width
    return np.minimum(a, b) - h * h * width / 4


def gradient(distance: Distance, points: np.ndarray, step: float) -> np.ndarray:
    """Unit outward normals (n, 3) by central differences."""
    offsets = np.eye(3) * step
    g = np.stack([distance(points + d) - distance(points - d) for d in offsets], -1)
    return g / np.maximum(np.linalg.norm(g, axis=-1, keepdims=True), 1e-12)


def mesh_surface(
    distance: Distance, low: np.ndarray, high: np.ndarray, cell: float, faces: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (n, 3), faces (m, 3) counter-clockwise from outside, and normals (n, 3) of the zero level; kept.

    Args:
        distance: Signed distance.
        low: Corner of a box that holds the whole surface (3,).
        high: Opposite corner (3,).
        cell: Edge of the sampling grid.
        faces: Wanted number of faces, met approximately by quadric decimation.
    """
    inputs = (distance, low, high, cell, faces)
    kept = kept_by_name("surfaces", lambda: _meshed(*inputs), _meshed, *inputs)
    return kept["vertices"], kept["faces"], kept["normals"]


def _meshed(distance: Distance, low: np.ndarray, high: np.ndarray, cell: float, faces: int) -> dict[str, np.ndarray]:
    import trimesh

    axes = [np.arange(a - cell, b + 2 * cell, cell) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    vertices, triangles = surface_nets(distance(grid))
    vertices = vertices * cell + grid[0, 0, 0]
    coarse = trimesh.Trimesh(vertices, triangles, process=False)
    if len(triangles) > faces:
        coarse = coarse.simplify_quadric_decimation(face_count=faces)
    points = np.array(coarse.vertices)
    for _ in range(2):  # Newton steps back onto the surface
        points -= np.clip(distance(points), -cell, cell)[:, None] * gradient(distance, points, cell * 0.05)
    normals = gradient(distance, points, cell * 0.05)
    return {"vertices": points, "faces": np.array(coarse.faces), "normals": normals}


def surface_nets(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [grid steps] and faces of the zero level of samples (x, y, z); one vertex per cell that it crosses."""
    inside = values < 0
    shape = np.array(values.shape) - 1
    total, count = np.zeros((*shape, 3)), np.zeros(tuple(shape))
    crossings = []
    for axis in range(3):
        near, far = _shift(values, axis, 0), _shift(values, axis, 1)
        cut = _shift(inside, axis, 0) != _shift(inside, axis, 1)
        t = np.where(cut, near / np.where(cut, near - far, 1), 0)
        crossings.append(cut)
        _gather(total, count, cut, t, axis)
    active = count > 0
    number = np.full(tuple(shape), -1)
    number[active] = np.arange(active.sum())
    vertices = total[active] / count[active][:, None]
    faces = [_quads(inside, cut, number, axis) for axis, cut in enumerate(crossings)]
    return vertices, np.concatenate(faces)


def _shift(values: np.ndarray, axis: int, step: int) -> np.ndarray:
    """All samples but the last (step 0) or the first (step 1) along an axis."""
    return np.take(values, np.arange(step, values.shape[axis] - 1 + step), axis)


def _gather(total: np.ndarray, count: np.ndarray, cut: np.ndarray, t: np.ndarray, axis: int) -> None:
    """Adds the crossing points of all edges along `axis` to the four adjacent cells."""
    others = [k for k in range(3) if k != axis]
    for i in (0, 1):
        for j in (0, 1):
            window = [slice(None)] * 3
            for other, offset in zip(others, (i, j), strict=True):
                window[other] = slice(offset, cut.shape[other] - 1 + offset)
            part = cut[tuple(window)]
            point = np.moveaxis(np.indices(part.shape), 0, -1).astype(float)
            point[..., axis] += t[tuple(window)]
            point[..., others[0]] += i
            point[..., others[1]] += j
            total += np.where(part[..., None], point, 0)
            count += part


def _quads(inside: np.ndarray, cut: np.ndarray, number: np.ndarray, axis: int) -> np.ndarray:
    """Two triangles (m, 3) around every crossed inner edge along `axis`, wound by which end is inside."""
    u, v = (axis + 1) % 3, (axis + 2) % 3
    edges = np.argwhere(cut)
    edges = edges[(edges[:, u] > 0) & (edges[:, v] > 0)]
    edges = edges[(edges[:, u] < number.shape[u]) & (edges[:, v] < number.shape[v])]
    du, dv = np.eye(3, dtype=int)[u], np.eye(3, dtype=int)[v]
    corners = [number[tuple((edges - a * du - b * dv).T)] for a, b in ((1, 1), (0, 1), (0, 0), (1, 0))]
    outward = inside[tuple(edges.T)]
    quad = np.stack(corners, 1)
    quad = np.where(outward[:, None], quad, quad[:, ::-1])
    return np.concatenate([quad[:, :3], quad[:, [0, 2, 3]]])
