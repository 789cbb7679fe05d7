"""Convex decomposition of meshes by CoACD (Wei et al. 2022), kept in the cache by content."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.cache import built_folder
from lace.core.errors import InvalidValueError

HOLLOW = 1.5
"""A mesh is one convex hull unless the hull's volume is more than so many times the mesh's."""
OPTIONS: dict[str, Any] = {
    "threshold": 0.1,  # concavity that is left, of a mesh scaled to the unit cube
    "max_convex_hull": 12,
    "preprocess_resolution": 30,  # of the closed surface that replaces an open mesh
    "resolution": 200,
    "mcts_nodes": 5,
    "mcts_iterations": 10,
    "mcts_max_depth": 1,
    "seed": 0,
}
"""CoACD's options: its fast settings; its defaults take minutes for a mug of 900 faces."""
_WELD_M = 1e-5
_FILE = "parts.npz"


def hollowness(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Volume of the convex hull divided by that of the mesh: 1 for a convex mesh, 6 for a bowl.

    Args:
        vertices: (n, 3) [m], not all in one plane.
        faces: (m, 3), seen from outside counter-clockwise.

    Raises:
        InvalidValueError: The vertices are in one plane.
    """
    from scipy.spatial import ConvexHull, QhullError

    vertices = np.asarray(vertices, float)
    try:
        hull = ConvexHull(vertices).volume
    except (QhullError, ValueError) as error:
        raise InvalidValueError(
            "making collision shapes", "a mesh without volume", "vertices that are not in one plane", "check the mesh"
        ) from error
    a, b, c = ((vertices - vertices.mean(0))[faces[:, k]] for k in range(3))
    volume = abs(float(np.einsum("ni,ni->n", a, np.cross(b, c)).sum() / 6))
    return hull / max(volume, 1e-12 * hull)


def convex_decomposition(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, ...]:
    """Vertices (k, 3) [m] of at most 12 convex parts that cover a mesh; its own vertices if one hull is true enough.

    The first call for a mesh takes seconds; its answer is kept in the cache folder under a digest of the mesh, the
    options and CoACD's version.

    Args:
        vertices: (n, 3) [m].
        faces: (m, 3), seen from outside counter-clockwise.

    Raises:
        InvalidValueError: The mesh has no volume.
    """
    vertices, faces = np.asarray(vertices, float), np.asarray(faces, np.int64)
    if hollowness(vertices, faces) <= HOLLOW:
        return (vertices,)
    digest = hashlib.sha256(json.dumps([OPTIONS, _WELD_M, version("coacd")], sort_keys=True).encode())
    digest.update(np.ascontiguousarray(vertices).tobytes() + np.ascontiguousarray(faces).tobytes())

    def build(folder: Path) -> None:
        np.savez(folder / _FILE, *_decomposed(vertices, faces))

    with np.load(built_folder(f"convex/{digest.hexdigest()[:32]}", build) / _FILE) as parts:
        return tuple(parts[name] for name in parts.files)


def _decomposed(vertices: np.ndarray, faces: np.ndarray) -> list[np.ndarray]:
    import coacd
    import trimesh

    coacd.set_log_level("error")
    welded = trimesh.Trimesh(*_welded(vertices, faces), process=False)
    mesh = coacd.Mesh(welded.vertices, welded.faces)
    return [np.asarray(points, float) for points, _faces in coacd.run_coacd(mesh, **OPTIONS)]


def _welded(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mesh with vertices of one place joined: seams of texture coordinates would be holes."""
    _, first, inverse = np.unique(
        np.round(vertices / _WELD_M).astype(np.int64), axis=0, return_index=True, return_inverse=True
    )
    faces = inverse.ravel()[faces]
    area = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return vertices[first], faces[area]
