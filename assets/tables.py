"""Tables that the robot stands at: materials and styles, top at z = 0."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from assets.shapes import Part
from lace.core.registry import Registry

FOOT = -0.9
"""Legs reach this far below the top [m]: through the floor, which hides their ends at any height of the top."""


@dataclass(frozen=True)
class Table:
    """A table as parts, centred under its top."""

    name: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Style:
    """What tells one table from another."""

    texture: str | None
    colour: tuple[float, float, float]
    thickness: float
    """Of the top [m]."""
    cabinet: bool
    """Closed underneath, or on legs."""
    leg_texture: str | None
    leg_colour: tuple[float, float, float]


def build(name: str, style: Style, rng: np.random.Generator) -> Table:
    """A table of the style, its size drawn from `rng`."""
    x, y = float(rng.uniform(0.55, 0.75)), float(rng.uniform(0.65, 0.9))
    half = style.thickness / 2
    parts = [Part("top", "box", (x, y, half), (0, 0, -half), 0.0, style.colour, style.texture)]
    depth = (style.thickness + FOOT) / 2
    if style.cabinet:
        size = (x - 0.04, y - 0.04, (-FOOT - style.thickness) / 2)
        parts.append(Part("cabinet", "box", size, (0, 0, -style.thickness + FOOT / 2 + half), 0.0, style.leg_colour, style.leg_texture))
        return Table(name, tuple(parts))
    leg = (0.03, 0.03, (-FOOT - style.thickness) / 2)
    for i, (sx, sy) in enumerate(((1, 1), (1, -1), (-1, 1), (-1, -1))):
        centre = (sx * (x - 0.06), sy * (y - 0.06), -style.thickness + depth + half)
        parts.append(Part(f"leg_{i}", "box", leg, centre, 0.0, style.leg_colour, style.leg_texture))
    return Table(name, tuple(parts))


TABLES: Registry[Callable[[np.random.Generator], Table]] = Registry("table")
WHITE, STEEL, DARK = (0.95, 0.95, 0.94), (0.75, 0.76, 0.78), (0.2, 0.2, 0.22)
for _name, _style in {
    "oak": Style("wood_oak_planks", (1, 1, 1), 0.04, False, "wood_oak", (0.95, 0.95, 0.95)),
    "walnut": Style("wood_walnut", (1, 1, 1), 0.035, False, None, DARK),
    "birch": Style("wood_birch", (1, 1, 1), 0.03, False, None, WHITE),
    "white_laminate": Style("laminate", WHITE, 0.025, False, "brushed_metal", STEEL),
    "steel_bench": Style("brushed_metal", STEEL, 0.04, False, "brushed_metal", STEEL),
    "marble_counter": Style("marble", (1, 1, 1), 0.03, True, "painted_wall", (0.8, 0.82, 0.85)),
    "granite_counter": Style("granite", (1, 1, 1), 0.04, True, "wood_walnut", (0.9, 0.9, 0.9)),
    "concrete": Style("concrete", (1, 1, 1), 0.06, False, "concrete", (0.8, 0.8, 0.8)),
    "breadboard": Style("breadboard", (0.8, 0.81, 0.83), 0.05, False, None, DARK),
    "black_desk": Style(None, (0.12, 0.12, 0.13), 0.025, False, "brushed_metal", STEEL),
    "green_mat": Style("linoleum", (0.45, 0.7, 0.55), 0.03, False, None, DARK),
    "cloth": Style("tartan", (1, 1, 1), 0.02, False, "wood_pine", (0.9, 0.9, 0.9)),
}.items():
    TABLES.add(_name, partial(build, _name, _style))
