"""Tables by name: `TABLES["oak"](rng)` gives a `Table`. The top's surface is z = 0, its middle the origin."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from assets.shapes import Part, PartKind
from lace.core.geometry import triple
from lace.core.registry import Registry

FOOT_Z = -0.9
"""Legs reach this far down, below any floor a table may stand on [m]."""


@dataclass(frozen=True)
class Table:
    """A table in its own frame."""

    name: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Look:
    """Surfaces of a table: texture and range of the colour's brightness for top and legs, and the kind of support."""

    top: str | None
    legs: str | None
    support: str
    """"posts", "round", "panels", "cabinet" or "frame"."""
    top_value: tuple[float, float] = (0.9, 1.0)
    legs_value: tuple[float, float] = (0.85, 1.0)
    colourful: float = 0.03
    """Largest deviation of the top's colour from grey."""


LOOKS = {
    "oak": Look("wood_oak", "wood_oak", "posts"),
    "oak_planks": Look("wood_oak_planks", None, "frame", legs_value=(0.08, 0.2)),
    "walnut": Look("wood_walnut", "wood_walnut", "panels"),
    "pine": Look("wood_pine", "wood_pine", "posts"),
    "cherry": Look("wood_cherry", "wood_cherry", "round"),
    "white_laminate": Look("laminate", "brushed_metal", "frame"),
    "steel_workbench": Look("brushed_metal", "brushed_metal", "cabinet", (0.75, 1.0)),
    "marble_counter": Look("marble", "laminate", "cabinet"),
    "dark_stone": Look("granite", "wood_walnut", "cabinet", (0.55, 1.0)),
    "concrete": Look("concrete", None, "frame", (0.8, 1.1), (0.1, 0.3)),
    "painted": Look("painted_wall", "painted_wall", "round", (0.45, 0.95), (0.5, 0.95), 0.3),
    "optical_breadboard": Look("breadboard", "brushed_metal", "posts", (0.6, 1.0)),
    "linoleum_desk": Look("linoleum", "laminate", "panels"),
    "tablecloth": Look("tartan", "wood_pine", "posts"),
    "leather_mat": Look("leather", "wood_oak", "panels", (0.25, 0.6), colourful=0.12),
}
TABLES: Registry[Callable[[np.random.Generator], Table]] = Registry("table")


_SLIM_M = 0.06
"""Legs and rails are at most as wide as this, half their width: they keep it in tables of other sizes."""


def resized(table: Table, size_m: tuple[float, float] | None) -> Table:
    """The table with a top of another size along x and y [m]; itself for None."""
    if size_m is None:
        return table
    factor = [side / (2 * half) for side, half in zip(size_m, table.parts[0].size, strict=False)]

    def fitted(part: Part) -> Part:
        x, y, z = part.position
        half = [s * f if part.kind == "box" and s > _SLIM_M else s for s, f in zip(part.size, factor, strict=False)]
        return replace(part, position=(x * factor[0], y * factor[1], z), size=(*half, part.size[2]))

    return replace(table, parts=tuple(map(fitted, table.parts)))


class _Joiner:
    """Assembles one table."""

    def __init__(self, name: str, look: Look, rng: np.random.Generator):
        self.rng, self.look = rng, look
        self.half = (rng.uniform(0.5, 0.8), rng.uniform(0.5, 0.9))
        self.thick = rng.uniform(0.02, 0.06)
        tint = look.colourful * rng.uniform(-1, 1, 3)
        self.top_colour = np.clip(rng.uniform(*look.top_value) + tint, 0, 1)
        self.legs_colour = np.clip(rng.uniform(*look.legs_value) + tint * 0.5, 0, 1)
        self.parts = [self._part("top", "box", (*self.half, self.thick / 2), (0, 0, -self.thick / 2), top=True)]
        getattr(self, f"_{look.support}")()
        self.table = Table(name, tuple(self.parts))

    def _part(self, name: str, kind: PartKind, size: tuple, position: tuple, top: bool = False) -> Part:
        colour, texture = (self.top_colour, self.look.top) if top else (self.legs_colour, self.look.legs)
        return Part(name, kind, triple(size), triple(position), 0.0, triple(colour), texture)

    def _legs(self, kind: PartKind, size: Callable[[float], tuple], inset: float) -> None:
        tall = (-self.thick - FOOT_Z) / 2
        for i, (sx, sy) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
            spot = (sx * (self.half[0] - inset), sy * (self.half[1] - inset), FOOT_Z + tall)
            self.parts.append(self._part(f"leg_{i}", kind, size(tall), spot))

    def _posts(self) -> None:
        w = self.rng.uniform(0.025, 0.045)
        self._legs("box", lambda tall: (w, w, tall), w + 0.02)
        self._apron(w + 0.022)

    def _round(self) -> None:
        r = self.rng.uniform(0.02, 0.035)
        self._legs("cylinder", lambda tall: (r, tall, 0), r + 0.05)
        self._apron(r + 0.06)

    def _apron(self, inset: float) -> None:
        """Two rails below the top."""
        for i, side in enumerate((-1, 1)):
            size, y = (self.half[0] - inset - 0.03, 0.011, 0.04), side * (self.half[1] - inset)
            self.parts.append(self._part(f"apron_{i}", "box", size, (0, y, -self.thick - 0.043)))

    def _panels(self) -> None:
        tall = (-self.thick - FOOT_Z) / 2
        for i, side in enumerate((-1, 1)):
            spot = (0, side * (self.half[1] - 0.06), FOOT_Z + tall)
            self.parts.append(self._part(f"panel_{i}", "box", (self.half[0] - 0.03, 0.018, tall), spot))
        back = (self.half[0] - 0.1, 0, -self.thick - 0.16)
        self.parts.append(self._part("back", "box", (0.012, self.half[1] - 0.08, 0.15), back))

    def _cabinet(self) -> None:
        tall = (-self.thick - FOOT_Z) / 2
        body = (self.half[0] - 0.04, self.half[1] - 0.04, tall)
        self.parts.append(self._part("cabinet", "box", body, (0, 0, FOOT_Z + tall)))
        for i, (sx, sy) in enumerate(((1, 0.5), (1, -0.5), (-1, 0.5), (-1, -0.5))):
            door = (0.008, body[1] / 2 - 0.012, tall - 0.05)
            self.parts.append(
                self._part(f"door_{i}", "box", door, (sx * (body[0] + 0.004), sy * body[1], FOOT_Z + tall - 0.02))
            )

    def _frame(self) -> None:
        """Two steel-tube frames with two uprights and a foot each."""
        tall = (-self.thick - FOOT_Z) / 2
        for i, sy in enumerate((-1, 1)):
            y = sy * (self.half[1] - 0.08)
            for j, sx in enumerate((-1, 1)):
                spot = (sx * (self.half[0] - 0.06), y, FOOT_Z + tall)
                self.parts.append(self._part(f"upright_{i}{j}", "box", (0.02, 0.02, tall), spot))
            rail = (self.half[0] - 0.085, 0.015, 0.015)
            self.parts.append(self._part(f"rail_{i}", "box", rail, (0, y, -self.thick - 0.02)))


def _register(name: str, look: Look) -> None:
    TABLES.add(name, lambda rng: _Joiner(name, look, rng).table)


for _name, _look in LOOKS.items():
    _register(_name, _look)
