"""Fruit, toys and balls. Lengths in centimetres until `upright`."""

import numpy as np

from assets.objects import paints
from assets.objects.atlas import SIDE, A, Atlas, B, C, Cell, D, E
from assets.objects.mesh import ellipsoid, extrude, lathe, make, merge, soft_box, transformed, tube
from assets.objects.surface import ellipsoid_distance, limb_distance, mesh_surface, smooth_union
from assets.objects.tableware import arc, disc, distractor
from assets.shapes import Mesh
from assets.textures.noise import hsv, shade, smoothstep
from lace.core.geometry import axis_angle

BRIGHT = ((0.0, 0.85, 0.85), (0.08, 0.9, 0.95), (0.15, 0.85, 0.95), (0.36, 0.8, 0.6), (0.6, 0.8, 0.8), (0.0, 0.0, 0.95))
"""Toy colours (hue in turns, saturation, value)."""


def _apple() -> list[Mesh]:
    t = np.radians(np.linspace(-90, 90, 17))
    dent = 1 - 0.24 * np.exp(-(((np.pi / 2 - t) / 0.42) ** 2)) - 0.10 * np.exp(-(((np.pi / 2 + t) / 0.3) ** 2))
    radius = 3.8 * np.cos(t) * (1 + 0.07 * np.sin(t)) + 1e-4
    skin = lathe(np.stack([radius, 3.5 * np.sin(t) * dent], -1), SIDE, 32)
    return [skin, tube([(0, 0, 2.2), (0.1, 0, 3.2), (0.45, 0.1, 4.0)], 0.16, B, 6)]


def _apple_paint(rng: np.random.Generator) -> Atlas:
    ripe, raw = hsv(rng.uniform(-0.04, 0.03), 0.85, rng.uniform(0.6, 0.85)), hsv(rng.uniform(0.13, 0.27), 0.7, 0.8)
    colours = (ripe, raw) if rng.random() < 0.7 else (raw, raw * 0.9)
    return Atlas().paint(SIDE, paints.speckled(rng, *colours)).paint(B, (0.3, 0.2, 0.1))


def _pear() -> list[Mesh]:
    t = np.radians(np.linspace(-90, 90, 19))
    radius = (3.2 - 1.35 * smoothstep(-0.3, 1.2, np.sin(t) * 1.1)) * np.cos(t) ** 0.9 + 1e-4
    skin = lathe(np.stack([radius, 4.6 * np.sin(t)], -1), SIDE, 30)
    return [skin, tube([(0, 0, 4.3), (0.1, 0, 5.2), (0.5, 0, 5.9)], 0.15, B, 6)]


def _pear_paint(rng: np.random.Generator) -> Atlas:
    a, b = hsv(rng.uniform(0.14, 0.24), 0.65, 0.8), hsv(rng.uniform(0.05, 0.2), 0.6, 0.7)
    return Atlas().paint(SIDE, paints.speckled(rng, a, b)).paint(B, (0.3, 0.2, 0.1))


def _orange() -> list[Mesh]:
    return [
        ellipsoid((3.7, 3.7, 3.5), SIDE, 32, 18),
        transformed(ellipsoid((0.4, 0.4, 0.12), B, 8, 4), None, (0, 0, 3.5)),
    ]


def _orange_paint(rng: np.random.Generator) -> Atlas:
    skin = shade(hsv(rng.uniform(0.05, 0.16), 0.9, 0.95), 1 + 0.10 * (paints.square("plaster", rng)[..., 0] - 0.93) * 5)
    return Atlas().paint(SIDE, skin).paint(B, (0.3, 0.4, 0.15))


def _banana() -> list[Mesh]:
    t = np.linspace(0, 1, 18)
    bow = arc(215, 325, 18, (0, 0), 9.5)
    path = np.stack([bow[:, 0], bow[:, 1], 0.3 * np.sin(np.pi * t)], -1)
    radius = 1.75 * np.clip(np.sin(np.pi * np.clip(t * 0.96 + 0.02, 0, 1)), 0, 1) ** 0.55
    radius = np.where(t < 0.1, np.maximum(radius * 0.7, 0.38), np.maximum(radius, 0.35))
    return [tube(path, radius, SIDE, 10)]


def _banana_paint(rng: np.random.Generator) -> Atlas:
    s, _ = SIDE.grid()
    skin = paints.speckled(rng, hsv(0.145, 0.8, 0.95), hsv(rng.uniform(0.12, 0.2), 0.75, 0.88))[::2]
    ends = smoothstep(0.0, 0.07, s) * (1 - smoothstep(0.94, 1.0, s))
    brown = np.array((0.25, 0.18, 0.08))
    return Atlas().paint(SIDE, np.asarray(skin) * ends[:, :, None] + brown * (1 - ends[:, :, None]))


def _ball() -> list[Mesh]:
    return [ellipsoid((3.5, 3.5, 3.5), SIDE, 32, 18)]


def _ball_paint(rng: np.random.Generator) -> Atlas:
    return Atlas().paint(SIDE, paints.glaze(rng))


def _toy_block() -> list[Mesh]:
    studs = [
        transformed(merge(lathe([(0.9, 0), (0.9, 0.5)], E, 16), disc(0.9, 0.5, E)), None, (x, y, 1.9))
        for x in (-2.9, -0.97, 0.97, 2.9)
        for y in (-0.97, 0.97)
    ]
    return [soft_box((3.9, 1.95, 1.9), 0.12, {"": A}), *studs]


def _toy_block_paint(rng: np.random.Generator) -> Atlas:
    colour = hsv(*BRIGHT[rng.integers(len(BRIGHT))])
    return Atlas().paint(A, colour).paint(E, colour * 0.97)


_SIX = {
    "+x": A,
    "-x": Cell(0, 0, 4, 4),
    "+y": Cell(4, 0, 4, 4),
    "-y": A,
    "+z": Cell(4, 4, 4, 4),
    "-z": Cell(4, 0, 4, 4),
}


def _puzzle_cube() -> list[Mesh]:
    return [soft_box((2.85, 2.85, 2.85), 0.3, _SIX)]


def _puzzle_cube_paint(rng: np.random.Generator) -> Atlas:
    atlas = Atlas()
    body = (0.06, 0.06, 0.07) if rng.random() < 0.7 else (0.93, 0.93, 0.93)
    for cell in set(_SIX.values()):
        s, t = cell.grid()
        sticker = rng.integers(0, 6, (3, 3))[np.clip((s * 3).astype(int), 0, 2), np.clip((t * 3).astype(int), 0, 2)]
        colours = np.array([hsv(*c) for c in BRIGHT])[sticker]
        gap = np.maximum(np.abs((s * 3) % 1 - 0.5), np.abs((t * 3) % 1 - 0.5)) > 0.43
        atlas.paint(cell, np.where(gap[..., None], body, colours))
    return atlas


def _dice() -> list[Mesh]:
    return [soft_box((2, 2, 2), 0.45, _SIX)]


def _dice_paint(rng: np.random.Generator) -> Atlas:
    atlas, body, pip = Atlas(), paints.solid(rng, (0, 0.9), (0.5, 1)), paints.solid(rng, (0, 0.1), (0, 0.15))
    spots = ((0, 0),), ((-1, -1), (1, 1)), ((-1, -1), (1, 1), (-1, 1), (1, -1)), ((-1, -1), (0, 0), (1, 1))
    for cell, places in zip(dict.fromkeys(_SIX.values()), spots, strict=True):
        s, t = cell.grid()
        near = np.min([np.hypot(s - 0.5 - 0.24 * x, t - 0.5 - 0.24 * y) for x, y in places], 0)
        atlas.paint(cell, np.where((near < 0.09)[..., None], pip, body))
    return atlas


def _duck_distance(p: np.ndarray) -> np.ndarray:
    body = ellipsoid_distance(p - (0, 0, 2.2), np.array([3.4, 2.5, 2.2]))
    tail = limb_distance(p, np.array([-2.2, 0, 3.0]), np.array([-3.7, 0, 4.2]), (1.2, 0.35))
    head = np.linalg.norm(p - (1.6, 0, 5.5), axis=-1) - 1.95
    wing = ellipsoid_distance(np.abs(p) * (0, 1, 0) + p * (1, 0, 1) - (-0.4, 2.2, 2.6), np.array([1.8, 0.6, 1.1]))
    return smooth_union(smooth_union(smooth_union(body, tail, 1.2), head, 0.9), wing, 0.4)


def _rubber_duck() -> list[Mesh]:
    vertices, faces, normals = mesh_surface(
        _duck_distance, np.array([-4.3, -3.2, -0.3]), np.array([4.2, 3.2, 7.8]), 0.33, 1200
    )
    low, high = vertices.min(0), vertices.max(0)
    uv = SIDE.uv((vertices[:, 0] - low[0]) / (high[0] - low[0]), (vertices[:, 2] - low[2]) / (high[2] - low[2]))
    beak = transformed(ellipsoid((1.0, 0.95, 0.35), B, 14, 8), axis_angle((0, 1, 0), -0.15), (3.6, 0, 5.25))
    eyes = [
        transformed(ellipsoid((0.32, 0.2, 0.36), C, 10, 6), axis_angle((0, 0, 1), -0.6 * y), (2.95, 1.25 * y, 6.05))
        for y in (-1, 1)
    ]
    return [make(vertices, faces, normals, uv), beak, *eyes]


def _rubber_duck_paint(rng: np.random.Generator) -> Atlas:
    coat = hsv(0.145, 0.85, 0.98) if rng.random() < 0.5 else paints.solid(rng, (0.4, 0.8), (0.6, 1))
    return Atlas().paint(SIDE, coat).paint(B, hsv(0.06, 0.9, 0.95)).paint(C, (0.04, 0.04, 0.05))


def _star() -> list[Mesh]:
    angle = np.radians(90 + 36 * np.arange(10))
    radius = np.where(np.arange(10) % 2, 1.9, 4.2)
    flat = extrude(np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1), 2.0, D, A)
    knob = transformed(
        merge(lathe([(0.5, 0), (0.5, 1.2), (0.9, 1.6), (0.9, 2.1), (0.5, 2.5), (0, 2.6)], E, 24)), None, (0, 0, 1.9)
    )
    return [flat, knob, transformed(ellipsoid((1.2, 1.2, 0.35), E, 24, 10), None, (0, 0, 2.0))]


def _star_paint(rng: np.random.Generator) -> Atlas:
    colour = paints.solid(rng)
    face = paints.square(str(rng.choice(paints.GLAZES)), rng) if rng.random() < 0.5 else colour
    return Atlas().paint(A, face).paint(D, colour * 0.9).paint(E, paints.solid(rng))


distractor("apple", (0.065, 0.085), (0.1, 0.25), _apple, _apple_paint)
distractor("pear", (0.08, 0.11), (0.12, 0.25), _pear, _pear_paint)
distractor("orange", (0.06, 0.085), (0.12, 0.25), _orange, _orange_paint)
distractor("banana", (0.032, 0.04), (0.1, 0.2), _banana, _banana_paint)
distractor("ball", (0.05, 0.09), (0.03, 0.2), _ball, _ball_paint)
distractor("toy_block", (0.035, 0.055), (0.02, 0.08), _toy_block, _toy_block_paint)
distractor("puzzle_cube", (0.05, 0.06), (0.06, 0.12), _puzzle_cube, _puzzle_cube_paint)
distractor("dice", (0.03, 0.05), (0.03, 0.1), _dice, _dice_paint)
distractor("rubber_duck", (0.06, 0.09), (0.03, 0.08), _rubber_duck, _rubber_duck_paint)
distractor("toy_star", (0.04, 0.06), (0.03, 0.1), _star, _star_paint)
