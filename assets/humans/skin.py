"""Skin texture of the human hand, in any tone."""

import numpy as np

from assets.humans.skin_maps import SkinMaps
from assets.textures.noise import blend, noise, shade

TONES: dict[str, tuple[float, float, float]] = {
    "porcelain": (0.93, 0.78, 0.70),
    "fair": (0.87, 0.70, 0.60),
    "olive": (0.79, 0.60, 0.48),
    "tan": (0.66, 0.46, 0.35),
    "brown": (0.52, 0.36, 0.27),
    "deep": (0.40, 0.27, 0.215),
}
"""sRGB colours chosen by us to span Fitzpatrick types I to VI; not measured."""


def skin_texture(maps: SkinMaps, rng: np.random.Generator, tone: tuple[float, float, float]) -> np.ndarray:
    """Texture (size, size, 3) uint8 sRGB, row 0 at v = 1.

    Args:
        maps: From `skin_maps`, of any size.
        rng: Random state for the mottling and the contrast of each feature.
        tone: sRGB in [0, 1], one of TONES or any other.
    """
    base, size = np.asarray(tone, float), len(maps.palm)
    light = float(base.mean())
    strength = rng.uniform(0.7, 1.2, 5)
    mottle = 0.7 * noise(rng, size, 1.2, band=(8, 200)) + 0.5 * noise(rng, size, 0.5, band=(40, 400))
    flush = np.clip(0.5 + 0.25 * noise(rng, size, 1.6, band=(3, 40)), 0, 1)
    veins = np.clip(1 - np.abs(noise(rng, size, 2.2, band=(2, 12))) / 0.10, 0, 1) * (1 - maps.palm)
    red = np.array([0.80, 0.44, 0.38]) * (0.35 + 0.75 * light)
    image = blend(base * np.ones((size, size, 1)), base * [1.02, 0.86, 0.84], 0.35 * flush)
    image = blend(image, base * [0.86, 0.97, 1.03], 0.28 * strength[0] * veins)
    inner = np.array([0.92, 0.68, 0.60]) * np.clip(0.45 + 0.72 * light, 0.45, 1.0)
    image = blend(image, inner, (0.4 + 0.25 * (1 - light)) * maps.palm)
    image = blend(image, red, 0.4 * strength[1] * maps.knuckle * (0.5 + light))
    image = blend(image, red, 0.22 * strength[2] * maps.pad * (1 - maps.nail) * (0.4 + 0.6 * maps.palm))
    image = shade(image, 1 + 0.035 * mottle + 0.09 * strength[3] * maps.tendon)
    image = blend(image, base * [0.60, 0.50, 0.48], np.clip(0.75 * strength[4] * maps.crease, 0, 1))
    image = blend(image, base * [0.62, 0.45, 0.42], 0.55 * maps.between)
    image = blend(image, base * [0.66, 0.52, 0.50], 0.8 * maps.rim)
    plate = np.array([0.95, 0.71, 0.69]) * (0.55 + 0.5 * light)
    return (np.clip(blend(image, plate, 0.8 * maps.nail), 0, 1) * 255 + 0.5).astype(np.uint8)
