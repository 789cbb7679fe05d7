"""An office: desks with screens, chairs, bookcases, posters, windows."""

import numpy as np

from assets.rooms import features as f
from assets.rooms.room import ROOMS, Finish, Room, Sketch


def _desk_wall(s: Sketch, wall: int) -> None:
    """A desk with a screen and a thing on it, a chair beside it and a poster; 13 parts."""
    depth = min(0.34, s.depth(wall))
    wood = Finish(s.pick("wood_oak", "wood_walnut", "wood_birch", "laminate", "wood_cherry"))
    side = s.rng.choice((-1, 1))
    at = 0.35 * side
    f.desk(s, wall, at, (0.75, depth), wood)
    f.screen(s, wall, at, 0.74)
    f.standing(s, wall, at + 0.55 * side, 0.1, 0.74, 1)
    f.chair(s, wall, -0.85 * side, min(0.45, 2 * s.depth(wall) - 0.26))
    f.print_on_wall(s, wall, at - 0.9 * side, s.pick("poster", "chart"), 1.35)


def _book_wall(s: Sketch, wall: int) -> None:
    """A bookcase and a cabinet; 12 parts."""
    side = s.rng.choice((-1, 1))
    f.bookcase(s, wall, 0.5 * side, 3)
    wood = Finish(s.pick("wood_oak", "laminate", "wood_walnut"), s.tone((0, 0.2), (0.8, 1)))
    f.cabinet(s, wall, -0.6 * side, (0.4, min(0.2, s.depth(wall)), s.rng.uniform(0.35, 0.6)), 0.004, wood)


def _window_wall(s: Sketch, wall: int) -> None:
    """A wide window with a blind, or two windows; 4 or 6 parts."""
    if s.rng.random() < 0.5:
        at = s.rng.uniform(-0.5, 0.5)
        f.window(s, wall, at, 1.0)
        f.blind(s, wall, at, 1.0)
    else:
        for at in (-0.85, 0.85):
            f.window(s, wall, at, 0.6)


def _door_wall(s: Sketch, wall: int) -> None:
    """A door and a poster; 5 parts."""
    side = s.rng.choice((-1, 1))
    f.door(s, wall, 0.9 * side)
    f.print_on_wall(s, wall, -0.5 * side, "poster")


@ROOMS.register("office")
def office(rng: np.random.Generator) -> Room:
    """An office of another layout for every random state."""
    floor = str(rng.choice(["carpet", "carpet_tiles", "parquet", "wood_oak_planks", "wood_walnut_planks"]))
    walls = str(rng.choice(["painted_wall", "wallpaper_stripes", "wallpaper_damask", "brick", "plaster"]))
    tint = 0.85 + 0.15 * rng.random(3)
    s = Sketch(rng, Finish(floor), Finish(walls, tuple(tint)))
    order = rng.permutation(4)
    for build, wall in zip((_desk_wall, _book_wall, _window_wall, _door_wall), order, strict=True):
        build(s, int(wall))
    f.corner(s, int(rng.integers(4)))
    return s.room("office")
