"""Convex collision shapes of objects."""

from functools import cache

import numpy as np

from assets.objects.decomposition import convex_decomposition
from assets.objects.spec import OBJECTS, ObjectSpec
from lace.core.errors import IntegrityError

FEET_M = (0.001, 0.002, 0.003, 0.004)
"""Heights of the slice that a foot is flattened from, tried in turn [m]: collision shapes differ from the drawn ones by
at most this, and only there."""
MARGIN_M = 0.003
"""Least distance of the centre of mass from the edge of the foot, seen from above [m]."""
DIRECTIONS = 128
"""Directions in which a thinned hull keeps its farthest vertex: at most as many vertices remain."""
PART_DIRECTIONS = 32
"""The same for each of several parts."""


@cache
def convex_parts(name: str) -> tuple[np.ndarray, ...]:
    """Vertices (k, 3) [m] of the convex parts of an object at its mesh's size, in its mesh's frame.

    Dolls are split into their parts. Every other object is its convex hull, unless that lies: what is hollow or thin is
    decomposed (`assets.objects.decomposition`), so that a cup has room in it. The object rests as it is placed: the
    lowest slice of its parts is a flat foot on the plane z = 0, as low as it can be with the centre of mass MARGIN_M
    inside the foot's outline.

    Raises:
        IntegrityError: No slice is enough.
    """
    spec = OBJECTS[name]
    whole, parts = _parts_of(spec)
    for height in FEET_M:
        standing = tuple(_with_foot(part, one, height) for part, one in zip(parts, whole, strict=True))
        if _margin(standing) >= MARGIN_M:
            return standing
    raise IntegrityError(
        f"making collision shapes of {name!r}",
        f"it tips over: its centre of mass is {1000 * _margin(standing):.1f} mm inside the outline of its foot",
        f"at least {1000 * MARGIN_M:.0f} mm",
        "turn the mesh to the pose in which it rests, with its lowest point at z = 0",
    )


def _parts_of(spec: ObjectSpec) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Convex parts of an object, whole and thinned."""
    if spec.parts is not None:
        return spec.parts(), spec.parts()
    mesh = spec.build()
    whole = convex_decomposition(mesh.vertices, mesh.faces)
    if len(whole) == 1:
        return whole, (thinned(whole[0]),)
    whole = tuple(thinned(part) for part in whole)
    return whole, tuple(thinned(part, PART_DIRECTIONS) for part in whole)


def _margin(parts: tuple[np.ndarray, ...]) -> float:
    """Distance [m] from the centre of mass of `parts` to the outline of the foot, seen from above; negative outside."""
    import trimesh
    from scipy.spatial import ConvexHull

    feet = np.concatenate([part[part[:, 2] <= 0, :2] for part in parts])
    if len(feet) < 3:
        return -np.inf
    volumes = np.array([np.prod(np.ptp(part, axis=0)) for part in parts])  # as physics shares the mass out
    centres = np.array([trimesh.convex.convex_hull(part).center_mass for part in parts])
    middle = (volumes @ centres / volumes.sum())[:2]
    sides = ConvexHull(feet).equations
    return -float((sides[:, :2] @ middle + sides[:, 2]).max())


def _with_foot(points: np.ndarray, whole: np.ndarray, height: float) -> np.ndarray:
    """A part (n, 3) whose lowest slice, up to `height`, is a flat foot on the plane z = 0; itself if it is higher.

    Args:
        points: Vertices of a convex part [m].
        whole: Vertices (m, 3) of the part before it was thinned.
        height: Of the slice [m].
    """
    from scipy.spatial import ConvexHull

    points = np.maximum(points, [-np.inf, -np.inf, 0.0])
    low = np.concatenate([whole[whole[:, 2] < height], _crossings(whole, height)])
    if len(low) < 3:
        return points
    outline = low[ConvexHull(low[:, :2]).vertices] * [1, 1, 0]
    return np.concatenate([points[points[:, 2] >= height], outline])


def _crossings(points: np.ndarray, height: float) -> np.ndarray:
    """Where the edges of the hull of `points` cross the plane z = `height` (k, 3)."""
    from scipy.spatial import ConvexHull

    faces = ConvexHull(points).simplices
    edges = np.unique(np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1), axis=0)
    a, b = points[edges.astype(int)].swapaxes(0, 1)
    crosses = (a[:, 2] - height) * (b[:, 2] - height) < 0
    share = (height - a[crosses, 2]) / (b[crosses, 2] - a[crosses, 2])
    return a[crosses] + share[:, None] * (b[crosses] - a[crosses])


def thinned(points: np.ndarray, directions: int = DIRECTIONS) -> np.ndarray:
    """Those of `points` (n, 3) that are farthest in evenly spread directions: a hull of at most that many vertices."""
    k = np.arange(directions) + 0.5
    z = 1 - 2 * k / directions
    turn = np.pi * (1 + 5**0.5) * k  # Fibonacci sphere
    flat = np.sqrt(1 - z * z)
    ways = np.stack([flat * np.cos(turn), flat * np.sin(turn), z], -1)
    return points[np.unique((points @ ways.T).argmax(0))]


@cache
def unit_ball() -> np.ndarray:
    """Vertices (42, 3) of a polyhedron with the volume of the unit ball."""
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=1)
    return np.asarray(ball.vertices) * (4 / 3 * np.pi / ball.volume) ** (1 / 3)
