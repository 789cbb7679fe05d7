"""A kitchen: cupboards with a counter, sink and hood, fridge, oven, tiles, shelves, a window."""

import numpy as np

from assets.rooms import features as f
from assets.rooms.room import ROOMS, Finish, Room, Sketch


def _splash(s: Sketch, wall: int, length: float) -> None:
    """Tiles on the wall above the counter; 1 part."""
    tiles = Finish(s.pick("metro_tiles", "kitchen_tiles", "mosaic", "brick_white"), s.tone((0, 0.2), (0.85, 1)))
    s.on_wall("splashback", wall, 0, (length, 0.006, 0.26), 0.93, tiles)


def _counter_wall(s: Sketch, wall: int, front: Finish) -> None:
    """Cupboards, worktop, splashback, sink with tap, hood and two hanging cupboards; 17 or 20 parts."""
    depth, count = min(0.3, s.depth(wall) - 0.02), int(s.rng.integers(2, 4))
    length = 0.36 * count
    for k in range(count):
        f.cabinet(s, wall, -length + 0.36 + 0.72 * k, (0.355, depth, 0.41), 0.06, front)
    top = Finish(s.pick("granite", "marble", "wood_oak", "laminate", "terrazzo", "marble_dark"))
    s.on_wall("worktop", wall, 0, (length + 0.02, depth + 0.012, 0.02), 0.884, top, gap=0.004)
    _splash(s, wall, length)
    at = s.rng.uniform(-0.5, 0.5) * length
    s.on_wall("sink", wall, at, (0.26, 0.17, 0.006), 0.918, Finish("brushed_metal", (0.75, 0.75, 0.77)), gap=0.12)
    s.round("tap", "cylinder", (0.014, 0.11, 0), (*s.spot(wall, at, 0.07), 1.03), Finish("brushed_metal"))
    s.on_wall("hood", wall, -at * 0.8, (0.3, 0.2, 0.05), 1.62, Finish("brushed_metal"), gap=0.01)
    s.on_wall(
        "hood_pipe", wall, -at * 0.8, (0.12, 0.12, 0.3), 1.722, Finish("brushed_metal", (0.9, 0.9, 0.9)), gap=0.01
    )


def _tall_wall(s: Sketch, wall: int, front: Finish) -> None:
    """A fridge and an oven tower; 8 parts."""
    side, depth = s.rng.choice((-1, 1)), min(0.3, s.depth(wall) - 0.02)
    fridge = Finish(s.pick("brushed_metal", "painted_wall", "laminate"), s.tone((0, 0.35), (0.7, 1)))
    f.cabinet(s, wall, 0.5 * side, (0.32, depth, s.rng.uniform(0.8, 0.98)), 0.03, fridge)
    f.cabinet(s, wall, -0.35 * side, (0.31, depth, 0.43), 0.03, front)
    s.on_wall("oven", wall, -0.35 * side, (0.3, depth - 0.02, 0.3), 0.895, Finish("brushed_metal"), gap=0.01)
    s.on_wall(
        "oven_glass",
        wall,
        -0.35 * side,
        (0.24, 0.008, 0.17),
        0.98,
        Finish(None, (0.07, 0.07, 0.08)),
        gap=2 * depth - 0.036,
    )


def _shelf_wall(s: Sketch, wall: int) -> None:
    """Two shelves with jars; 9 or 11 parts."""
    count = int(s.rng.integers(3, 5))
    for height in (1.25, 1.65):
        f.shelf(s, wall, s.rng.uniform(-0.5, 0.5), 0.6, height, count)


def _window_wall(s: Sketch, wall: int) -> None:
    """A window and, at times, a door; 3 or 6 parts."""
    side = s.rng.choice((-1, 1))
    f.window(s, wall, -0.6 * side, 0.75)
    if s.rng.random() < 0.6:
        f.door(s, wall, 1.1 * side)


@ROOMS.register("kitchen")
def kitchen(rng: np.random.Generator) -> Room:
    """A kitchen of another layout for every random state."""
    floor = str(rng.choice(["floor_tiles", "parquet", "wood_oak_planks", "checker", "terrazzo", "wood_pine"]))
    walls = str(rng.choice(["painted_wall", "kitchen_tiles", "plaster", "wallpaper_stripes"]))
    s = Sketch(rng, Finish(floor), Finish(walls, tuple(0.82 + 0.18 * rng.random(3))), None)
    front = Finish(s.pick("laminate", "wood_birch", "wood_cherry", "painted_wall"), s.tone((0, 0.4), (0.7, 1)))
    order = [int(w) for w in rng.permutation(4)]
    _counter_wall(s, order[0], front)
    _tall_wall(s, order[1], front)
    _shelf_wall(s, order[2])
    _window_wall(s, order[3])
    f.corner(s, int(rng.integers(4)))
    return s.room("kitchen")
