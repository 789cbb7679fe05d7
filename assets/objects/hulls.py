"""Convex collision shapes of objects."""

from functools import cache

import numpy as np
import trimesh

from assets.objects.spec import OBJECTS

DIRECTIONS = 128
"""Directions in which a thinned hull keeps its farthest vertex: at most as many vertices remain."""


@cache
def convex_parts(name: str) -> tuple[np.ndarray, ...]:
    """Vertices (k, 3) [m] of the convex parts of an object at its mesh's size, in its mesh's frame.

    Dolls are split into their parts; every other object is its convex hull, which fills cups and bowls.
    """
    spec = OBJECTS[name]
    if spec.parts is not None:
        return spec.parts()
    return (thinned(np.asarray(spec.build().vertices, float)),)


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
    ball = trimesh.creation.icosphere(subdivisions=1)
    return np.asarray(ball.vertices) * (4 / 3 * np.pi / ball.volume) ** (1 / 3)
