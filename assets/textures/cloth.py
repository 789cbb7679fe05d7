"""Carpets and fabrics. Neutral ones take the colour of their part."""

import numpy as np

from assets.textures.noise import any_colour, blend, coordinates, hsv, noise, shade, smoothstep
from assets.textures.texture import texture


@texture("carpet", 0.6)
def _carpet(rng: np.random.Generator, size: int) -> np.ndarray:
    base = hsv(rng.random(), rng.uniform(0.05, 0.45), rng.uniform(0.35, 0.7))
    return shade(base, 1 + 0.16 * noise(rng, size, 0.2, band=(20, 128)) + 0.05 * noise(rng, size, 1.6))


@texture("carpet_tiles", 1.0)
def _carpet_tiles(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = coordinates(size)
    turned = (np.floor(x * 2) + np.floor(y * 2)) % 2 > 0
    pile = np.where(turned, noise(rng, size, 0.4, (6, 1)), noise(rng, size, 0.4, (1, 6)))
    base = hsv(rng.uniform(0.5, 0.7), rng.uniform(0.05, 0.4), rng.uniform(0.3, 0.55))
    return shade(base, np.where(turned, 0.94, 1.04) + 0.12 * pile)


@texture("fabric_weave", 0.12)
def _fabric_weave(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = coordinates(size)
    warp, weft = np.sin(2 * np.pi * 24 * x), np.sin(2 * np.pi * 24 * y)
    thread = np.where((np.floor(x * 24) + np.floor(y * 24)) % 2 > 0, np.abs(warp), np.abs(weft))
    return shade((0.93, 0.92, 0.90), 0.72 + 0.28 * thread + 0.04 * noise(rng, size, 0.5))


@texture("denim", 0.12)
def _denim(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = coordinates(size)
    twill = 0.5 + 0.5 * np.sin(2 * np.pi * (32 * x + 32 * y))
    image = blend(hsv(0.61, 0.6, 0.36), hsv(0.59, 0.25, 0.72), twill * 0.5)
    return shade(image, 1 + 0.1 * noise(rng, size, 0.5, (1, 4)))


@texture("plush", 0.1)
def _plush(rng: np.random.Generator, size: int) -> np.ndarray:
    fur = noise(rng, size, 0.7, (1, 2.2), band=(12, 200))
    return shade((0.94, 0.94, 0.93), 1 + 0.07 * fur + 0.02 * noise(rng, size, 1.8))


@texture("tartan", 0.3)
def _tartan(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = coordinates(size)
    ground, band, line = any_colour(rng), any_colour(rng, value=(0.2, 0.5)), any_colour(rng, (0, 0.5), (0.8, 1))
    image = blend(ground, band, 0.5 * (np.abs((x * 2) % 1 - 0.5) < 0.18) + 0.5 * (np.abs((y * 2) % 1 - 0.5) < 0.18))
    thin = 0.6 * (np.abs((x * 2) % 1 - 0.05) < 0.025) + 0.4 * (np.abs((y * 2) % 1 - 0.05) < 0.025)
    return shade(blend(image, line, thin), 1 + 0.05 * noise(rng, size, 0.3))


@texture("knit", 0.08)
def _knit(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = coordinates(size)
    slant = np.abs((x * 10) % 1 - 0.5) * 1.2
    stitch = smoothstep(0.0, 0.5, np.abs(((y * 12 + slant) % 1) - 0.5))
    return shade((0.94, 0.93, 0.91), 0.72 + 0.28 * (1 - stitch) + 0.03 * noise(rng, size, 0.5))
