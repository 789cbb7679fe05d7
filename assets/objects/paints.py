"""Small texture images shared by several objects."""

import numpy as np

from assets.objects.atlas import SIZE, Atlas, Cell
from assets.textures import TEXTURES
from assets.textures.noise import any_colour, blend, hsv, noise, shade

GLAZES = ("dots", "stripes", "zigzag", "waves", "checker", "spots", "hexagons", "confetti", "tartan")
"""Textures that look right on crockery, balls and toys."""


def square(name: str, rng: np.random.Generator) -> np.ndarray:
    """One tile of a named texture (256, 256, 3) in [0, 1]."""
    return TEXTURES[name].make(rng, SIZE).astype(np.float32) / 255


def around(name: str, rng: np.random.Generator) -> np.ndarray:
    """Two tiles side by side (256, 512, 3), for a cell twice as wide as high."""
    return np.tile(square(name, rng), (1, 2, 1))


def glaze(rng: np.random.Generator) -> np.ndarray:
    """Crockery (256, 512, 3): one colour, two bands of colour, or a pattern."""
    kind = rng.integers(3)
    if kind == 2:
        return around(str(rng.choice(GLAZES)), rng)
    image = np.tile(any_colour(rng, (0.0, 0.8), (0.5, 0.98)), (256, 512, 1))
    if kind == 1:
        cut = int(rng.uniform(0.3, 0.7) * 256)
        image[:cut] = any_colour(rng, (0.1, 0.8), (0.4, 0.98))
    return image


def solid(rng: np.random.Generator, saturation: tuple = (0.3, 0.9), value: tuple = (0.3, 0.95)) -> np.ndarray:
    """One colour (3,)."""
    return any_colour(rng, saturation, value)


def metal(rng: np.random.Generator, cell: Cell) -> np.ndarray:
    """Brushed metal for a cell."""
    return square("brushed_metal", rng)[: cell.height * 32, : cell.width * 32]


def speckled(rng: np.random.Generator, colour: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A fruit skin (256, 256, 3): a blend of two colours, with small freckles."""
    mix = np.clip(0.5 + 0.45 * noise(rng, 256, 1.8, (1, 2.5)), 0, 1)
    freckle = noise(rng, 256, 0.3, band=(20, 90)) > 2.1
    return blend(shade(blend(colour, other, mix), 1 + 0.03 * noise(rng, 256, 0.6)), hsv(0.13, 0.3, 0.9), freckle * 0.5)


def finish(atlas: Atlas, rng: np.random.Generator) -> np.ndarray:
    """The atlas (256, 256, 3) uint8 with a trace of wear."""
    return atlas.image(1 + 0.015 * noise(rng, SIZE, 1.2))
