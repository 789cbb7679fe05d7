"""The library: every mesh and texture a scene may show, uploaded once to the device and referred to by number."""

import numpy as np
import warp as wp

from assets.shapes import Mesh
from sim_envs.raytrace import MeshData, mesh_data
from sim_envs.shading import srgb_to_linear
from sim_envs.texels import Texel, TextureRow, pack_textures

LEAF_SIZE = 4
"""Triangles per leaf of a mesh's bounding volumes."""


class Library:
    """Collects meshes and textures, then `upload`s them; numbers are given in order of adding."""

    def __init__(self, device: str):
        self.device = device
        self.meshes: list[wp.Mesh] = []
        self._mesh_data: list[MeshData] = []
        self._roots: list[np.ndarray] = []
        self._repeats: list[float] = []
        self._bounds: list[np.ndarray] = []
        self._pointers: list[int] = []

    def add_mesh(self, mesh: Mesh) -> int:
        """Uploads a mesh; returns its number."""
        points = wp.array(mesh.vertices, dtype=wp.vec3f, device=self.device)
        indices = wp.array(mesh.faces.ravel(), dtype=wp.int32, device=self.device)
        uvs = wp.array(mesh.uvs, dtype=wp.vec2f, device=self.device)
        return self.add_arrays(points, indices, uvs, wp.array(mesh.normals, dtype=wp.vec3f, device=self.device))

    def add_arrays(self, points: wp.array, indices: wp.array, uvs: wp.array, normals: wp.array) -> int:
        """Adds a mesh whose arrays lie on the device; whoever rewrites them refits it and writes its `mesh_bounds`."""
        source = wp.Mesh(points, indices, bvh_leaf_size=LEAF_SIZE)
        self._pointers.append(int(source.id))
        self.meshes.append(source)
        self._mesh_data.append(mesh_data(uvs, normals))
        vertices = points.numpy()
        self._bounds.append(np.stack([vertices.min(0), vertices.max(0)]))
        return len(self.meshes) - 1

    def add_texture(self, image: np.ndarray, repeat: float) -> int:
        """Adds a texture (h, w, 3) uint8 sRGB that repeats `repeat` times a metre (a uv unit); returns its number.

        Row 0 is v = 1, as image files have it.
        """
        self._roots.append(np.rint(np.sqrt(srgb_to_linear(image / 255.0)) * 255).astype(np.uint8))
        self._repeats.append(repeat)
        return len(self._roots) - 1

    def upload(self) -> None:
        """Makes the tables that the kernel reads; call once, when everything is added."""
        self.mesh_pointers = np.array(self._pointers, np.uint64)
        self.face_count = np.array([len(mesh.indices) // 3 for mesh in self.meshes])
        self.mesh_bounds = np.stack(self._bounds).astype(np.float32)
        self.mesh_data = wp.array(self._mesh_data, dtype=MeshData, device=self.device)
        texels, rows = pack_textures(self._roots, self._repeats)
        self.texels = wp.array(texels, dtype=Texel, device=self.device)
        self.textures = wp.array(rows, dtype=TextureRow, device=self.device)
