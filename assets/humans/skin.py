"""Skin of the human hand: one picture on its texture coordinates, in any tone. Tone, mottle and nails so far."""

import cv2
import numpy as np

from assets.humans.hand import HumanHand
from assets.textures.noise import blend, noise, shade

TONES: dict[str, tuple[float, float, float]] = {
    "porcelain": (0.93, 0.78, 0.70),
    "fair": (0.87, 0.70, 0.60),
    "olive": (0.79, 0.60, 0.48),
    "tan": (0.66, 0.46, 0.35),
    "brown": (0.48, 0.31, 0.22),
    "deep": (0.32, 0.21, 0.165),
}
"""Our own sRGB colours, spaced over the span of the Fitzpatrick types I to VI; not measured skin."""


def skin_texture(hand: HumanHand, rng: np.random.Generator, tone: tuple[float, float, float], size: int) -> np.ndarray:
    """Picture (size, size, 3) uint8 sRGB on `hand.uvs`, row 0 at v = 1.

    Args:
        hand: Gives the nails.
        rng: State of the mottle.
        tone: sRGB in [0, 1], one of TONES or any other.
        size: Edge [px].
    """
    base = np.asarray(tone, float)
    mottle = 0.7 * noise(rng, size, 1.2, band=(8, 200)) + 0.5 * noise(rng, size, 0.5, band=(40, 400))
    red = np.clip(0.5 + 0.25 * noise(rng, size, 1.6, band=(3, 40)), 0, 1)
    image = blend(shade(base, 1 + 0.03 * mottle), base * [1.02, 0.86, 0.84], 0.35 * red)
    nails = cv2.resize(hand.nails, (size, size), interpolation=cv2.INTER_AREA) / 255.0
    plate = np.array([0.93, 0.74, 0.69]) * (0.55 + 0.5 * base.mean())
    return (np.clip(blend(image, plate, 0.8 * nails), 0, 1) * 255 + 0.5).astype(np.uint8)
