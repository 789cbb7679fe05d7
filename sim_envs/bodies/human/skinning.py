"""Skinned meshes in Warp: shape, linear blend skinning, normals and bounds; one mesh for each world and part."""

import numpy as np
import warp as wp

from assets.humans.skinned import SkinnedMesh
from sim_envs.rendering.library import Library

mat34f = wp.types.matrix(shape=(3, 4), dtype=wp.float32)
VERTEX_BYTES = 12 + 12 + 8
"""Point, normal, texture coordinates."""
FACE_BYTES = 12 + 4 + 24 + 2 * (16 + 16 + 4) + 4
"""Corners, part, bounds; two nodes of the bounding volumes (corners and parent), place among their leaves."""
MARGIN_M = 1e-4
"""Added to the bounds of a part: Warp's own boxes are closed to rounding only."""


@wp.kernel(enable_backward=False)
def skin(
    mean: wp.array2d[wp.vec3f],
    basis: wp.array3d[wp.vec3f],
    bones: wp.array3d[wp.int32],
    weights: wp.array3d[wp.float32],
    cut: wp.array[wp.int32],
    shape: wp.array2d[wp.float32],
    pose: wp.array2d[mat34f],
    out: wp.array[wp.vec3f],
):
    """Vertices (worlds * V): the shape's rest vertex carried by its bones' transforms `pose` (worlds, B)."""
    world, vertex = wp.tid()
    c = cut[world]
    rest = mean[c, vertex]
    for k in range(shape.shape[1]):
        rest += shape[world, k] * basis[c, k, vertex]
    at = wp.vec4f(rest[0], rest[1], rest[2], 1.0)
    point = wp.vec3f(0.0)
    for i in range(bones.shape[2]):
        point += weights[c, vertex, i] * (pose[world, bones[c, vertex, i]] * at)
    out[world * mean.shape[1] + vertex] = point


@wp.kernel(enable_backward=False)
def smooth_normals(
    points: wp.array[wp.vec3f],
    first: wp.array[wp.int32],
    corners: wp.array[wp.vec3i],
    vertices: wp.int32,
    out: wp.array[wp.vec3f],
):
    """Unit normals (worlds * V) from the faces `corners[first[v]:first[v + 1]]` that meet at each vertex, by area."""
    world, vertex = wp.tid()
    base = world * vertices
    total = wp.vec3f(0.0)
    for i in range(first[vertex], first[vertex + 1]):
        face = corners[i]
        a = points[base + face[0]]
        total += wp.cross(points[base + face[1]] - a, points[base + face[2]] - a)
    out[base + vertex] = wp.normalize(total)


@wp.kernel(enable_backward=False)
def part_bounds(
    points: wp.array[wp.vec3f],
    edges: wp.array2d[wp.int32],
    vertices: wp.int32,
    first: wp.int32,
    out: wp.array2d[wp.vec3f],
):
    """Lower and upper corners of the vertices edges[part, 0] to edges[part, 1]; worlds fill rows from `first` on."""
    world, part = wp.tid()
    row = first + world * edges.shape[0] + part
    low = wp.vec3f(1.0e9)
    high = wp.vec3f(-1.0e9)
    for vertex in range(edges[part, 0], edges[part, 1]):
        point = points[world * vertices + vertex]
        low = wp.min(low, point)
        high = wp.max(high, point)
    margin = wp.vec3f(wp.static(MARGIN_M))
    out[row, 0] = low - margin
    out[row, 1] = high + margin


def skinned_bytes(mesh: SkinnedMesh) -> int:
    """Device memory of each world's copy."""
    return VERTEX_BYTES * mesh.mean.shape[1] + FACE_BYTES * len(mesh.faces)


class SkinnedWorlds:
    """One deformable copy of a mesh per world; each of its parts is an ordinary mesh of the library."""

    def __init__(self, mesh: SkinnedMesh, library: Library, worlds: int):
        self.mesh, self.library, self.worlds, self.device = mesh, library, worlds, library.device
        self.vertices = mesh.mean.shape[1]
        first, corners = _corners_around(mesh)
        self._mean, self._basis = self._array(mesh.mean, wp.vec3f), self._array(mesh.basis, wp.vec3f)
        self._bones, self._weights = self._array(mesh.bones, wp.int32), self._array(mesh.weights, wp.float32)
        self._first, self._corners = self._array(first, wp.int32), self._array(corners, wp.vec3i)
        self._edges = self._array(np.array([(part.start, part.stop) for part in mesh.parts], np.int32), wp.int32)
        self.points = self._array(np.tile(mesh.mean[0], (worlds, 1)), wp.vec3f)
        self.normals = wp.zeros_like(self.points)
        self._mesh, numbers = library.add_parts(self.points, *self._faces(), self._uvs(), self.normals)
        self.numbers = numbers.reshape(worlds, len(mesh.parts))
        """(worlds, parts): numbers in the library, one after another."""

    def _array(self, values: np.ndarray, dtype) -> wp.array:
        return wp.array(np.ascontiguousarray(values), dtype=dtype, device=self.device)

    def _faces(self) -> tuple[np.ndarray, np.ndarray]:
        """Faces (m, 3) of all worlds, part by part, and how many each part has (worlds * parts,)."""
        first = self.vertices * np.arange(self.worlds, dtype=np.int32)
        counts = [len(part.faces) for part in self.mesh.parts]
        return (first[:, None, None] + self.mesh.faces).reshape(-1, 3), np.tile(counts, self.worlds)

    def _uvs(self) -> wp.array:
        return self._array(np.tile(self.mesh.uvs, (self.worlds, 1)), wp.vec2f)

    def bend(self, cut: np.ndarray, shape: np.ndarray, pose: np.ndarray) -> None:
        """Updates the vertices, normals and bounds of every world's copy.

        Args:
            cut: (worlds,) which cut of the mesh.
            shape: (worlds, K) coefficients.
            pose: (worlds, B, 3, 4) transforms of zero-pose points, see HumanHand.skinning.
        """
        dim = (self.worlds, self.vertices)
        inputs = [self._array(cut.astype(np.int32), wp.int32), self._array(shape.astype(np.float32), wp.float32)]
        inputs.append(self._array(pose.astype(np.float32), mat34f))
        rest = [self._mean, self._basis, self._bones, self._weights]
        wp.launch(skin, dim=dim, inputs=[*rest, *inputs], outputs=[self.points], device=self.device)
        around = [self.points, self._first, self._corners, self.vertices]
        wp.launch(smooth_normals, dim=dim, inputs=around, outputs=[self.normals], device=self.device)
        wp.launch(
            part_bounds,
            dim=self.numbers.shape,
            inputs=[self.points, self._edges, self.vertices, int(self.numbers[0, 0])],
            outputs=[self.library.mesh_bounds],
            device=self.device,
        )
        self._mesh.refit()  # for rays: the rasteriser reads the vertices alone


def _corners_around(mesh: SkinnedMesh) -> tuple[np.ndarray, np.ndarray]:
    """For each vertex, where its group's faces begin in a list (V + 1,), and the list of their corners (n, 3)."""
    faces = mesh.faces
    groups = mesh.group[faces]
    members: list[list[int]] = [[] for _ in range(mesh.group.max() + 1)]
    for number, corners in enumerate(groups):
        for group in set(corners.tolist()):
            members[group].append(number)
    rows = [members[group] for group in mesh.group]
    first = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    return first.astype(np.int32), faces[np.concatenate(rows)].astype(np.int32)
