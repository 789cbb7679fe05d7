"""Every registered texture: correct type, determined by its seed, enough contrast, tileable."""

import numpy as np
import pytest

from assets.textures import TEXTURES

NATURAL = ("wood_oak", "marble", "brick", "carpet", "cardboard", "foliage", "parquet")
NEUTRAL = ("laminate", "painted_wall", "plaster", "kitchen_tiles", "brushed_metal", "fabric_weave", "scales", "plush")


def made(name, seed=0, size=128):
    return TEXTURES[name].make(np.random.default_rng(seed), size)


def test_there_are_many():
    assert len(TEXTURES) >= 24


@pytest.mark.parametrize("name", TEXTURES.names())
def test_texture_conforms(name):
    image = made(name)
    assert image.shape == (128, 128, 3) and image.dtype == np.uint8
    assert TEXTURES[name].name == name and 0.02 <= TEXTURES[name].tile_m <= 5
    assert image.std() > 1.0
    np.testing.assert_array_equal(image, made(name))
    assert (image != made(name, 1)).mean() > 0.01


@pytest.mark.parametrize("name", TEXTURES.names())
def test_texture_tiles(name):
    """The step across the tile border is no larger than the larger steps inside."""
    image = made(name, size=256).astype(float)
    if name in ("poster", "chart", "book_cover", "label_print", "screen", "whiteboard"):
        image = np.roll(image, (128, 128), (0, 1))
        assert np.abs(image[0] - image[1]).mean() < 30
        return
    for axis in (0, 1):
        steps = np.abs(np.diff(image, axis=axis)).mean((1 - axis, 2))
        seam = np.abs(np.take(image, 0, axis) - np.take(image, -1, axis)).mean()
        assert seam <= steps.max() * 1.35 + 2


@pytest.mark.parametrize("name", NEUTRAL)
def test_neutral_textures_are_bright_and_grey(name):
    image = made(name).astype(float)
    assert image.mean() > 150
    assert (image.max(-1) - image.min(-1)).mean() < 12


@pytest.mark.parametrize("name", NATURAL)
def test_natural_textures_have_their_own_colour(name):
    mean = made(name).reshape(-1, 3).mean(0)
    assert name == "marble" or mean.max() - mean.min() > 8
