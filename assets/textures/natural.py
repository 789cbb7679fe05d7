"""Stone, wood, plaster and similar surfaces. Full colour: use with a white part."""

import numpy as np

from assets.textures.noise import blend, cells, coordinates, hsv, noise, ramp, shade, smoothstep, warped
from assets.textures.texture import texture


def _grain(rng: np.random.Generator, size: int, rings: float = 7) -> np.ndarray:
    """Wood grain along x (size, size) in [0, 1]: rings bent by slow noise, plus fine fibres."""
    _, y = coordinates(size)
    bend = noise(rng, size, 2.0, (2.6, 1))
    ring = 0.5 + 0.5 * np.sin(2 * np.pi * (np.rint(rings) * y + 0.5 * bend))
    fibre = noise(rng, size, 0.4, (40, 1))
    return np.clip(0.55 * ring + 0.25 + 0.11 * fibre, 0, 1)


def _wood(rng: np.random.Generator, size: int, dark: np.ndarray, light: np.ndarray, planks: int = 1) -> np.ndarray:
    """Planks along x between a dark and a light wood colour."""
    grain = _grain(rng, size)
    tone, edge, index = cells(rng, size, planks, 1)
    if planks > 1:
        shift = rng.random(planks)[index]
        grain = warped(grain, shift, shift * 0.37)
    image = ramp(grain, light, dark * 0.6 + light * 0.4, dark)
    image = shade(image, 0.88 + 0.2 * tone)
    return image if planks == 1 else shade(image, 0.45 + 0.55 * smoothstep(0.0, 0.006, edge))


def _species(name: str, tile_m: float, dark: tuple, light: tuple, planks: int) -> None:
    @texture(name, tile_m)
    def paint(rng: np.random.Generator, size: int) -> np.ndarray:
        tint = rng.uniform(0.94, 1.06, 3)
        return _wood(rng, size, np.array(dark) * tint, np.array(light) * tint, planks)


_species("wood_oak", 0.6, (0.60, 0.42, 0.24), (0.83, 0.67, 0.46), 1)
_species("wood_oak_planks", 0.8, (0.58, 0.41, 0.24), (0.80, 0.63, 0.43), 6)
_species("wood_walnut", 0.6, (0.25, 0.15, 0.09), (0.47, 0.31, 0.20), 1)
_species("wood_walnut_planks", 0.9, (0.24, 0.14, 0.09), (0.44, 0.29, 0.19), 5)
_species("wood_pine", 0.7, (0.79, 0.57, 0.32), (0.95, 0.82, 0.59), 4)
_species("wood_birch", 0.7, (0.82, 0.70, 0.53), (0.94, 0.87, 0.74), 1)
_species("wood_cherry", 0.6, (0.45, 0.20, 0.11), (0.68, 0.38, 0.23), 2)


@texture("marble", 1.2)
def _marble(rng: np.random.Generator, size: int) -> np.ndarray:
    field = noise(rng, size, 1.7)
    veins = np.exp(-np.abs(field) * 9) + 0.5 * np.exp(-np.abs(noise(rng, size, 1.5)) * 14)
    stone = blend(hsv(rng.random(), 0.03, 0.95), hsv(rng.uniform(0.05, 0.65), 0.12, 0.45), np.clip(veins, 0, 1) * 0.75)
    return shade(stone, 1 + 0.025 * noise(rng, size, 2))


@texture("marble_dark", 1.2)
def _marble_dark(rng: np.random.Generator, size: int) -> np.ndarray:
    veins = np.exp(-np.abs(noise(rng, size, 1.7)) * 12)
    base = hsv(rng.uniform(0.3, 0.7), 0.25, 0.17)
    return shade(blend(base, (0.85, 0.83, 0.78), veins * 0.7), 1 + 0.1 * noise(rng, size, 1.6))


@texture("granite", 0.5)
def _granite(rng: np.random.Generator, size: int) -> np.ndarray:
    base = hsv(rng.uniform(0, 0.12), rng.uniform(0.05, 0.3), rng.uniform(0.4, 0.7))
    grey = shade(base, 1 + 0.16 * noise(rng, size, 0.7, band=(6, 120)))
    black = smoothstep(1.1, 1.6, noise(rng, size, 0.5, band=(8, 60)))
    white = smoothstep(1.3, 1.8, noise(rng, size, 0.5, band=(10, 70)))
    return blend(blend(grey, (0.12, 0.11, 0.12), black), (0.93, 0.91, 0.88), white * 0.8)


@texture("terrazzo", 0.5)
def _terrazzo(rng: np.random.Generator, size: int) -> np.ndarray:
    image = shade((0.88, 0.86, 0.82), 1 + 0.02 * noise(rng, size, 0.5))
    for hue in rng.random(4):
        chips = smoothstep(1.35, 1.5, noise(rng, size, 0.7, band=(8, 26)))
        image = blend(image, hsv(hue, rng.uniform(0.1, 0.45), rng.uniform(0.35, 0.8)), chips)
    return image


@texture("concrete", 1.5)
def _concrete(rng: np.random.Generator, size: int) -> np.ndarray:
    base = hsv(rng.uniform(0.08, 0.6), 0.03, rng.uniform(0.52, 0.72))
    stain = 0.07 * noise(rng, size, 1.7) + 0.03 * noise(rng, size, 0.3)
    pores = smoothstep(2.1, 2.6, noise(rng, size, 0.4, band=(20, 110)))
    return shade(base, 1 + stain - 0.35 * pores)


@texture("plaster", 1.0)
def _plaster(rng: np.random.Generator, size: int) -> np.ndarray:
    relief = noise(rng, size, 0.9, band=(6, 100))
    light = np.roll(relief, 1, 0) - relief
    return shade((0.93, 0.92, 0.90), 1 + 0.05 * light / light.std() * 0.6 + 0.02 * noise(rng, size, 2))


@texture("painted_wall", 1.5)
def _painted_wall(rng: np.random.Generator, size: int) -> np.ndarray:
    return shade((0.95, 0.95, 0.94), 1 + 0.014 * noise(rng, size, 0.2) + 0.016 * noise(rng, size, 2))


@texture("cork", 0.4)
def _cork(rng: np.random.Generator, size: int) -> np.ndarray:
    grain = np.clip(0.5 + 0.2 * noise(rng, size, 0.6, band=(8, 90)), 0, 1)
    dark = smoothstep(1.4, 1.9, noise(rng, size, 0.6, band=(10, 60)))
    return blend(ramp(grain, (0.55, 0.36, 0.20), (0.75, 0.54, 0.34), (0.87, 0.70, 0.49)), (0.3, 0.18, 0.1), dark * 0.8)


@texture("leather", 0.3)
def _leather(rng: np.random.Generator, size: int) -> np.ndarray:
    crease = np.exp(-np.abs(noise(rng, size, 0.8, band=(10, 50))) * 5)
    return shade((0.93, 0.91, 0.89), 1 - 0.28 * crease + 0.04 * noise(rng, size, 1.8))


@texture("foliage", 0.4)
def _foliage(rng: np.random.Generator, size: int) -> np.ndarray:
    leaf = np.clip(0.5 + 0.3 * noise(rng, size, 0.9, band=(7, 40)), 0, 1)
    hue = rng.uniform(0.24, 0.36)
    return ramp(leaf, hsv(hue + 0.05, 0.8, 0.14), hsv(hue, 0.7, 0.42), hsv(hue - 0.06, 0.6, 0.72))


@texture("sky", 3.0)
def _sky(rng: np.random.Generator, size: int) -> np.ndarray:
    cloud = smoothstep(-0.2, 1.4, noise(rng, size, 1.9, (1.6, 1)))
    return blend(hsv(rng.uniform(0.54, 0.6), rng.uniform(0.25, 0.5), 0.97), (0.99, 0.99, 1.0), cloud)
