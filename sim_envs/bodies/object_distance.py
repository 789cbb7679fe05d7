"""Signed distance to an object: exact by Warp's mesh queries, and a precomputed grid for searches."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import warp as wp

from assets.objects import OBJECTS
from assets.shapes import Mesh
from lace.core.geometry import Array

CELL_M, AROUND_M = 0.0025, 0.03
"""Edge of the grid's cells, and how far the grid goes on around the object, at scale 1."""
REACH_M = 1.0
"""Largest distance at which a surface is searched for [m]."""


@wp.kernel(enable_backward=False)
def _query(mesh: wp.uint64, points: wp.array[wp.vec3f], out: wp.array[wp.float32]):
    """Distance to the surface, negative inside. The winding number decides, also where shells overlap."""
    i = wp.tid()
    found = wp.mesh_query_point_sign_winding_number(mesh, points[i], wp.static(REACH_M))
    distance = wp.static(REACH_M)
    if found.result:
        nearest = wp.mesh_eval_position(mesh, found.face, found.u, found.v)
        distance = found.sign * wp.length(points[i] - nearest)
    out[i] = distance


class ObjectDistance:
    """Signed distances to a mesh in its own frame; always on the CPU, so that plans are the same on every device."""

    def __init__(self, mesh: Mesh):
        points = wp.array(mesh.vertices, dtype=wp.vec3f, device="cpu")
        faces = wp.array(mesh.faces.ravel(), dtype=wp.int32, device="cpu")
        self._mesh = wp.Mesh(points, faces, support_winding_number=True)
        self._corners = mesh.vertices.min(0).astype(float) - AROUND_M, mesh.vertices.max(0) + AROUND_M

    @cached_property
    def _grid(self) -> np.ndarray:
        low, high = self._corners
        axes = [a + CELL_M * np.arange(np.ceil((b - a) / CELL_M) + 1) for a, b in zip(low, high, strict=True)]
        return self.exact(np.stack(np.meshgrid(*axes, indexing="ij"), -1))

    def exact(self, points: Array) -> np.ndarray:
        """(...) [m] of points (..., 3)."""
        flat = wp.array(np.ascontiguousarray(points, np.float32).reshape(-1, 3), dtype=wp.vec3f, device="cpu")
        out = wp.empty(len(flat), dtype=wp.float32, device="cpu")
        wp.launch(_query, dim=len(flat), inputs=[self._mesh.id, flat], outputs=[out], device="cpu")
        return out.numpy().reshape(points.shape[:-1])

    def near(self, points: Array) -> np.ndarray:
        """(...) [m] of points (..., 3), trilinear from the grid; outside it, an upper bound."""
        at = (points - self._corners[0]) / CELL_M
        grid = self._grid
        inside = np.clip(at, 0, np.array(grid.shape) - 1 - 1e-6)
        cell = inside.astype(int)
        share = inside - cell
        x, y, z = np.moveaxis(np.stack([1 - share, share]), -1, 0)  # each (2, ...): of the lower and the upper corner
        row, plane = grid.shape[2], grid.shape[1] * grid.shape[2]
        first, flat = cell[..., 0] * plane + cell[..., 1] * row + cell[..., 2], grid.reshape(-1)
        value = np.zeros(at.shape[:-1])
        for i, j, k in np.ndindex(2, 2, 2):
            value += x[i] * y[j] * z[k] * flat[first + (i * plane + j * row + k)]
        return value + CELL_M * np.linalg.norm(at - inside, axis=-1)


@cache
def distance_to(name: str) -> ObjectDistance:
    """Of the object registered under a name, at scale 1."""
    return ObjectDistance(OBJECTS[name].build())


@dataclass(frozen=True)
class Standing:
    """Signed distance to an object at its pose and scale in a scene."""

    name: str
    T_world_object: Array
    """(4, 4)."""
    scale: float

    def _local(self, points: Array) -> Array:
        R, t = self.T_world_object[:3, :3], self.T_world_object[:3, 3]
        return (points - t) @ R / self.scale

    def near(self, points: Array) -> np.ndarray:
        """Approximate signed distances (...) [m] of world points (..., 3)."""
        return self.scale * distance_to(self.name).near(self._local(points))

    def exact(self, points: Array) -> np.ndarray:
        """Signed distances (...) [m] of world points (..., 3)."""
        return self.scale * distance_to(self.name).exact(self._local(points))
