"""Boxes, books and tools. Lengths in centimetres until `upright`."""

import numpy as np

from assets.objects import paints
from assets.objects.atlas import SIDE, A, Atlas, B, C, Cell, D, E
from assets.objects.mesh import lathe, merge, soft_box, transformed, tube
from assets.objects.tableware import arc, disc, distractor
from assets.shapes import Mesh
from assets.textures.noise import hsv
from assets.textures.printed import cover, label
from lace.core.geometry import axis_angle

FRONT, BACK, EDGE, TOP = Cell(0, 0, 4, 4), Cell(4, 0, 4, 4), Cell(0, 4, 4, 4), Cell(4, 4, 4, 4)
_LYING = axis_angle((0, 1, 0), np.pi / 2)
"""Takes +z to +x."""


def _carton(half: tuple, bevel: float) -> list[Mesh]:
    return [soft_box(half, bevel, {"+y": BACK, "-y": FRONT, "+z": TOP, "-z": TOP, "": EDGE}, steps=4)]


def _carton_paint(rng: np.random.Generator) -> Atlas:
    front = label(rng, 128, 128) if rng.random() < 0.5 else cover(rng, 128, 128)
    return Atlas().paint(FRONT, front).paint(BACK, front).paint(EDGE, label(rng, 128, 128)).paint(TOP, front[2, 2])


def _parcel_paint(rng: np.random.Generator) -> Atlas:
    atlas = Atlas()
    for cell in (FRONT, BACK, EDGE, TOP):
        board = paints.square("cardboard", rng)
        board[118:138] = board[118:138] * 0.4 + np.array((0.72, 0.60, 0.42)) * 0.6
        atlas.paint(cell, board)
    return atlas


def _book() -> list[Mesh]:
    boards = [
        transformed(soft_box((7, 10, 0.14), 0.1, {"+z": FRONT, "-z": BACK, "": EDGE}), None, (0, 0, z))
        for z in (0.14, 2.66)
    ]
    spine = transformed(soft_box((0.14, 10, 1.4), 0.1, {"": EDGE}), None, (-6.9, 0, 1.4))
    pages = transformed(soft_box((6.65, 9.7, 1.2), 0.05, {"": TOP}, steps=2), None, (0, 0, 1.4))
    return [*boards, spine, pages]


def _book_paint(rng: np.random.Generator) -> Atlas:
    front = cover(rng, 128, 128)
    rows = 0.86 + 0.08 * rng.random((128, 1, 1)) * np.ones((1, 128, 3)) * (1.0, 0.98, 0.92)
    return Atlas().paint(FRONT, front).paint(BACK, front[2, 2]).paint(EDGE, front[2, 2] * 0.95).paint(TOP, rows)


def _notebook_paint(rng: np.random.Generator) -> Atlas:
    front = paints.square(str(rng.choice(paints.GLAZES)), rng)
    return Atlas().paint(FRONT, front).paint(BACK, front).paint(EDGE, paints.solid(rng)).paint(TOP, (0.94, 0.93, 0.90))


def _notebook() -> list[Mesh]:
    block = soft_box((6, 8.5, 0.6), 0.1, {"+z": FRONT, "-z": BACK, "": TOP}, steps=4)
    turn = np.linspace(0, 2 * np.pi, 11)
    loop = np.stack([0.55 * np.cos(turn) - 6, 0 * turn, 0.75 * np.sin(turn)], -1)
    return [block, *(tube(loop + (0, y, 0), 0.09, EDGE, 5) for y in np.linspace(-7.5, 7.5, 12))]


def _screwdriver() -> list[Mesh]:
    grip = [(0.0, 0), (1.0, 0.1), (1.35, 0.8), (1.4, 3), (1.15, 4.2), (1.3, 6.5), (1.3, 8.2), (0.9, 9.2), (0.5, 9.4)]
    shaft = [(0.36, 9.3), (0.36, 14), (0.36, 18.2), (0.1, 19.2), (0.0, 19.3)]
    ribs = [
        transformed(lathe([(0, 0), (0.26, 0), (0.26, 6.4), (0, 6.5)], B, 6), None, (1.2 * c, 1.2 * s, 1.4))
        for c, s in arc(0, 300, 6)
    ]
    return [transformed(merge(lathe(grip, SIDE, 24), lathe(shaft, C, 14), *ribs), _LYING)]


def _screwdriver_paint(rng: np.random.Generator) -> Atlas:
    grip = paints.solid(rng, (0.6, 0.95), (0.5, 0.95))
    return (
        Atlas()
        .paint(SIDE, grip)
        .paint(B, grip * 0.35 if rng.random() < 0.6 else paints.solid(rng))
        .paint(C, paints.metal(rng, C))
    )


def _marker() -> list[Mesh]:
    body = [(0.0, 0), (0.85, 0), (0.9, 0.2), (0.9, 5), (0.9, 8.6)]
    cap = [(0.9, 8.6), (1.0, 8.6), (1.0, 11), (0.95, 12.7), (0.7, 13), (0, 13)]
    clip = transformed(soft_box((0.12, 0.25, 1.7), 0.1, {"": B}), None, (1.1, 0, 11))
    return [transformed(merge(lathe(body, SIDE, 28), lathe(cap, B, 28), clip), _LYING)]


def _marker_paint(rng: np.random.Generator) -> Atlas:
    ink = paints.solid(rng, (0.6, 1), (0.2, 0.9))
    body = label(rng, 128, 256) if rng.random() < 0.4 else (0.94, 0.94, 0.93)
    return Atlas().paint(SIDE, body).paint(B, ink)


def _tape_roll() -> list[Mesh]:
    outer, inner = [(4.6, 0), (4.6, 1.2), (4.6, 2.4)], [(3.3, 2.4), (3.3, 1.2), (3.3, 0)]
    top, foot = [(4.6, 2.4), (4, 2.4), (3.3, 2.4)], [(3.3, 0), (4, 0), (4.6, 0)]
    return [lathe(outer, SIDE, 48), lathe(inner, B, 48), lathe(top, A, 48, flat=True), lathe(foot, A, 48, flat=True)]


def _tape_paint(rng: np.random.Generator) -> Atlas:
    kind = rng.integers(3)
    tape = (hsv(0.1, 0.5, 0.75), paints.solid(rng), None)[kind]
    side = paints.around("stripes_diagonal", rng) if tape is None else tape
    face = paints.solid(rng, (0.1, 0.5), (0.5, 0.9)) if tape is None else np.asarray(tape) * 0.9
    return Atlas().paint(SIDE, side).paint(A, face).paint(B, paints.square("cardboard", rng))


def _stapler() -> list[Mesh]:
    base = transformed(soft_box((7, 1.7, 0.45), 0.3, {"": B}), None, (0, 0, 0.45))
    rail = transformed(soft_box((6.2, 0.9, 0.5), 0.1, {"": C}), axis_angle((0, 1, 0), -0.08), (0.2, 0, 2.0))
    arm = transformed(soft_box((6.9, 1.6, 1.05), 0.7, {"": A}, steps=4), axis_angle((0, 1, 0), -0.12), (0.1, 0, 3.4))
    hinge = transformed(
        lathe([(0, -1.9), (1.4, -1.9), (1.4, 1.9), (0, 1.9)], B, 20), axis_angle((1, 0, 0), np.pi / 2), (-5.8, 0, 1.8)
    )
    return [base, rail, arm, hinge]


def _stapler_paint(rng: np.random.Generator) -> Atlas:
    return Atlas().paint(A, paints.solid(rng)).paint(B, (0.12, 0.12, 0.13)).paint(C, paints.metal(rng, C))


def _scissors() -> list[Mesh]:
    parts = []
    for side in (-1, 1):
        ring = np.linspace(0, 2 * np.pi, 17)
        loop = np.stack([-6.3 + 2.3 * np.cos(ring), side * 2.0 + 1.6 * np.sin(ring), 0 * ring], -1)
        blade = transformed(
            soft_box((4.8, 0.55, 0.14), 0.1, {"": C}),
            axis_angle((0, 0, 1), -side * 0.16),
            (4.2, -side * 0.6, side * 0.15),
        )
        neck = tube([(-4.2, side * 1.3, 0), (-2, side * 0.7, 0), (0.4, 0, side * 0.12)], (0.5, 0.5, 0.4), SIDE, 8)
        parts += [tube(loop, 0.48, SIDE, 8), blade, neck]
    screw = merge(lathe([(0.5, -0.42), (0.5, 0.42)], D, 14), disc(0.5, 0.42, D), disc(0.5, -0.42, D, up=False))
    return [*parts, screw]


def _scissors_paint(rng: np.random.Generator) -> Atlas:
    return Atlas().paint(SIDE, paints.solid(rng)).paint(C, paints.metal(rng, C)).paint(D, (0.6, 0.6, 0.62))


def _flashlight() -> list[Mesh]:
    body = [(1.2, 0), (1.3, 0.3), (1.3, 5), (1.3, 8.5), (1.5, 9), (2.1, 10.4), (2.1, 12)]
    lens = [(2.1, 12), (1.9, 12), (1.85, 11.7), (0, 11.6)]
    button = transformed(soft_box((0.35, 0.35, 0.6), 0.25, {"": B}), None, (1.3, 0, 7))
    return [lathe(body, SIDE, 30), lathe(lens, E, 30), button, disc(1.2, 0, B, up=False)]


def _flashlight_paint(rng: np.random.Generator) -> Atlas:
    body = paints.around("diamond_plate", rng) if rng.random() < 0.3 else paints.solid(rng, (0.0, 0.8), (0.1, 0.8))
    return Atlas().paint(SIDE, body).paint(B, paints.solid(rng)).paint(E, (0.95, 0.95, 0.85))


distractor("cereal_box", (0.18, 0.26), (0.2, 0.5), lambda: _carton((5.6, 2.4, 8.5), 0.12), _carton_paint)
distractor("tea_box", (0.06, 0.09), (0.05, 0.15), lambda: _carton((5.2, 3.4, 3.2), 0.12), _carton_paint)
distractor("parcel", (0.07, 0.12), (0.1, 0.4), lambda: _carton((6.5, 5, 4), 0.15), _parcel_paint)
distractor("book", (0.02, 0.035), (0.2, 0.6), _book, _book_paint)
distractor("notebook", (0.012, 0.018), (0.1, 0.3), _notebook, _notebook_paint)
distractor("screwdriver", (0.025, 0.035), (0.06, 0.15), _screwdriver, _screwdriver_paint)
distractor("marker", (0.02, 0.028), (0.015, 0.03), _marker, _marker_paint)
distractor("tape_roll", (0.02, 0.05), (0.05, 0.2), _tape_roll, _tape_paint)
distractor("stapler", (0.045, 0.06), (0.15, 0.3), _stapler, _stapler_paint)
distractor("scissors", (0.009, 0.013), (0.05, 0.12), _scissors, _scissors_paint)
distractor("flashlight", (0.11, 0.15), (0.1, 0.25), _flashlight, _flashlight_paint)
