"""Furniture and wall fixtures, each added to a `Sketch`; sizes in metres."""

import numpy as np

from assets.rooms.room import Finish, Sketch

DARK, STEEL = (0.10, 0.10, 0.11), (0.78, 0.79, 0.81)
_ART_TILE_M = 0.8
"""Tile of the poster and chart textures: a box of this width shows one whole print."""
PROUD = 0.004
"""Distance by which a front stands out from its base [m]."""


def window(s: Sketch, wall: int, along: float, width: float = 0.7) -> None:
    """A window with a frame and a cross bar; 3 parts."""
    half = (width, 0.03, s.rng.uniform(0.5, 0.7))
    s.on_wall("window_frame", wall, along, half, 1.0, Finish(None, (0.95, 0.95, 0.94)))
    pane = (half[0] - 0.06, 0.01, half[2] - 0.06)
    s.on_wall("window_pane", wall, along, pane, 1.06, Finish("sky"), gap=2 * half[1] - 0.02 + PROUD)
    s.on_wall(
        "window_bar",
        wall,
        along,
        (0.02, 0.014, pane[2] - 0.01),
        1.07,
        Finish(None, (0.93, 0.93, 0.92)),
        gap=2 * half[1],
    )


def blind(s: Sketch, wall: int, along: float, width: float = 0.75) -> None:
    """A roller blind above a window; 1 part."""
    drop = s.rng.uniform(0.1, 0.4)
    s.on_wall(
        "blind",
        wall,
        along,
        (width + 0.05, 0.02, drop),
        2.32 - 2 * drop,
        Finish("fabric_weave", s.tone((0, 0.4), (0.6, 0.95))),
        gap=0.09,
    )


def door(s: Sketch, wall: int, along: float) -> None:
    """A door with frame and handle; 3 parts."""
    leaf = Finish(s.pick("wood_birch", "wood_oak", "laminate", "painted_wall"), s.tone((0, 0.25), (0.75, 1)))
    s.on_wall("door_frame", wall, along, (0.51, 0.025, 1.03), 0.0, Finish(None, (0.9, 0.9, 0.88)))
    s.on_wall("door", wall, along, (0.45, 0.02, 0.99), 0.006, leaf, gap=0.022)
    s.on_wall("door_handle", wall, along + 0.37, (0.06, 0.02, 0.012), 1.02, Finish("brushed_metal"), gap=0.066)


def print_on_wall(s: Sketch, wall: int, along: float, kind: str, bottom: float = 1.2) -> None:
    """A poster or chart in a thin frame; 2 parts."""
    half = _ART_TILE_M / 2 * s.rng.uniform(0.8, 1.0)
    s.on_wall(
        f"{kind}_frame",
        wall,
        along,
        (half + 0.02, 0.008, half + 0.02),
        bottom,
        Finish(None, s.tone((0, 0.3), (0.1, 0.9))),
    )
    s.on_wall(kind, wall, along, (half, 0.006, half), bottom + 0.02, Finish(kind), gap=0.008)


def whiteboard(s: Sketch, wall: int, along: float) -> None:
    """A whiteboard with a frame and a tray; 3 parts."""
    s.on_wall("whiteboard_frame", wall, along, (0.8, 0.012, 0.5), 1.0, Finish("brushed_metal"))
    s.on_wall("whiteboard", wall, along, (0.78, 0.006, 0.48), 1.02, Finish("whiteboard"), gap=0.016)
    s.on_wall("whiteboard_tray", wall, along, (0.5, 0.035, 0.01), 0.975, Finish(None, STEEL), gap=0.002)


def pegboard(s: Sketch, wall: int, along: float, tools: int = 3) -> None:
    """A tool board with coloured tools; 1 + tools parts."""
    s.on_wall("pegboard", wall, along, (0.6, 0.01, 0.4), 1.2, Finish("pegboard", s.tone((0, 0.3), (0.7, 1))))
    for k in range(tools):
        at = along - 0.4 + 0.8 * (k + 0.5) / tools
        s.on_wall(
            "tool",
            wall,
            at,
            (0.03, 0.015, s.rng.uniform(0.08, 0.2)),
            s.rng.uniform(1.25, 1.4),
            Finish(None, s.tone((0.3, 0.9))),
            gap=0.022,
        )


def desk(s: Sketch, wall: int, along: float, half: tuple[float, float], top: Finish, height: float = 0.74) -> None:
    """A desk of half length and half depth on two side panels; 3 parts."""
    s.on_wall("desk_top", wall, along, (half[0], half[1], 0.015), height - 0.03, top, gap=0.015)
    for side in (-1, 1):
        s.on_wall(
            "desk_side",
            wall,
            along + side * (half[0] - 0.05),
            (0.02, half[1] - 0.04, height / 2 - 0.015),
            0.0,
            Finish(None, s.tone((0, 0.1), (0.2, 0.9))),
            gap=0.04,
        )


def screen(s: Sketch, wall: int, along: float, on: float, away: float = 0.12) -> None:
    """A monitor on a stand, on a surface at height `on`; 3 parts."""
    s.on_wall("screen_foot", wall, along, (0.12, 0.08, 0.008), on, Finish(None, DARK), gap=away)
    s.on_wall("screen_back", wall, along, (0.29, 0.02, 0.17), on + 0.10, Finish(None, DARK), gap=away + 0.06)
    s.on_wall("screen", wall, along, (0.28, 0.005, 0.16), on + 0.11, Finish("screen"), gap=away + 0.1 - 0.01 + PROUD)


def cabinet(s: Sketch, wall: int, along: float, half: tuple[float, float, float], bottom: float, front: Finish) -> None:
    """A cabinet with a slightly protruding door and a handle; 3 parts."""
    l, d, h = half  # noqa: E741
    s.on_wall(
        "cabinet", wall, along, (l, d - 0.012, h), bottom, Finish(front.texture, _dim(front.colour, 0.92)), gap=0.01
    )
    s.on_wall(
        "cabinet_door", wall, along, (l - 0.015, 0.008, h - 0.015), bottom + 0.015, front, gap=0.01 + 2 * d - 0.03
    )
    s.on_wall(
        "cabinet_handle",
        wall,
        along + l * 0.6,
        (0.012, 0.012, min(0.1, h * 0.4)),
        bottom + h * 0.8,
        Finish("brushed_metal"),
        gap=2 * d - 0.006,
    )


def shelf(s: Sketch, wall: int, along: float, half: float, height: float, things: int) -> None:
    """A wall board with boxes, jars and balls on it; 1 + things parts."""
    s.on_wall(
        "shelf",
        wall,
        along,
        (half, 0.13, 0.012),
        height,
        Finish(s.pick("wood_oak", "wood_pine", "laminate", "wood_walnut")),
    )
    standing(s, wall, along, half, height + 0.024, things)


def standing(s: Sketch, wall: int, along: float, half: float, on: float, things: int) -> None:
    """A row of things standing on a surface at height `on`; `things` parts."""
    room = 2 * half / max(things, 1)
    for k in range(things):
        at = along - half + room * (k + 0.5)
        radius = min(room * 0.42, s.rng.uniform(0.04, 0.10))
        finish = Finish(
            s.pick("label_print", "cardboard", "book_cover", "stripes", "painted_wall", "confetti"),
            s.tone((0, 0.4), (0.7, 1)),
        )
        kind = s.rng.integers(3)
        if kind == 0:
            tall = s.rng.uniform(0.05, 0.14)
            s.round("thing", "cylinder", (radius, tall, 0), (*s.spot(wall, at, 0.13), on + tall), finish)
        elif kind == 1:
            s.on_wall(
                "thing", wall, at, (radius, 0.08, s.rng.uniform(0.05, 0.15)), on, finish, gap=s.rng.uniform(0.02, 0.09)
            )
        else:
            s.round(
                "thing",
                "sphere",
                (radius, 0, 0),
                (*s.spot(wall, at, 0.13), on + radius),
                Finish("painted_wall", s.tone((0.4, 0.9))),
            )


def bookcase(s: Sketch, wall: int, along: float, boards: int) -> None:
    """A bookcase with one block of books per board; 3 + 2 * boards parts."""
    half, depth = 0.42, 0.14
    wood = Finish(s.pick("wood_oak", "wood_walnut", "wood_birch", "laminate"), (0.97, 0.97, 0.97))
    pitch = s.rng.uniform(0.34, 0.5)
    tall = pitch * boards
    s.on_wall(
        "bookcase_back",
        wall,
        along,
        (half - 0.02, 0.008, tall / 2),
        0.01,
        Finish(wood.texture, (0.8, 0.8, 0.8)),
        gap=0.002,
    )
    for side in (-1, 1):
        s.on_wall("bookcase_side", wall, along + side * half, (0.018, depth, tall / 2 + 0.02), 0.0, wood, gap=0.02)
    for board in range(boards):
        s.on_wall(
            "bookcase_board", wall, along, (half - 0.02, depth - 0.005, 0.012), 0.05 + pitch * board, wood, gap=0.022
        )
        wide, tall_book = s.rng.uniform(0.15, 0.34), s.rng.uniform(0.1, 0.145)
        at = along + s.rng.uniform(-1, 1) * (half - 0.05 - wide)
        books = Finish(
            s.pick("stripes", "label_print", "tartan", "wallpaper_stripes", "confetti"), s.tone((0, 0.3), (0.7, 1))
        )
        s.on_wall(
            "books", wall, at, (wide, s.rng.uniform(0.08, 0.115), tall_book), 0.074 + pitch * board, books, gap=0.03
        )


def chair(s: Sketch, wall: int, along: float, away: float) -> None:
    """An office chair by the wall: foot, column, seat, back; 4 parts."""
    x, y = s.spot(wall, along, away)
    cloth = Finish("fabric_weave", s.tone((0.1, 0.8), (0.2, 0.8)))
    s.round("chair_foot", "cylinder", (0.24, 0.02, 0), (x, y, 0.03), Finish(None, DARK))
    s.round("chair_column", "cylinder", (0.03, 0.2, 0), (x, y, 0.25), Finish("brushed_metal"))
    s.box("chair_seat", (0.22, 0.22, 0.035), (x, y, 0.485), np.pi / 2 * (wall + 1), cloth)
    s.on_wall("chair_back", wall, along, (0.2, 0.025, 0.24), 0.56, cloth, gap=away - 0.25)


def plant(s: Sketch, x: float, y: float) -> None:
    """A pot with a round bush; 3 parts."""
    r = s.rng.uniform(0.14, 0.2)
    s.round("plant_pot", "cylinder", (r, 0.16, 0), (x, y, 0.161), Finish("plaster", s.tone((0.1, 0.7), (0.4, 0.9))))
    s.round("plant", "sphere", (r * 1.45, 0, 0), (x, y, 0.34 + r * 1.25), Finish("foliage"))
    s.round("plant_top", "sphere", (r * 1.05, 0, 0), (x + 0.04, y, 0.34 + r * 2.7), Finish("foliage"))


def floor_lamp(s: Sketch, x: float, y: float) -> None:
    """A standing lamp; 3 parts."""
    s.round("lamp_foot", "cylinder", (0.15, 0.015, 0), (x, y, 0.016), Finish(None, DARK))
    s.round("lamp_pole", "cylinder", (0.015, 0.7, 0), (x, y, 0.73), Finish("brushed_metal"))
    s.round(
        "lamp_shade", "cylinder", (0.17, 0.13, 0), (x, y, 1.5), Finish("fabric_weave", s.tone((0.0, 0.4), (0.85, 1)))
    )


def boxes(s: Sketch, x: float, y: float) -> None:
    """Two stacked cartons; 2 parts."""
    s.box("carton", (0.2, 0.17, 0.16), (x, y, 0.162), s.rng.uniform(-0.3, 0.3), Finish("cardboard"))
    s.box("carton", (0.15, 0.14, 0.11), (x, y, 0.434), s.rng.uniform(-0.5, 0.5), Finish("cardboard", (0.95, 0.93, 0.9)))


def bin_and_bag(s: Sketch, x: float, y: float) -> None:
    """A waste bin; 2 parts."""
    s.round("bin", "cylinder", (0.14, 0.2, 0), (x, y, 0.202), Finish("corrugated", s.tone((0, 0.6), (0.3, 0.9))))
    s.round("bin_rim", "cylinder", (0.147, 0.015, 0), (x, y, 0.392), Finish(None, DARK))


def corner(s: Sketch, which: int) -> None:
    """A plant, lamp, stack of cartons or bin in one of the four corners; 2 or 3 parts."""
    sx, sy = ((1, 1), (-1, 1), (-1, -1), (1, -1))[which]
    x, y = sx * (s.half[0] - 0.34), sy * (s.half[1] - 0.34)
    (plant, floor_lamp, boxes, bin_and_bag)[s.rng.integers(4)](s, x, y)


def _dim(colour: tuple, factor: float) -> tuple:
    return tuple(c * factor for c in colour)
