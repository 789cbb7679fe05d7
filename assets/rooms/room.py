"""What a room is, and the walls, windows and furniture that rooms are put together from.

Parts never share a visible plane: thin things hang off walls by MOUNT, and furniture stands 2 mm above the floor.
"""

from dataclasses import dataclass

import numpy as np

from assets.shapes import Part

MOUNT = 0.012
"""Distance of hung things from the wall [m]."""
LIFT = 0.002
"""Distance of standing things from the floor [m]."""
CLEAR_RADIUS = 1.65
"""Nothing but the floor within this distance of the origin, below HEIGHT_CLEAR [m]."""

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Room:
    """A room as parts, floor at z = 0, the robot's place at the origin."""

    name: str
    parts: tuple[Part, ...]


class Side:
    """One wall seen from inside: things are placed along it (u, to the right), off it (d) and up (z)."""

    def __init__(self, number: int, distance: float):
        """Args:
        number: 0 to 3: the wall at +x, +y, -x, -y.
        distance: Of its inner face from the origin [m].
        """
        self.yaw, self.distance = number * np.pi / 2, distance

    def place(self, u: float, d: float, z: float) -> tuple[float, float, float]:
        """World position of (along, off the wall, height) [m]."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        out = self.distance - d
        return (float(c * out - s * u), float(s * out + c * u), float(z))

    def box(
        self, name: str, u: float, z: float, size: tuple[float, float, float], colour: Colour,
        texture: str | None = None, off: float = MOUNT,
    ) -> Part:  # fmt: skip
        """A box of `size` (depth, width, height) whose back is `off` from the wall and whose foot is at z [m]."""
        depth, width, height = size
        centre = self.place(u, off + depth / 2, z + height / 2)
        return Part(name, "box", (depth / 2, width / 2, height / 2), centre, self.yaw, colour, texture)


def shell(
    rng: np.random.Generator, half: tuple[float, float], height: float, wall: list[str | None], floor: list[str],
    tone: tuple[float, float] = (0.75, 0.98),
) -> tuple[list[Part], list[Side]]:  # fmt: skip
    """Floor, ceiling and four walls of a room of half extents `half`, and its sides to hang things on."""
    x, y = half
    base = rng.uniform(*tone) * (1 + rng.uniform(-0.06, 0.06, 3))
    colour = tuple(float(c) for c in np.clip(base, 0, 1))
    texture = wall[rng.integers(len(wall))]
    accent = tuple(float(c) for c in np.clip(rng.uniform(0.45, 0.95, 3), 0, 1))
    parts = [
        Part("floor", "box", (x + 0.2, y + 0.2, 0.05), (0, 0, -0.05), 0.0, (0.95, 0.95, 0.95), floor[rng.integers(len(floor))]),
        Part("ceiling", "box", (x + 0.2, y + 0.2, 0.05), (0, 0, height + 0.05), 0.0, (0.95, 0.95, 0.94), None),
    ]
    sides = [Side(i, (x, y)[i % 2]) for i in range(4)]
    accented = rng.integers(8)
    for i, side in enumerate(sides):
        width = (y, x)[i % 2] + 0.09
        position = side.place(0, -0.05, height / 2)
        parts.append(
            Part(f"wall_{i}", "box", (0.05, width, height / 2 - 1e-3), position, side.yaw,
                 accent if i == accented else colour, texture)
        )  # fmt: skip
        skirting = (0.02, 2 * width - 0.3, 0.09)
        parts.append(side.box(f"skirting_{i}", 0, LIFT, skirting, (0.85, 0.84, 0.82), off=0.001))
    return parts, sides


def window(side: Side, u: float, rng: np.random.Generator) -> list[Part]:
    """A window: frame, bright pane with sky, sill."""
    width, height, z = rng.uniform(0.9, 1.6), rng.uniform(0.9, 1.3), rng.uniform(0.85, 1.05)
    return [
        side.box("window_frame", u, z, (0.03, width + 0.12, height + 0.12), (0.92, 0.92, 0.9)),
        side.box("window_pane", u, z + 0.06, (0.02, width, height), (0.95, 0.98, 1.0), "sky", off=MOUNT + 0.025),
        side.box("window_sill", u, z - 0.06, (0.16, width + 0.2, 0.04), (0.9, 0.9, 0.88)),
    ]


def door(side: Side, u: float, rng: np.random.Generator) -> list[Part]:
    """A door with frame and handle."""
    colour = tuple(float(c) for c in rng.uniform(0.45, 0.95, 3) * rng.uniform(0.7, 1.0))
    texture = [None, "wood_birch", "wood_walnut", "painted_wall"][rng.integers(4)]
    return [
        side.box("door_frame", u, LIFT, (0.03, 1.02, 2.12), (0.85, 0.85, 0.83)),
        side.box("door", u, LIFT + 0.01, (0.03, 0.9, 2.04), colour, texture, off=MOUNT + 0.02),
        side.box("door_handle", u + 0.36, 1.02, (0.05, 0.12, 0.025), (0.7, 0.7, 0.72), "brushed_metal", off=MOUNT + 0.06),
    ]


def shelf(side: Side, u: float, rng: np.random.Generator, contents: list[str]) -> list[Part]:
    """A free-standing shelf with boards and rows of things on them."""
    width, height, depth = rng.uniform(0.8, 1.2), rng.uniform(1.5, 2.0), 0.32
    wood = ["wood_birch", "wood_oak", "wood_walnut", "painted_wall"][rng.integers(4)]
    parts = [side.box("shelf_back", u, LIFT, (0.02, width, height), (0.8, 0.78, 0.75), wood)]
    levels = 4
    for level in range(levels):
        z = 0.08 + level * (height - 0.12) / (levels - 1)
        parts.append(side.box(f"shelf_board_{level}", u, z, (depth, width, 0.03), (0.9, 0.88, 0.85), wood, off=MOUNT + 0.022))
        if level < levels - 1 and rng.random() < 0.85:
            row, thing = rng.uniform(0.4, 0.85) * width, contents[rng.integers(len(contents))]
            colour = tuple(float(c) for c in rng.uniform(0.5, 1.0, 3))
            size = (0.2, row, rng.uniform(0.18, 0.3))
            parts.append(side.box(f"shelf_things_{level}", u, z + 0.032, size, colour, thing, off=MOUNT + 0.05))
    return parts


def poster(side: Side, u: float, rng: np.random.Generator, texture: str = "poster") -> list[Part]:
    """A picture on the wall."""
    size = (0.012, rng.uniform(0.4, 0.9), rng.uniform(0.4, 0.9))
    return [side.box("poster", u, rng.uniform(1.1, 1.5), size, (1.0, 1.0, 1.0), texture)]


def lamp(rng: np.random.Generator) -> list[Part]:
    """Two bright panels under the ceiling."""
    y = rng.uniform(0.6, 1.2)
    return [
        Part(f"lamp_{i}", "box", (0.6, 0.12, 0.03), (float(rng.uniform(-0.4, 0.4)), sign * y, 2.52), 0.0, (1, 1, 0.97), None)
        for i, sign in enumerate((-1, 1))
    ]
