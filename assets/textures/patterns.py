"""Wallpapers and repeated figures."""

import numpy as np

from assets.textures.noise import any_colour, blend, coordinates, hsv, noise, shade, smoothstep
from assets.textures.texture import texture


def _two(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A ground and a figure colour that differ clearly."""
    hue = rng.random()
    ground = hsv(hue, rng.uniform(0.05, 0.45), rng.uniform(0.75, 0.97))
    return ground, hsv(hue + rng.uniform(0.2, 0.8), rng.uniform(0.4, 0.85), rng.uniform(0.3, 0.75))


@texture("wallpaper_stripes", 0.6)
def _wallpaper_stripes(rng: np.random.Generator, size: int) -> np.ndarray:
    x, _ = coordinates(size)
    hue, strength = rng.random(), rng.uniform(0.08, 0.4)
    wave = np.abs((x * 6) % 1 - 0.5)
    image = blend(hsv(hue, strength * 0.4, 0.95), hsv(hue, strength, 0.80), smoothstep(0.23, 0.26, wave))
    return shade(image, 1 + 0.015 * noise(rng, size, 0.5))


@texture("wallpaper_damask", 0.5)
def _wallpaper_damask(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = coordinates(size)
    a = np.cos(2 * np.pi * 2 * x) + np.cos(2 * np.pi * 2 * y)
    b = np.cos(2 * np.pi * 6 * x) * np.cos(2 * np.pi * 6 * y) + 0.5 * np.cos(2 * np.pi * 4 * (x + y))
    hue = rng.random()
    figure = smoothstep(-0.1, 0.1, a + 0.9 * b - 0.3)
    image = blend(hsv(hue, 0.18, 0.92), hsv(hue + 0.03, 0.32, 0.78), figure)
    return shade(image, 1 + 0.015 * noise(rng, size, 0.5))


@texture("checker", 0.2)
def _checker(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = coordinates(size)
    return blend(*_two(rng), ((np.floor(x * 4) + np.floor(y * 4)) % 2))


@texture("dots", 0.2)
def _dots(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = coordinates(size)
    near = [np.hypot((x * 4 + s) % 1 - 0.5, (y * 4 + s) % 1 - 0.5) for s in (0, 0.5)]
    return blend(*_two(rng), 1 - smoothstep(0.16, 0.19, np.minimum(*near)))


@texture("zigzag", 0.2)
def _zigzag(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = coordinates(size)
    wave = (y * 5 + 1.2 * np.abs((x * 4) % 1 - 0.5)) % 1
    return blend(*_two(rng), smoothstep(0.46, 0.5, wave) - smoothstep(0.96, 1.0, wave))


@texture("stripes", 0.2)
def _stripes(rng: np.random.Generator, size: int) -> np.ndarray:
    x, _ = coordinates(size)
    wave = np.abs((x * rng.integers(3, 7)) % 1 - 0.5)
    return blend(*_two(rng), smoothstep(0.22, 0.25, wave))


@texture("stripes_diagonal", 0.2)
def _stripes_diagonal(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = coordinates(size)
    wave = np.abs(((x + y) * rng.integers(3, 6)) % 1 - 0.5)
    return blend(*_two(rng), smoothstep(0.22, 0.25, wave))


@texture("spots", 0.2)
def _spots(rng: np.random.Generator, size: int) -> np.ndarray:
    """Uneven spots, such as an animal's."""
    field = noise(rng, size, 0.6, band=(3, 8))
    return blend(*_two(rng), smoothstep(0.7, 0.85, field))


@texture("waves", 0.3)
def _waves(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = coordinates(size)
    wave = np.sin(2 * np.pi * (5 * y + 0.22 * np.sin(2 * np.pi * 3 * x)))
    return blend(*_two(rng), smoothstep(-0.1, 0.1, wave))


@texture("hexagons", 0.3)
def _hexagons(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = coordinates(size)
    px, py = x * 6, y * 6
    distance = []
    for s in (0.0, 0.5):
        qx, qy = (px + s) % 1 - 0.5, ((py + s) % 1 - 0.5) * 1.0
        distance.append(np.maximum(np.abs(qx) * 1.15, np.abs(qx) * 0.5 + np.abs(qy) * 1.0))
    return blend(*_two(rng), 1 - smoothstep(0.30, 0.34, np.minimum(*distance)))


@texture("scales", 0.1)
def _scales(rng: np.random.Generator, size: int) -> np.ndarray:
    """Overlapping round scales, bright and neutral, for surfaces with their own colour."""
    x, y = coordinates(size)
    rows = 10
    shadow = np.ones_like(x)
    for row in range(-1, rows + 1):
        cx = (x * rows + 0.5 * (row % 2)) % 1 - 0.5
        d = np.hypot(cx, y * rows - row)
        inside = (d < 0.72) & (y * rows >= row)
        shadow = np.where(inside, 1 - 0.35 * smoothstep(0.3, 0.72, d), shadow)
    return shade((0.95, 0.95, 0.94), shadow * (1 + 0.03 * noise(rng, size, 0.7)))


@texture("confetti", 0.3)
def _confetti(rng: np.random.Generator, size: int) -> np.ndarray:
    image = np.ones((size, size, 3)) * any_colour(rng, (0, 0.2), (0.85, 1))
    for _ in range(4):
        image = blend(image, any_colour(rng), smoothstep(1.7, 1.8, noise(rng, size, 0.6, band=(8, 24))))
    return image
