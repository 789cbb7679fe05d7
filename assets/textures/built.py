"""Brick, tiles, floors, metal and other made surfaces."""

import numpy as np

from assets.textures.noise import blend, cells, coordinates, hsv, noise, ramp, shade, smoothstep
from assets.textures.texture import texture


@texture("brick", 1.0)
def _brick(rng: np.random.Generator, size: int) -> np.ndarray:
    tone, edge, _ = cells(rng, size, 12, 4, 0.5)
    hue, light = rng.uniform(0.01, 0.05), rng.uniform(0.85, 1.15)
    clay = ramp(tone, hsv(hue, 0.65, 0.42 * light), hsv(hue + 0.02, 0.55, 0.62 * light), hsv(hue, 0.6, 0.5 * light))
    clay = shade(clay, 1 + 0.09 * noise(rng, size, 0.8))
    mortar = shade((0.74, 0.71, 0.66), 1 + 0.05 * noise(rng, size, 0.3))
    return blend(mortar, clay, smoothstep(0.004, 0.009, edge + 0.0012 * noise(rng, size, 1)))


@texture("brick_white", 1.0)
def _brick_white(rng: np.random.Generator, size: int) -> np.ndarray:
    tone, edge, _ = cells(rng, size, 12, 4, 0.5)
    face = shade((0.93, 0.92, 0.90), 0.94 + 0.08 * tone + 0.02 * noise(rng, size, 0.8))
    return blend((0.70, 0.69, 0.66), face, smoothstep(0.003, 0.010, edge))


def _tiles(rng: np.random.Generator, size: int, layout: tuple, spread: float, grout: tuple) -> np.ndarray:
    """Bright neutral tiles; layout is (rows, columns, offset), spread the brightness between tiles."""
    tone, edge, _ = cells(rng, size, *layout)
    glaze = shade((0.95, 0.95, 0.94), 1 - spread * tone + 0.012 * noise(rng, size, 1.6))
    glaze = shade(glaze, 0.93 + 0.07 * smoothstep(0.004, 0.02, edge))
    return blend(grout, glaze, smoothstep(0.003, 0.006, edge))


@texture("kitchen_tiles", 0.6)
def _kitchen_tiles(rng: np.random.Generator, size: int) -> np.ndarray:
    return _tiles(rng, size, (4, 4, 0), 0.07, (0.72, 0.71, 0.69))


@texture("metro_tiles", 0.6)
def _metro_tiles(rng: np.random.Generator, size: int) -> np.ndarray:
    return _tiles(rng, size, (8, 4, 0.5), 0.05, (0.66, 0.65, 0.64))


@texture("floor_tiles", 1.2)
def _floor_tiles(rng: np.random.Generator, size: int) -> np.ndarray:
    tone, edge, _ = cells(rng, size, 3, 3)
    base = hsv(rng.uniform(0.05, 0.6), rng.uniform(0.02, 0.2), rng.uniform(0.55, 0.85))
    stone = shade(base, 0.92 + 0.12 * tone + 0.04 * noise(rng, size, 1.4))
    return blend(base * 0.5, stone, smoothstep(0.002, 0.005, edge))


@texture("mosaic", 0.3)
def _mosaic(rng: np.random.Generator, size: int) -> np.ndarray:
    tone, edge, _ = cells(rng, size, 10, 10)
    hue = rng.random()
    glass = ramp(tone, hsv(hue, 0.65, 0.4), hsv(hue + 0.06, 0.4, 0.75), hsv(hue - 0.05, 0.15, 0.92))
    return blend((0.86, 0.85, 0.83), glass, smoothstep(0.004, 0.010, edge))


@texture("parquet", 0.8)
def _parquet(rng: np.random.Generator, size: int) -> np.ndarray:
    """Basket weave: blocks of four staves, alternately lying and standing."""
    x, y = coordinates(size)
    standing = (np.floor(x * 4) + np.floor(y * 4)) % 2 > 0
    across = np.where(standing, x, y)
    stave = np.floor(across * 16).astype(int) + 16 * np.floor(np.where(standing, y, x) * 4).astype(int)
    tone = rng.random(96)[stave + np.where(standing, 16, 0)]
    fx, fy, fs = (x * 4) % 1, (y * 4) % 1, (across * 16) % 1
    edge = np.minimum(np.minimum(np.minimum(fx, 1 - fx), np.minimum(fy, 1 - fy)) / 4, np.minimum(fs, 1 - fs) / 16)
    grain = np.where(standing, noise(rng, size, 0.8, (1, 14)), noise(rng, size, 0.8, (14, 1)))
    hue = rng.uniform(0.06, 0.095)
    wood = ramp(np.clip(0.35 * tone + 0.32 + 0.13 * grain, 0, 1), hsv(hue, 0.6, 0.42), hsv(hue + 0.01, 0.48, 0.82))
    return shade(wood, 0.6 + 0.4 * smoothstep(0.0, 0.004, edge))


@texture("linoleum", 1.0)
def _linoleum(rng: np.random.Generator, size: int) -> np.ndarray:
    base = hsv(rng.random(), rng.uniform(0.05, 0.3), rng.uniform(0.5, 0.8))
    fleck = 0.06 * noise(rng, size, 0.9, (1, 3)) + 0.05 * noise(rng, size, 0.3, band=(20, 128))
    return shade(base, 1 + fleck)


@texture("laminate", 0.6)
def _laminate(rng: np.random.Generator, size: int) -> np.ndarray:
    return shade((0.95, 0.95, 0.94), 1 + 0.018 * noise(rng, size, 0.3) + 0.01 * noise(rng, size, 1.8))


@texture("brushed_metal", 0.4)
def _brushed_metal(rng: np.random.Generator, size: int) -> np.ndarray:
    brush = noise(rng, size, 0.6, (60, 1))
    return shade((0.80, 0.81, 0.83), 1 + 0.04 * brush + 0.03 * noise(rng, size, 2, (6, 1)))


@texture("diamond_plate", 0.2)
def _diamond_plate(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = coordinates(size)
    cx, cy = (x * 8) % 1 - 0.5, (y * 8) % 1 - 0.5
    tilt = np.where((np.floor(x * 8) + np.floor(y * 8)) % 2 > 0, 1, -1)
    lug = np.hypot((cx + tilt * cy) / 1.0, (cx - tilt * cy) / 0.3)
    raised = 1 - smoothstep(0.45, 0.6, lug)
    return shade((0.62, 0.63, 0.66), 0.9 + 0.4 * raised - 0.3 * raised * (cy > 0) + 0.03 * noise(rng, size, 0.8))


@texture("breadboard", 0.1)
def _breadboard(rng: np.random.Generator, size: int) -> np.ndarray:
    """An optical table: threaded holes every 25 mm in anodised aluminium."""
    x, y = coordinates(size)
    distance = np.hypot((x * 4) % 1 - 0.5, (y * 4) % 1 - 0.5)
    metal = shade((0.52, 0.53, 0.56), 1 + 0.04 * noise(rng, size, 0.5, (12, 1)))
    metal = blend(metal, (0.75, 0.76, 0.78), np.exp(-(((distance - 0.16) / 0.02) ** 2)) * 0.7)
    return blend((0.05, 0.05, 0.06), metal, smoothstep(0.12, 0.15, distance))


@texture("corrugated", 0.4)
def _corrugated(rng: np.random.Generator, size: int) -> np.ndarray:
    x, _ = coordinates(size)
    return shade((0.88, 0.89, 0.90), 0.85 + 0.14 * np.sin(2 * np.pi * 8 * x) + 0.02 * noise(rng, size, 1))


@texture("pegboard", 0.2)
def _pegboard(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = coordinates(size)
    distance = np.hypot((x * 8) % 1 - 0.5, (y * 8) % 1 - 0.5)
    board = shade((0.92, 0.90, 0.86), 1 + 0.02 * noise(rng, size, 0.5))
    return blend((0.12, 0.11, 0.10), board, smoothstep(0.14, 0.19, distance))


@texture("cardboard", 0.4)
def _cardboard(rng: np.random.Generator, size: int) -> np.ndarray:
    x, _ = coordinates(size)
    flute = 0.02 * np.sin(2 * np.pi * 48 * x)
    return shade((0.74, 0.57, 0.39), 1 + flute + 0.04 * noise(rng, size, 0.6, (1, 4)) + 0.03 * noise(rng, size, 1.8))
