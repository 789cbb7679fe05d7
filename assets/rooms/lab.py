"""A robotics lab: benches with monitors, a whiteboard, pegboard, racks, boxes."""

import numpy as np

from assets.rooms.room import LIFT, Room, Side, door, lamp, poster, shell, shelf, window
from assets.shapes import Part


def lab(rng: np.random.Generator) -> Room:
    """One layout; another for another random state."""
    half = (rng.uniform(2.7, 3.3), rng.uniform(2.7, 3.3))
    parts, sides = shell(rng, half, 2.7, [None, "painted_wall", "plaster"], ["linoleum", "concrete", "floor_tiles"])
    order = rng.permutation(4)
    parts += bench(sides[order[0]], rng)
    parts += whiteboard(sides[order[1]], rng) + boxes(sides[order[1]], rng.uniform(1.2, 1.7), rng)
    parts += shelf(sides[order[2]], rng.uniform(-1.2, 1.2), rng, ["cardboard", "label_print", "corrugated"])
    parts += poster(sides[order[2]], 2.0 if rng.random() < 0.5 else -2.0, rng, "chart")
    parts += door(sides[order[3]], rng.uniform(-1.5, -0.8), rng)
    parts += window(sides[order[3]], rng.uniform(0.6, 1.3), rng) if rng.random() < 0.6 else pegboard(sides[order[3]], rng)
    return Room("lab", tuple(parts + lamp(rng)))


def bench(side: Side, rng: np.random.Generator) -> list[Part]:
    """A workbench along the wall with monitors and an instrument."""
    width = rng.uniform(2.2, 3.4)
    top = ["laminate", "wood_birch", "brushed_metal", "linoleum"][rng.integers(4)]
    tint = tuple(float(c) for c in rng.uniform(0.7, 1.0, 3))
    parts = [
        side.box("bench_top", 0, 0.76, (0.7, width, 0.04), tint, top),
        side.box("bench_drawers", -width / 3, LIFT, (0.6, 0.5, 0.72), (0.6, 0.62, 0.66), None, off=0.03),
        side.box("bench_leg", width / 2.3, LIFT, (0.6, 0.05, 0.75), (0.5, 0.5, 0.52), "brushed_metal", off=0.03),
    ]
    for i, u in enumerate(np.linspace(-0.7, 0.7, int(rng.integers(1, 4)))):
        parts.append(side.box(f"monitor_{i}", u, 0.92, (0.04, 0.56, 0.34), (1, 1, 1), "screen", off=0.25))
        parts.append(side.box(f"monitor_foot_{i}", u, 0.802, (0.16, 0.2, 0.1), (0.15, 0.15, 0.16), None, off=0.2))
    shade = tuple(float(c) for c in rng.uniform(0.3, 0.9, 3))
    parts.append(side.box("instrument", width / 2 - 0.3, 0.802, (0.35, 0.4, rng.uniform(0.15, 0.35)), shade, None, off=0.1))
    return parts


def whiteboard(side: Side, rng: np.random.Generator) -> list[Part]:
    """A whiteboard in an aluminium frame."""
    u, width = rng.uniform(-0.8, 0.2), rng.uniform(1.4, 2.2)
    return [
        side.box("whiteboard_frame", u, 0.9, (0.015, width + 0.06, 1.16), (0.7, 0.7, 0.72), "brushed_metal"),
        side.box("whiteboard", u, 0.93, (0.012, width, 1.1), (1, 1, 1), "whiteboard", off=0.022),
    ]


def pegboard(side: Side, rng: np.random.Generator) -> list[Part]:
    """A pegboard with tools as coloured bars."""
    u = rng.uniform(0.4, 1.2)
    parts = [side.box("pegboard", u, 1.0, (0.015, 1.4, 0.9), (0.9, 0.85, 0.75), "pegboard")]
    for i in range(4):
        colour = tuple(float(c) for c in rng.uniform(0.2, 0.95, 3))
        size = (0.03, 0.05, rng.uniform(0.2, 0.45))
        parts.append(side.box(f"tool_{i}", u - 0.5 + 0.3 * i, 1.2, size, colour, None, off=0.03))
    return parts


def boxes(side: Side, u: float, rng: np.random.Generator) -> list[Part]:
    """A stack of cardboard boxes."""
    low, high = rng.uniform(0.3, 0.5), rng.uniform(0.25, 0.4)
    return [
        side.box("carton_0", u, LIFT, (0.5, 0.55, low), (1, 1, 1), "cardboard", off=0.06),
        side.box("carton_1", u + 0.04, LIFT * 2 + low, (0.4, 0.42, high), (0.95, 0.92, 0.9), "cardboard", off=0.09),
    ]
