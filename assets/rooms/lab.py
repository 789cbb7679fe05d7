"""A robotics laboratory: benches with screens, tool board, whiteboard, charts, steel cabinets."""

import numpy as np

from assets.rooms import features as f
from assets.rooms.room import ROOMS, Finish, Room, Sketch


def _bench_wall(s: Sketch, wall: int) -> None:
    """A long bench with one or two screens, and a tool board or shelf above; 3 + 3..6 + 4 parts."""
    depth = min(0.36, s.depth(wall))
    length = s.rng.uniform(0.9, s.length(wall) - 0.85)
    top = Finish(s.pick("laminate", "wood_birch", "linoleum", "brushed_metal"), s.tone((0, 0.15), (0.8, 1)))
    f.desk(s, wall, 0, (length, depth), top, 0.8)
    for at in (-0.5, 0.45)[: s.rng.integers(1, 3)]:
        f.screen(s, wall, at * length, 0.8)
    if s.rng.random() < 0.5:
        f.pegboard(s, wall, 0)
    else:
        f.shelf(s, wall, 0, 0.7, 1.5, 3)


def _storage_wall(s: Sketch, wall: int) -> None:
    """Two or three tall cabinets; 6 or 9 parts."""
    steel = Finish(s.pick("laminate", "brushed_metal", "corrugated"), s.tone((0, 0.4), (0.5, 1)))
    depth, start = min(0.22, s.depth(wall)), s.rng.uniform(-0.9, 0.0)
    for k in range(s.rng.integers(2, 4)):
        f.cabinet(s, wall, start + 0.62 * k, (0.3, depth, s.rng.uniform(0.6, 0.98)), 0.004, steel)


def _board_wall(s: Sketch, wall: int) -> None:
    """A whiteboard and a chart; 5 parts."""
    side = s.rng.choice((-1, 1))
    f.whiteboard(s, wall, -0.55 * side)
    f.print_on_wall(s, wall, 0.95 * side, "chart")


def _entrance_wall(s: Sketch, wall: int) -> None:
    """A door, and a window or a chart; 5 or 6 parts."""
    side = s.rng.choice((-1, 1))
    f.door(s, wall, 1.1 * side)
    if s.rng.random() < 0.5:
        f.window(s, wall, -0.5 * side, 0.8)
    else:
        f.print_on_wall(s, wall, -0.4 * side, "chart")


@ROOMS.register("lab")
def lab(rng: np.random.Generator) -> Room:
    """A laboratory of another layout for every random state."""
    s = Sketch(
        rng,
        Finish(str(rng.choice(["linoleum", "concrete", "floor_tiles", "carpet_tiles"]))),
        Finish(str(rng.choice(["painted_wall", "plaster", "brick_white"])), tuple(0.8 + 0.2 * rng.random(3))),
    )
    walls = rng.permutation(4)
    for build, wall in zip((_bench_wall, _storage_wall, _board_wall, _entrance_wall), walls, strict=True):
        build(s, int(wall))
    f.corner(s, int(rng.integers(4)))
    return s.room("lab")
