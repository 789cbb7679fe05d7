"""Mugs, cups, bowls, plates, bottles, cans and jars: bodies of revolution. Lengths in centimetres until `upright`."""

from collections.abc import Callable, Sequence

import numpy as np

from assets.objects import paints
from assets.objects.atlas import SIDE, A, Atlas, B, C, Cell, D, E
from assets.objects.mesh import lathe, merge, transformed, tube, upright
from assets.objects.spec import OBJECTS, ObjectSpec
from assets.shapes import Mesh
from assets.textures.noise import hsv
from assets.textures.printed import label


def distractor(
    name: str,
    height_m: tuple[float, float],
    mass_kg: tuple[float, float],
    parts: Callable[[], Sequence[Mesh]],
    texture: Callable[[np.random.Generator], Atlas],
) -> None:
    """Registers an object of its own family; `parts()` gives the meshes, `texture(rng)` the painted atlas."""

    def build() -> Mesh:
        return upright(merge(*parts()), sum(height_m) / 2)

    def make(rng: np.random.Generator) -> np.ndarray:
        return paints.finish(texture(rng), rng)

    OBJECTS.add(name, ObjectSpec(name, name, "distractor", build, make, height_m, mass_kg))


def disc(radius: float, z: float, cell: Cell, up: bool = True) -> Mesh:
    """A flat disc facing up or down."""
    profile = [(radius, z), (0, z)] if up else [(0, z), (radius, z)]
    return lathe(profile, cell, 32, flat=True)


def arc(start: float, stop: float, count: int, centre: tuple = (0, 0), radius: float = 1) -> np.ndarray:
    """Points (count, 2) on a circle, angles in degrees."""
    t = np.radians(np.linspace(start, stop, count))
    return np.array(centre) + radius * np.stack([np.cos(t), np.sin(t)], -1)


def vessel(outer: object, inner: object, wall: Cell, inside: Cell, foot: Cell) -> list[Mesh]:
    """An open vessel: outer profile upward, rounded rim, inner profile downward, a disc below."""
    outer, inner = np.asarray(outer, float), np.asarray(inner, float)
    rim = [outer[-1], (outer[-1] + inner[0]) / 2 + (0, 0.12), inner[0]]
    return [
        lathe(outer, wall),
        lathe(rim, inside),
        lathe(inner, inside),
        disc(outer[0, 0], outer[0, 1], foot, up=False),
    ]


def _mug() -> list[Mesh]:
    body = vessel(
        [(3.7, 0), (4.0, 0.4), (4.0, 5), (4.0, 9.4)], [(3.65, 9.4), (3.65, 5), (3.5, 0.8), (0, 0.6)], SIDE, B, C
    )
    bow = arc(-95, 95, 15, (3.8, 4.8), 2.7)
    path = np.stack([bow[:, 0], np.zeros(15), bow[:, 1]], -1)
    return [*body, tube(path, 0.5, D, 8)]


def _mug_paint(rng: np.random.Generator) -> Atlas:
    outside = paints.glaze(rng)
    return (
        Atlas()
        .paint(SIDE, outside)
        .paint(B, paints.solid(rng, (0, 0.15), (0.85, 1)))
        .paint(C, outside[-1, 0])
        .paint(D, outside[128, 0])
    )


def _cup() -> list[Mesh]:
    return vessel(
        [(2.6, 0), (2.7, 0.3), (3.2, 4.5), (3.7, 9)], [(3.5, 9), (3.0, 4.5), (2.5, 0.6), (0, 0.5)], SIDE, B, C
    )


def _cup_paint(rng: np.random.Generator) -> Atlas:
    outside = paints.glaze(rng)
    return Atlas().paint(SIDE, outside).paint(B, (0.95, 0.94, 0.92)).paint(C, outside[-1, 0])


def _bowl() -> list[Mesh]:
    outer = np.concatenate([[(3.2, 0), (3.3, 0.5)], arc(-62, 0, 9, (0, 6.6), 7.0)])
    inner = np.concatenate([arc(0, -80, 10, (0, 6.6), 6.6), [(0, 0.1)]])
    return vessel(outer, inner, SIDE, A, C)


def _bowl_paint(rng: np.random.Generator) -> Atlas:
    outside = paints.glaze(rng)
    inside = outside if rng.random() < 0.4 else paints.solid(rng, (0, 0.5), (0.8, 1))
    return Atlas().paint(SIDE, outside).paint(A, inside).paint(C, outside[-1, 0])


def _plate() -> list[Mesh]:
    under = [(5.0, 0), (6.0, 0.1), (8.5, 1.0), (10.0, 1.7)]
    return [
        lathe(under, C),
        lathe([(10, 1.7), (10.05, 1.85), (9.9, 1.95)], B),
        lathe([(9.9, 1.95), (8.4, 1.35), (6.6, 0.75), (5.8, 0.55), (0, 0.5)], SIDE, flat=True),
        disc(5.0, 0, C, up=False),
    ]


def _plate_paint(rng: np.random.Generator) -> Atlas:
    rows, columns = np.mgrid[-1:1:128j, -1:1:256j]
    radius = np.hypot(rows, columns)
    base, ring = paints.solid(rng, (0, 0.2), (0.85, 1)), paints.solid(rng)
    lo, width = rng.uniform(0.6, 0.85), rng.uniform(0.05, 0.2)
    face = np.where(((radius > lo) & (radius < lo + width))[..., None], ring, base)
    return Atlas().paint(SIDE, face).paint(B, ring if rng.random() < 0.5 else base).paint(C, base)


def _can() -> list[Mesh]:
    wall = [(2.6, 0), (3.15, 0.7), (3.2, 1.0), (3.2, 6), (3.2, 10.8), (3.1, 11.2), (2.6, 12)]
    top = [(2.6, 12), (2.55, 12.2), (2.4, 12.0), (2.35, 11.75)]
    tab = transformed(lathe([(0.0, 0), (0.9, 0), (0.9, 0.12), (0, 0.12)], B, 16), None, (0.6, 0, 11.8))
    return [lathe(wall, SIDE), lathe(top, B), disc(2.35, 11.75, B), tab, disc(2.6, 0, B, up=False)]


def _can_paint(rng: np.random.Generator) -> Atlas:
    art = label(rng, 128, 128)
    return Atlas().paint(SIDE, np.concatenate([art, art], 1)).paint(B, paints.metal(rng, B))


def _tin() -> list[Mesh]:
    wall = [(3.9, 0), (4.05, 0.15), (4.05, 0.4), (3.9, 0.6), (3.9, 5), (3.9, 9.4), (4.05, 9.6), (4.05, 9.85), (3.9, 10)]
    top = [(3.9, 10), (3.7, 9.7), (3.0, 9.75), (2.9, 9.65)]
    return [lathe(wall, SIDE), lathe(top, B), disc(2.9, 9.65, B), disc(3.9, 0, B, up=False)]


def _bottle() -> list[Mesh]:
    shoulder = arc(0, 70, 7, (0.7, 14), 2.7)
    glass = np.concatenate([[(3.1, 0), (3.4, 0.4), (3.4, 3)], [(3.4, 13)], shoulder, [(1.3, 18), (1.25, 20)]])
    cap = [(1.25, 20), (1.5, 20), (1.5, 20.1), (1.5, 21.5), (1.4, 21.7)]
    band = [(3.43, 4.5), (3.43, 8), (3.43, 11.5)]
    return [lathe(glass, A), lathe(band, SIDE), lathe(cap, B), disc(1.4, 21.7, B), disc(3.1, 0, C, up=False)]


def _bottle_paint(rng: np.random.Generator) -> Atlas:
    art, glass = label(rng, 128, 128), paints.solid(rng, (0.1, 0.8), (0.2, 0.9))
    return (
        Atlas().paint(SIDE, np.concatenate([art, art], 1)).paint(A, glass).paint(B, paints.solid(rng)).paint(C, glass)
    )


def _jar() -> list[Mesh]:
    wall = [(3.6, 0), (4.0, 0.5), (4.0, 4), (4.0, 8), (3.6, 8.8), (3.4, 9)]
    lid = [(3.7, 8.9), (3.75, 9.0), (3.75, 10.2), (3.65, 10.4)]
    band = [(4.03, 1.6), (4.03, 4.4), (4.03, 7.2)]
    return [
        lathe(wall, A),
        lathe(band, SIDE),
        lathe(lid, B),
        disc(3.65, 10.4, E),
        disc(3.6, 0, C, up=False),
        disc(3.7, 8.9, B, up=False),
    ]


def _jar_paint(rng: np.random.Generator) -> Atlas:
    art, filling, lid = (
        label(rng, 128, 128),
        hsv(rng.uniform(-0.05, 0.15), 0.8, rng.uniform(0.3, 0.8)),
        paints.solid(rng),
    )
    atlas = Atlas().paint(SIDE, np.concatenate([art, art], 1)).paint(A, paints.speckled(rng, filling, filling * 0.8))
    return atlas.paint(B, lid).paint(C, filling).paint(E, paints.square("tartan", rng) if rng.random() < 0.4 else lid)


def _plant_pot() -> list[Mesh]:
    pot = vessel([(2.9, 0), (3.9, 5.6), (3.9, 5.7), (4.3, 5.7), (4.3, 7)], [(3.8, 7), (3.7, 6.2), (0, 6.2)], SIDE, B, B)
    leaves = []
    for k in range(9):
        turn, tilt = 2.4 * k, 0.25 + 0.09 * k
        t = np.linspace(0, 1, 6)
        out = np.stack(
            [
                np.cos(turn) * t * tilt * 4.5,
                np.sin(turn) * t * tilt * 4.5,
                6 + (5.5 - 0.35 * k) * t - 1.4 * tilt * t**2,
            ],
            -1,
        )
        leaves.append(tube(out, 0.75 * np.sin(np.pi * (0.12 + 0.83 * t)), A, 6))
    return [*pot, *leaves]


def _plant_paint(rng: np.random.Generator) -> Atlas:
    pot = paints.around("painted_wall", rng) * hsv(0.04, 0.6, 0.75) if rng.random() < 0.5 else paints.glaze(rng)
    return Atlas().paint(SIDE, pot).paint(A, paints.square("foliage", rng)).paint(B, (0.25, 0.16, 0.10))


def _candle() -> list[Mesh]:
    wax = [(3.0, 0), (3.0, 4), (3.0, 7.6), (2.8, 7.9)]
    pool = [(2.8, 7.9), (2.3, 7.6), (0, 7.5)]
    wick = tube([(0, 0, 7.4), (0, 0, 8.1), (0.2, 0, 8.6)], 0.14, B, 6)
    return [lathe(wax, SIDE), lathe(pool, C), wick, disc(3.0, 0, C, up=False)]


def _candle_paint(rng: np.random.Generator) -> Atlas:
    wax = paints.solid(rng, (0.05, 0.7), (0.7, 1))
    side = paints.glaze(rng) if rng.random() < 0.3 else np.broadcast_to(wax, (64, 64, 3))
    return Atlas().paint(SIDE, side).paint(B, (0.1, 0.08, 0.07)).paint(C, wax)


distractor("mug", (0.085, 0.105), (0.25, 0.4), _mug, _mug_paint)
distractor("cup", (0.08, 0.11), (0.02, 0.25), _cup, _cup_paint)
distractor("bowl", (0.05, 0.07), (0.2, 0.4), _bowl, _bowl_paint)
distractor("plate", (0.018, 0.025), (0.25, 0.5), _plate, _plate_paint)
distractor("can", (0.11, 0.13), (0.03, 0.36), _can, _can_paint)
distractor("tin", (0.08, 0.11), (0.1, 0.45), _tin, _can_paint)
distractor("bottle", (0.18, 0.23), (0.1, 0.6), _bottle, _bottle_paint)
distractor("jar", (0.08, 0.12), (0.2, 0.5), _jar, _jar_paint)
distractor("plant_pot", (0.11, 0.15), (0.2, 0.5), _plant_pot, _plant_paint)
distractor("candle", (0.07, 0.11), (0.15, 0.35), _candle, _candle_paint)
