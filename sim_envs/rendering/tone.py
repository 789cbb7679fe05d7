"""From linear light to bytes of sRGB, and back."""

import numpy as np

TONE_STEPS = 4096
"""Entries of the table from the square root of linear light to sRGB bytes, which avoids slow power functions."""
CONTRAST = 1.25
"""Slope of the tone curve in the dark."""
WHITE = 2.5
"""Linear light that comes out white: white marble under the brightest key and sky, exposed longest, reaches 2.3."""


def srgb_to_linear(srgb: np.ndarray) -> np.ndarray:
    """Linear light from sRGB, both in [0, 1] (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((np.asarray(srgb) + 0.055) / 1.055) ** 2.4)


def tone_table() -> np.ndarray:
    """Bytes of sRGB (TONE_STEPS,) of linear light by its square root in [0, 2].

    The curve is c x / (1 + (c - 1/w) x), so that highlights roll off towards the white w instead of clipping.
    """
    linear = np.linspace(0, 2, TONE_STEPS) ** 2
    toned = np.clip(CONTRAST * linear / (1 + (CONTRAST - 1 / WHITE) * linear), 0, 1)
    srgb = np.where(toned <= 0.0031308, 12.92 * toned, 1.055 * toned ** (1 / 2.4) - 0.055)
    return np.rint(srgb * 255).astype(np.uint8)


def untone_table(tone: np.ndarray) -> np.ndarray:
    """Linear light (256,) float32 that a table of tones turns into each byte."""
    return (2 * np.searchsorted(tone, np.arange(256)).clip(max=TONE_STEPS - 1) / (TONE_STEPS - 1)).astype(
        np.float32
    ) ** 2
