"""The sensor model against plain NumPy: blur, also at the borders; noise that grows with the signal's square root."""

import numpy as np
import warp as wp

from sim_envs.rendering.sensor import TILE, expose, noise_tile

OFFSET = np.array([[0, 0], [TILE - 5, TILE - 3]])


def through_the_sensor(images, blur, sigma):
    image = wp.array(images, dtype=wp.uint8, device="cpu")
    return expose(image, noise_tile("cpu"), OFFSET, np.array(blur), np.array(sigma)).numpy()


def test_zero_blur_and_noise_leave_the_picture_unchanged():
    images = np.random.default_rng(0).integers(0, 256, (2, 9, 13, 3), np.uint8)
    assert np.array_equal(through_the_sensor(images, [0, 0], [0, 0]), images)


def test_blur_is_the_separable_three_tap_filter_and_noise_comes_from_the_tile():
    images = np.random.default_rng(1).integers(0, 256, (2, 9, 13, 3), np.uint8)
    blur, sigma = [0.0, 0.3], [0.02, 0.01]
    got = through_the_sensor(images, blur, sigma)
    noise = noise_tile("cpu").numpy().astype(float)
    for world, side in enumerate(blur):
        padded = np.pad(images[world].astype(float), ((1, 1), (1, 1), (0, 0)), "edge")
        taps = np.array([side, 1 - 2 * side, side])
        down = sum(taps[i] * padded[i : i + 9] for i in range(3))
        blurred = sum(taps[i] * down[:, i : i + 13] for i in range(3))
        rows, columns = (OFFSET[world, i] + np.arange(n) for i, n in enumerate((9, 13)))
        unit = noise[rows % TILE][:, columns % TILE] / 32
        expected = blurred + sigma[world] * 255 / np.sqrt(127.5) * np.sqrt(blurred + 4) * unit
        assert np.abs(got[world] - np.clip(expected, 0, 255)).max() <= 0.51


def test_noise_in_mid_grey_has_the_standard_deviation_asked_for():
    images = np.full((2, 200, 200, 3), 127, np.uint8)
    got = through_the_sensor(images, [0, 0], [0.01, 0.03]).astype(float)
    assert np.allclose(got.std((1, 2, 3)), [2.55, 7.65], rtol=0.05)
    assert np.allclose(got.mean((1, 2, 3)), 127, atol=0.3)
