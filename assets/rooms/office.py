"""An office: desks with screens, chairs, book shelves, cabinets, carpet."""

import numpy as np

from assets.rooms.room import LIFT, Room, Side, door, lamp, poster, shell, shelf, window
from assets.shapes import Part


def office(rng: np.random.Generator) -> Room:
    """One layout; another for another random state."""
    half = (rng.uniform(2.8, 3.4), rng.uniform(2.8, 3.4))
    walls = [None, "painted_wall", "wallpaper_stripes", "wallpaper_damask", "plaster"]
    parts, sides = shell(rng, half, 2.6, walls, ["carpet", "carpet_tiles", "parquet", "wood_oak_planks"])
    order = rng.permutation(4)
    parts += desk(sides[order[0]], rng.uniform(-0.5, 0.5), rng)
    parts += shelf(sides[order[1]], rng.uniform(-1.4, -0.4), rng, ["book_cover", "book_cover", "cardboard"])
    parts += cabinet(sides[order[1]], rng.uniform(0.8, 1.4), rng)
    parts += window(sides[order[2]], rng.uniform(-0.9, 0.9), rng)
    parts += door(sides[order[3]], rng.uniform(-1.4, -0.6), rng)
    parts += poster(sides[order[3]], rng.uniform(0.6, 1.5), rng)
    if rng.random() < 0.6:
        parts += plant(sides[order[2]], 2.0 if rng.random() < 0.5 else -2.0, rng)
    return Room("office", tuple(parts + lamp(rng)))


def desk(side: Side, u: float, rng: np.random.Generator) -> list[Part]:
    """A desk with screens, keyboard, papers and a chair pushed under it."""
    wood = ["wood_oak", "wood_walnut", "wood_birch", "laminate", "wood_cherry"][rng.integers(5)]
    fabric = tuple(float(c) for c in rng.uniform(0.2, 0.85, 3))
    parts = [
        side.box("desk_top", u, 0.72, (0.72, 1.7, 0.03), (1, 1, 1), wood),
        side.box("desk_side_0", u - 0.8, LIFT, (0.66, 0.04, 0.71), (0.95, 0.95, 0.95), wood, off=0.03),
        side.box("desk_side_1", u + 0.8, LIFT, (0.66, 0.04, 0.71), (0.95, 0.95, 0.95), wood, off=0.03),
        side.box("keyboard", u, 0.752, (0.15, 0.42, 0.02), (0.2, 0.2, 0.21), None, off=0.45),
        side.box("papers", u + 0.55, 0.752, (0.3, 0.21, 0.02), (1, 1, 1), "chart", off=0.3),
        side.box("chair_seat", u, 0.45, (0.46, 0.46, 0.08), fabric, "fabric_weave", off=0.55),
        side.box("chair_back", u, 0.6, (0.06, 0.44, 0.5), fabric, "fabric_weave", off=0.98),
        side.box("chair_post", u, LIFT, (0.07, 0.07, 0.44), (0.2, 0.2, 0.2), None, off=0.75),
    ]
    for i, offset in enumerate((-0.32, 0.32) if rng.random() < 0.5 else (0.0,)):
        parts.append(side.box(f"screen_{i}", u + offset, 0.85, (0.04, 0.56, 0.34), (1, 1, 1), "screen", off=0.18))
        parts.append(side.box(f"screen_foot_{i}", u + offset, 0.752, (0.18, 0.22, 0.09), (0.2, 0.2, 0.2), None, off=0.13))
    return parts


def cabinet(side: Side, u: float, rng: np.random.Generator) -> list[Part]:
    """A filing cabinet of three drawers."""
    colour = tuple(float(c) for c in rng.uniform(0.4, 0.9) * (1 + rng.uniform(-0.1, 0.1, 3)))
    parts = [side.box("cabinet", u, LIFT, (0.5, 0.5, 1.1), tuple(np.clip(colour, 0, 1)), None)]
    for i in range(3):
        parts.append(side.box(f"drawer_{i}", u, 0.06 + 0.35 * i, (0.515, 0.44, 0.31), (0.8, 0.8, 0.8), "brushed_metal"))
    return parts


def plant(side: Side, u: float, rng: np.random.Generator) -> list[Part]:
    """A pot plant: a cylinder and two leafy spheres."""
    radius = float(rng.uniform(0.22, 0.32))
    pot = side.place(u, 0.4, 0.2)
    return [
        Part("plant_pot", "cylinder", (0.17, 0.2, 0.0), pot, 0.0, (0.75, 0.45, 0.35), "plaster"),
        Part("plant_low", "sphere", (radius, 0.0, 0.0), (pot[0], pot[1], 0.62), 0.0, (0.75, 1.0, 0.7), "foliage"),
        Part("plant_top", "sphere", (0.75 * radius, 0.0, 0.0), (pot[0], pot[1], 0.9), 0.0, (0.8, 1.0, 0.75), "foliage"),
    ]
