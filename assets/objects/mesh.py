"""Primitive meshes with normals and atlas coordinates, and functions to join, rotate and stand them upright."""

import numpy as np
from numpy.typing import ArrayLike

from assets.objects.atlas import Cell
from assets.shapes import Mesh
from lace.core.errors import InvalidValueError


def make(vertices: ArrayLike, faces: ArrayLike, normals: ArrayLike, uvs: ArrayLike) -> Mesh:
    """A `Mesh` with the right types, unit normals and no faces of zero area."""
    vertices, faces = np.asarray(vertices, np.float32), np.asarray(faces, np.int32)
    normals = np.asarray(normals, np.float64)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    normals = np.where(length > 1e-9, normals / np.maximum(length, 1e-9), (0, 0, 1))
    a, b, c = (vertices[faces[:, k]].astype(float) for k in range(3))
    solid = np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-12
    return Mesh(vertices, faces[solid], normals.astype(np.float32), np.asarray(uvs, np.float32))


def merge(*meshes: Mesh) -> Mesh:
    """All meshes as one."""
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]
    fields = [np.concatenate([getattr(mesh, name) for mesh in meshes]) for name in ("vertices", "normals", "uvs")]
    return Mesh(fields[0], np.concatenate(faces).astype(np.int32), fields[1], fields[2])


def transformed(mesh: Mesh, rotation: ArrayLike | None = None, translation: ArrayLike = (0, 0, 0)) -> Mesh:
    """The mesh rotated by `rotation` (3, 3) and then moved by `translation` (3,) [m]."""
    R = np.eye(3) if rotation is None else np.asarray(rotation, float)
    vertices = mesh.vertices @ R.T + np.asarray(translation, float)
    return Mesh(vertices.astype(np.float32), mesh.faces, (mesh.normals @ R.T).astype(np.float32), mesh.uvs)


def upright(mesh: Mesh, height_m: float) -> Mesh:
    """The mesh scaled to a height, its lowest point at z = 0 and its bounding box centred in x and y."""
    low, high = mesh.vertices.min(0).astype(float), mesh.vertices.max(0).astype(float)
    if high[2] - low[2] < 1e-9:
        raise InvalidValueError("setting a mesh upright", "a flat mesh", "a mesh with some height", "fix its builder")
    origin = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    vertices = (mesh.vertices - origin) * (height_m / (high[2] - low[2]))
    return Mesh(vertices.astype(np.float32), mesh.faces, mesh.normals, mesh.uvs)


def _grid_faces(rows: int, columns: int) -> np.ndarray:
    """Two triangles for every square of a vertex grid (rows, columns): (m, 3)."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    return np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])


def lathe(profile: ArrayLike, cell: Cell, segments: int = 40, flat: bool = False) -> Mesh:
    """A surface of revolution about z.

    Args:
        profile: (n, 2) points (radius, z), walked so that the outside is on the right (up along outer walls).
        cell: Where it looks in the atlas: s around, t along the profile; with `flat`, seen from above.
        segments: Steps around.
        flat: For discs: project along z instead of unrolling.
    """
    profile = np.asarray(profile, float)
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    radius, z = profile[:, 0], profile[:, 1]
    tangent = np.gradient(profile, axis=0)
    ring = np.stack([np.cos(angle), np.sin(angle)], -1)
    xy = radius[:, None, None] * ring
    vertices = np.concatenate([xy, np.broadcast_to(z[:, None, None], (*xy.shape[:2], 1))], -1)
    out = np.concatenate([tangent[:, None, 1:] * ring, np.broadcast_to(-tangent[:, None, :1], (*xy.shape[:2], 1))], -1)
    if flat:
        uv = cell.uv(*np.moveaxis(0.5 + 0.5 * xy / max(radius.max(), 1e-9), -1, 0))
    else:
        along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(profile, axis=0), axis=1))])
        uv = cell.uv(*np.broadcast_arrays(angle / (2 * np.pi), (along / along[-1])[:, None]))
    return make(vertices.reshape(-1, 3), _grid_faces(*xy.shape[:2]), out.reshape(-1, 3), uv.reshape(-1, 2))


def ellipsoid(radii: ArrayLike, cell: Cell, segments: int = 16, rings: int = 10) -> Mesh:
    """An ellipsoid about the origin; t runs from the -z pole to the +z pole."""
    radii = np.asarray(radii, float)
    polar = np.linspace(0, np.pi, rings + 1)
    ball = lathe(np.stack([np.sin(polar), -np.cos(polar)], -1), cell, segments)
    return make(ball.vertices * radii, ball.faces, ball.vertices / radii, ball.uvs)


def soft_box(half: ArrayLike, bevel: float, cells: dict[str, Cell], steps: int = 3) -> Mesh:
    """A box about the origin with rounded edges.

    Args:
        half: Half extents (3,) [m].
        bevel: Radius of the edges [m].
        cells: Atlas cell of each of "+x", "-x", "+y", "-y", "+z", "-z"; "" for those not named.
        steps: Vertices across each rounded edge.
    """
    half = np.asarray(half, float)
    sides = []
    for name, axis, sign in (("+x", 0, 1), ("-x", 0, -1), ("+y", 1, 1), ("-y", 1, -1), ("+z", 2, 1), ("-z", 2, -1)):
        right, up = _face_axes(axis, sign)
        a, b = (_rounded(float(half @ np.abs(along)), bevel, steps) for along in (right, up))
        grid_a, grid_b = np.meshgrid(a, b)
        cube = grid_a[..., None] * right + grid_b[..., None] * up + sign * half[axis] * np.eye(3)[axis]
        core = np.clip(cube, -(half - bevel), half - bevel)
        out = cube - core
        out /= np.linalg.norm(out, axis=-1, keepdims=True)
        s, t = (grid_a / (half @ np.abs(right)) + 1) / 2, (grid_b / (half @ np.abs(up)) + 1) / 2
        cell = cells[name] if name in cells else cells[""]
        uv = cell.uv(s, t)
        points = core + bevel * out
        sides.append(make(points.reshape(-1, 3), _grid_faces(*s.shape), out.reshape(-1, 3), uv.reshape(-1, 2)))
    return merge(*sides)


def _face_axes(axis: int, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """Right and up (3,) of a box side seen from outside, so that right x up points outward."""
    outward = sign * np.eye(3)[axis]
    up = np.array([0.0, 0, 1]) if axis < 2 else np.array([0.0, 1, 0])
    return np.cross(up, outward), up


def _rounded(half: float, bevel: float, steps: int) -> np.ndarray:
    """Positions along an edge of half length `half`: dense in the two rounded ends, which project to even angles."""
    turn = np.tan(np.linspace(0, np.pi / 4, steps)) * bevel
    end = half - bevel + turn
    return np.concatenate([-end[::-1], end])


def tube(path: ArrayLike, radius: ArrayLike, cell: Cell, segments: int = 10) -> Mesh:
    """A tube along a path (n, 3) with radius () or (n,), its ends closed by flat caps; s along, t around."""
    path = np.asarray(path, float)
    radius = np.broadcast_to(np.asarray(radius, float), len(path))
    path = np.concatenate([path[:1], path, path[-1:]])
    radius = np.concatenate([[0.0], radius, [0.0]])
    ends = np.concatenate([path[:1], path, path[-1:]])
    tangent = ends[2:] - ends[:-2]
    tangent[[0, -1]] = tangent[[1, -2]]
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = _transported(tangent)
    other = np.cross(tangent, side)
    angle = np.linspace(0, 2 * np.pi, segments + 1)[:, None, None]
    out = np.cos(angle) * side + np.sin(angle) * other
    s = np.linspace(0, 1, len(path))
    uv = cell.uv(*np.broadcast_arrays(s, np.linspace(0, 1, segments + 1)[:, None]))
    vertices = path + radius[:, None] * out
    faces = _grid_faces(segments + 1, len(path))[:, ::-1]
    return make(vertices.reshape(-1, 3), faces, out.reshape(-1, 3), uv.reshape(-1, 2))


def _transported(tangent: np.ndarray) -> np.ndarray:
    """A unit vector normal to each tangent (n, 3) that turns as little as possible along the path."""
    seed = np.eye(3)[np.abs(tangent[0]).argmin()]
    sides = []
    for t in tangent:
        seed = seed - t * (seed @ t)
        seed = seed / np.linalg.norm(seed)
        sides.append(seed)
    return np.array(sides)


def extrude(polygon: ArrayLike, height: float, side: Cell, cap: Cell) -> Mesh:
    """A prism from z = 0 to `height` on a star-shaped, counter-clockwise polygon (n, 2), with sharp edges."""
    polygon = np.asarray(polygon, float)
    n, centre = len(polygon), polygon.mean(0)
    ring = np.concatenate([polygon, polygon[:1]])
    edge = np.diff(ring, axis=0)
    out = np.stack([edge[:, 1], -edge[:, 0], np.zeros(n)], -1)
    corner = np.stack([ring[:-1], ring[1:], ring[1:], ring[:-1]], 1)
    z = np.broadcast_to([0, 0, height, height], (n, 4))[..., None]
    k = np.arange(n)
    s, t = np.stack([k, k + 1, k + 1, k], 1) / n, np.broadcast_to([0, 0, 1, 1], (n, 4))
    quads = np.arange(4 * n).reshape(n, 4)
    wall = make(
        np.concatenate([corner, z], -1).reshape(-1, 3),
        np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]]),
        np.repeat(out, 4, 0),
        side.uv(s, t).reshape(-1, 2),
    )
    flat = np.concatenate([polygon, centre[None]])
    low, size = polygon.min(0), np.ptp(polygon, axis=0)
    uv = cap.uv(*((flat - low) / size).T)
    fan = np.stack([k, (k + 1) % n, np.full(n, n)], 1)
    caps = [
        make(np.c_[flat, np.full(n + 1, level)], fan[:, ::step], np.tile((0, 0, step), (n + 1, 1)), uv)
        for level, step in ((height, 1), (0.0, -1))
    ]
    return merge(wall, *caps)
