"""A kitchen: counter with sink and hob, wall cupboards, tiles, fridge, oven."""

import numpy as np

from assets.rooms.room import LIFT, Room, Side, door, lamp, poster, shell, shelf, window
from assets.shapes import Part

COUNTERS = ["marble", "granite", "wood_oak", "terrazzo", "laminate", "marble_dark"]
FRONTS = [None, "wood_oak", "wood_walnut", "painted_wall", "wood_birch"]


def kitchen(rng: np.random.Generator) -> Room:
    """One layout; another for another random state."""
    half = (rng.uniform(2.6, 3.2), rng.uniform(2.6, 3.2))
    walls, floors = [None, "painted_wall", "plaster"], ["floor_tiles", "parquet", "mosaic", "terrazzo", "linoleum"]
    parts, sides = shell(rng, half, 2.65, walls, floors)
    order = rng.permutation(4)
    parts += counter(sides[order[0]], rng)
    parts += fridge(sides[order[1]], rng)
    parts += window(sides[order[2]], rng.uniform(-0.8, 0.8), rng)
    parts += shelf(sides[order[3]], rng.uniform(0.4, 1.4), rng, ["label_print", "cardboard", "label_print"])
    parts += door(sides[order[3]], rng.uniform(-1.6, -0.9), rng)
    if rng.random() < 0.5:
        parts += poster(sides[order[1]], rng.uniform(-1.4, -0.6), rng)
    return Room("kitchen", tuple(parts + lamp(rng)))


def counter(side: Side, rng: np.random.Generator) -> list[Part]:
    """Base cupboards, worktop, splashback, wall cupboards, sink, tap, hob, oven, hood, kettle."""
    width, front = rng.uniform(3.0, 3.8), FRONTS[rng.integers(len(FRONTS))]
    tint = tuple(float(c) for c in np.clip(rng.uniform(0.55, 1.0) * (1 + rng.uniform(-0.2, 0.2, 3)), 0, 1))
    tiles = ["kitchen_tiles", "metro_tiles", "mosaic", "brick_white"][rng.integers(4)]
    hob = rng.uniform(-0.9, -0.4)
    parts = [
        side.box("cupboards", 0, 0.1, (0.58, width, 0.77), tint, front),
        side.box("worktop", 0, 0.875, (0.64, width + 0.04, 0.04), (0.98, 0.97, 0.95), COUNTERS[rng.integers(len(COUNTERS))]),
        side.box("splashback", 0, 0.92, (0.012, width, 0.58), (1, 1, 1), tiles),
        side.box("oven", hob, 0.25, (0.6, 0.6, 0.58), (0.12, 0.12, 0.13), None),
        side.box("oven_handle", hob, 0.74, (0.66, 0.5, 0.025), (0.75, 0.75, 0.77), "brushed_metal"),
        side.box("hob", hob, 0.917, (0.5, 0.58, 0.012), (0.08, 0.08, 0.09), None, off=0.06),
        side.box("hood", hob, 1.55, (0.5, 0.6, 0.12), (0.8, 0.8, 0.82), "brushed_metal"),
        side.box("hood_pipe", hob, 1.68, (0.25, 0.25, 0.85), (0.8, 0.8, 0.82), "brushed_metal"),
        side.box("sink", -hob, 0.917, (0.42, 0.55, 0.008), (0.7, 0.71, 0.73), "brushed_metal", off=0.1),
        side.box("tap", -hob, 0.926, (0.04, 0.04, 0.3), (0.8, 0.8, 0.82), "brushed_metal", off=0.06),
    ]
    for i, u in enumerate((hob - 0.75, hob + 0.75, hob + 1.45)):
        if abs(u) + 0.33 < width / 2:
            parts.append(side.box(f"wall_cupboard_{i}", u, 1.52, (0.34, 0.66, 0.7), tint, front))
            parts.append(side.box(f"knob_{i}", u + 0.26, 1.58, (0.37, 0.02, 0.1), (0.7, 0.7, 0.7), "brushed_metal"))
    for i in range(int(rng.integers(1, 4))):
        colour = tuple(float(c) for c in rng.uniform(0.3, 1.0, 3))
        size = (0.16, 0.16, rng.uniform(0.15, 0.3))
        parts.append(side.box(f"jar_{i}", 0.2 + 0.22 * i, 0.918, size, colour, None, off=0.2 + 0.03 * i))
    return parts


def fridge(side: Side, rng: np.random.Generator) -> list[Part]:
    """A fridge with two doors and a bin beside it."""
    u, height = rng.uniform(0.6, 1.5), rng.uniform(1.7, 2.0)
    colour = [(0.93, 0.93, 0.93), (0.7, 0.71, 0.73), (0.75, 0.25, 0.2), (0.6, 0.75, 0.75)][rng.integers(4)]
    return [
        side.box("fridge", u, 0.03, (0.62, 0.7, height), colour, "brushed_metal" if rng.random() < 0.4 else None),
        side.box("fridge_gap", u, 0.03 + 0.62 * height, (0.628, 0.68, 0.012), (0.25, 0.25, 0.25), None),
        side.box("fridge_handle", u - 0.28, 0.75 * height, (0.66, 0.03, 0.3), (0.75, 0.75, 0.77), "brushed_metal"),
        side.box("bin", u - 0.65, LIFT, (0.3, 0.3, 0.55), (0.3, 0.32, 0.35), None, off=0.1),
    ]
