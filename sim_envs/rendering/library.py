"""Meshes and textures that scenes may show, uploaded once to the device and referred to by number."""

import cv2
import numpy as np
import warp as wp

from assets.shapes import Mesh
from sim_envs.rendering.raytrace import MeshData, Slot, mesh_data
from sim_envs.rendering.texels import Texel, TextureRow, pack_textures
from sim_envs.rendering.tone import srgb_to_linear

LEAF_SIZE = 4
"""Triangles per leaf of a mesh's bounding volumes."""
_ROOTS = np.rint(np.sqrt(srgb_to_linear(np.arange(256) / 255.0)) * 255).astype(np.uint8)
"""Square root of linear light of each sRGB value, both of 255."""
WHOLE = -1
"""Root of a mesh that is not part of a larger one."""


@wp.kernel(enable_backward=False)
def find_roots(meshes: wp.array[wp.uint64], part: wp.array[wp.int32], out: wp.array[wp.int32]):
    """Where a ray enters the bounding volumes of each mesh: at the root of its part, if it is one of several."""
    number = wp.tid()
    out[number] = wp.int32(wp.static(WHOLE))
    if part[number] >= 0:
        out[number] = wp.mesh_get_group_root(meshes[number], part[number])


@wp.kernel(enable_backward=False)
def gather_bounds(slots: wp.array[Slot], mesh_bounds: wp.array2d[wp.vec3f], out: wp.array2d[wp.vec3f]):
    """Lower and upper corner (slots, 2) of every slot's mesh, of any mesh where it shows none."""
    number = wp.tid()
    slot = slots[number]
    mesh = wp.max(slot.mesh, 0)
    out[number, 0] = mesh_bounds[mesh, 0]
    out[number, 1] = mesh_bounds[mesh, 1]


class Library:
    """Collects meshes and textures, then `upload`s them; numbers are given in order of adding."""

    def __init__(self, device: str):
        self.device = device
        self.meshes: list[wp.Mesh] = []
        """By number; the parts of a mesh share it."""
        self._mesh_data: list[MeshData] = []
        self._roots: list[np.ndarray] = []
        self._repeats: list[float] = []
        self._bounds: list[np.ndarray] = []
        self._spans: list[tuple[int, int, int]] = []

    def add_mesh(self, mesh: Mesh) -> int:
        """Uploads a mesh; returns its number."""
        points = wp.array(mesh.vertices, dtype=wp.vec3f, device=self.device)
        indices = wp.array(mesh.faces.ravel(), dtype=wp.int32, device=self.device)
        uvs = wp.array(mesh.uvs, dtype=wp.vec2f, device=self.device)
        data = mesh_data(uvs, wp.array(mesh.normals, dtype=wp.vec3f, device=self.device))
        bounds = np.stack([mesh.vertices.min(0), mesh.vertices.max(0)])
        self._add(wp.Mesh(points, indices, bvh_leaf_size=LEAF_SIZE), data, bounds, (0, len(mesh.faces), -1))
        return len(self.meshes) - 1

    def add_parts(
        self, points: wp.array, faces: np.ndarray, counts: np.ndarray, uvs: wp.array, normals: wp.array
    ) -> tuple[wp.Mesh, np.ndarray]:
        """Adds one mesh whose arrays lie on the device as several, refitted at once; the mesh, and the parts' numbers.

        Code that changes the arrays must refit the mesh and update `mesh_bounds` of its parts.

        Args:
            points: Vertices [m].
            faces: (m, 3) int32, part by part.
            counts: (parts,) faces of each part.
            uvs: By vertex.
            normals: By vertex.
        """
        parts = wp.array(np.repeat(np.arange(len(counts), dtype=np.int32), counts), dtype=wp.int32, device=self.device)
        indices = wp.array(faces.ravel(), dtype=wp.int32, device=self.device)
        mesh = wp.Mesh(points, indices, bvh_leaf_size=LEAF_SIZE, groups=parts)
        data, start = mesh_data(uvs, normals), len(self.meshes)
        for part, (first, count) in enumerate(zip(np.cumsum(counts) - counts, counts, strict=True)):
            self._add(mesh, data, np.zeros((2, 3)), (int(first), int(count), part))
        return mesh, np.arange(start, len(self.meshes))

    def _add(self, mesh: wp.Mesh, data: MeshData, bounds: np.ndarray, span: tuple[int, int, int]) -> None:
        self.meshes.append(mesh)
        self._mesh_data.append(data)
        self._bounds.append(bounds)
        self._spans.append(span)

    def add_texture(self, image: np.ndarray, repeat: float) -> int:
        """Adds a texture (h, w, 3) uint8 sRGB that repeats `repeat` times a metre (a uv unit); returns its number.

        Row 0 is v = 1, as image files have it.
        """
        self._roots.append(cv2.LUT(image, _ROOTS))
        self._repeats.append(repeat)
        return len(self._roots) - 1

    def upload(self) -> None:
        """Builds the tables that the kernels read; call once, after the last `add`."""
        self.mesh_pointers = np.array([int(mesh.id) for mesh in self.meshes], np.uint64)
        self.first_face, self.face_count, part = np.array(self._spans, np.int32).T
        self.mesh_roots = self._find_roots(part)
        bounds = np.stack(self._bounds).astype(np.float32)
        self.mesh_bounds = wp.array(bounds, dtype=wp.vec3f, ndim=2, device=self.device)
        self.mesh_data = wp.array(self._mesh_data, dtype=MeshData, device=self.device)
        texels, rows = pack_textures(self._roots, self._repeats)
        self.texels = wp.array(texels, dtype=Texel, device=self.device)
        self.textures = wp.array(rows, dtype=TextureRow, device=self.device)

    def _find_roots(self, part: np.ndarray) -> np.ndarray:
        roots = wp.empty(len(part), dtype=wp.int32, device=self.device)
        meshes = wp.array(self.mesh_pointers, dtype=wp.uint64, device=self.device)
        inputs = [meshes, wp.array(np.ascontiguousarray(part), dtype=wp.int32, device=self.device)]
        wp.launch(find_roots, dim=len(part), inputs=inputs, outputs=[roots], device=self.device)
        return roots.numpy()
