"""The `Room` type, the registry of rooms, and the builder that assembles one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from assets.shapes import Part
from assets.textures.noise import hsv
from lace.core.geometry import triple
from lace.core.registry import Registry

CLEAR_RADIUS_M = 1.6
"""Below `CLEAR_HEIGHT_M`, only the floor is closer to the origin than this [m]."""
CLEAR_HEIGHT_M = 2.4
WHITE = (1.0, 1.0, 1.0)
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Room:
    """A room around the origin, floor at z = 0, without a ceiling so that light from above reaches the table."""

    name: str
    parts: tuple[Part, ...]


ROOMS: Registry[Callable[[np.random.Generator], Room]] = Registry("room")


@dataclass(frozen=True)
class Finish:
    """A surface: texture and the colour it is multiplied with."""

    texture: str | None
    colour: Colour = WHITE


class Sketch:
    """A room under construction. Walls are numbered 0 (+x), 1 (+y), 2 (-x), 3 (-y).

    On a wall, `along` runs to the left as seen from the room's middle looking at it [m], 0 in the middle.
    """

    WALL_THICKNESS = 0.1

    def __init__(
        self, rng: np.random.Generator, floor: Finish, walls: Finish, skirting: Colour | None = (0.9, 0.9, 0.88)
    ):
        """Lays the floor and raises four walls of a random size.

        Args:
            rng: Random state; also used by `tone` and all features.
            floor: Surface of the floor.
            walls: Surface of the walls.
            skirting: Colour of skirting boards, or None for none.
        """
        self.rng = rng
        self.half = (rng.uniform(2.6, 3.3), rng.uniform(2.6, 3.3))
        self.height = rng.uniform(2.6, 3.0)
        self.parts: list[Part] = []
        thick = self.WALL_THICKNESS
        self.box("floor", (self.half[0] + 0.3, self.half[1] + 0.3, 0.05), (0, 0, -0.05), 0, floor)
        for wall in range(4):
            length = self.length(wall) + (2 * thick if wall % 2 == 0 else 0)
            self.on_wall(f"wall_{wall}", wall, 0, (length, thick, self.height / 2), 0, walls, gap=-2 * thick)
            if skirting is not None:
                size = (self.length(wall) - (0.05 if wall % 2 else 0), 0.008, 0.045)
                self.on_wall(f"skirting_{wall}", wall, 0, size, -0.004, Finish(None, skirting), gap=-0.004)

    def length(self, wall: int) -> float:
        """Half the length of a wall [m]."""
        return self.half[1 - wall % 2]

    def depth(self, wall: int) -> float:
        """Greatest half depth of furniture against a wall that keeps the middle clear [m]."""
        return (self.half[wall % 2] - CLEAR_RADIUS_M - 0.02) / 2

    def box(self, name: str, half: tuple, position: tuple, yaw: float, finish: Finish) -> None:
        """A box of half extents `half` at a centre."""
        self._add(
            Part(
                self._unique(name),
                "box",
                triple(half),
                triple(position),
                float(yaw),
                triple(finish.colour),
                finish.texture,
            )
        )

    def round(
        self, name: str, kind: Literal["cylinder", "sphere"], size: tuple, position: tuple, finish: Finish
    ) -> None:
        """A cylinder (radius, half height, 0) or sphere (radius, 0, 0)."""
        self._add(
            Part(self._unique(name), kind, triple(size), triple(position), 0.0, triple(finish.colour), finish.texture)
        )

    def on_wall(
        self, name: str, wall: int, along: float, half: tuple, bottom: float, finish: Finish, gap: float = 0.0
    ) -> None:
        """A box against a wall.

        Args:
            name: Name of the part; made unique.
            wall: Number of the wall.
            along: Position of its centre along the wall [m].
            half: Half extents along the wall, away from it, and up [m].
            bottom: Height of its lower face [m].
            finish: Surface.
            gap: Distance between the wall and the box's back [m].
        """
        x, y = self.spot(wall, along, gap + half[1])
        self.box(name, half, (x, y, bottom + half[2]), np.pi / 2 * (wall + 1), finish)

    def spot(self, wall: int, along: float, away: float) -> tuple[float, float]:
        """x, y of the point `along` a wall and `away` from it [m]."""
        angle = np.pi / 2 * wall
        normal, left = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        x, y = normal * (self.half[wall % 2] - away) + left * along
        return float(x), float(y)

    def tone(self, saturation: tuple[float, float] = (0.0, 0.5), value: tuple[float, float] = (0.4, 0.95)) -> Colour:
        """A random colour."""
        return triple(hsv(self.rng.random(), self.rng.uniform(*saturation), self.rng.uniform(*value)))

    def pick(self, *options: str) -> str:
        """One of several names."""
        return options[self.rng.integers(len(options))]

    def room(self, name: str) -> Room:
        """The finished room."""
        return Room(name, tuple(self.parts))

    def _unique(self, name: str) -> str:
        count = sum(part.name.rsplit("#", 1)[0] == name for part in self.parts)
        return f"{name}#{count}" if count else name

    def _add(self, part: Part) -> None:
        self.parts.append(part)
