"""The tone curve: monotonic, a fixed slope in the dark, no clipping below its white point."""

import numpy as np

from sim_envs.rendering.tone import CONTRAST, TONE_STEPS, WHITE, srgb_to_linear, tone_table

LINEAR = np.linspace(0, 2, TONE_STEPS) ** 2


def test_highlights_roll_off_and_are_white_only_at_white():
    table = tone_table().astype(int)
    assert (np.diff(table) >= 0).all()
    assert (table[LINEAR < 0.97 * WHITE] < 255).all()
    assert (table[LINEAR > WHITE] == 255).all()
    bright = table[(LINEAR > 1) & (LINEAR < 0.95 * WHITE)]
    assert len(np.unique(bright)) > 30, "bright surfaces keep their pattern"


def test_dark_tones_keep_their_slope():
    dark = (LINEAR > 0.005) & (LINEAR < 0.02)
    shown = srgb_to_linear(tone_table()[dark] / 255)
    assert np.allclose(shown / LINEAR[dark], CONTRAST, rtol=0.06)
