"""Smooth edges and sparse shadow rays against pictures that were drawn without either, finer."""

from dataclasses import replace

import numpy as np
import pytest
import warp as wp

from lace.core.geometry import transform
from sim_envs.rendering import renderer
from sim_envs.rendering.slot_table import PARKED
from sim_envs.rendering.tone import tone_table, untone_table

FINER = 8
WORLDS = 3


@pytest.fixture(scope="module")
def scenes(source, batch):
    """Renderer with the scenes applied, their view, and the size of pictures."""
    source.renderer.apply(batch.table)
    return source.renderer, source.view(batch), (source.config.width, source.config.height)


@pytest.fixture(scope="module", params=["in its room", "before a white backdrop"])
def three(source, batch, scenes, request):
    """Linear light (worlds, height, width, 3) with smooth edges, without, and of the mean of many samples a pixel."""
    drawer, view, (width, height) = scenes
    alone = request.param != "in its room"
    if alone:
        T = np.tile(transform(translation=PARKED), (*batch.table.T.shape[:2], 1, 1))
        T[:, source.layout.body] = batch.table.T[:, source.layout.body]
        drawer.apply(replace(batch.table, T=T))

    def light(view, scale, antialias):
        size = scale * width, scale * height
        if alone:
            view = replace(view, backdrop=wp.full((WORLDS, size[1], size[0], 3), 255, dtype=wp.uint8, device="cpu"))
        rgb = drawer.draw(view, *size, shadows=False, antialias=antialias, count=WORLDS)[0].numpy()
        return untone_table(tone_table())[rgb]

    many = light(replace(view, focal_centre=FINER * view.focal_centre), FINER, False)
    mean = many.reshape(WORLDS, height, FINER, width, FINER, 3).mean((2, 4))
    drawn = light(view, 1, True), light(view, 1, False), mean
    drawer.apply(batch.table)
    return drawn


def test_edges_come_nearer_to_what_lies_in_a_pixel(three):
    smooth, plain, mean = three
    at_edges = np.abs(smooth - plain).max(-1) > 0.02
    assert 0.01 < at_edges.mean() < 0.3
    off, off_plain = (np.abs(picture - mean)[at_edges].mean() for picture in (smooth, plain))
    assert off < 0.65 * off_plain


def test_pictures_become_no_lighter_and_no_darker_at_edges(three):
    smooth, plain, mean = three
    at_edges = np.abs(smooth - plain).max(-1) > 0.02
    bias, error = (smooth - mean)[at_edges].mean(), np.abs(plain - mean)[at_edges].mean()
    assert abs(bias) < 0.1 * error


def test_a_pixel_that_sees_one_surface_is_as_without(three):
    smooth, plain, _mean = three
    assert (smooth == plain).all(-1).mean() > 0.7


def test_shadows_are_those_of_a_ray_for_every_pixel(scenes, monkeypatch):
    drawer, view, size = scenes
    few = drawer.draw(view, *size, shadows=True)[0].numpy().astype(int)
    none = drawer.draw(view, *size, shadows=False)[0].numpy().astype(int)
    monkeypatch.setattr(renderer, "traced_shape", lambda height, width: (0, 0))
    every = drawer.draw(view, *size, shadows=True)[0].numpy().astype(int)
    in_shadow = np.abs(every - none).max(-1) > 8
    assert in_shadow.mean() > 0.02
    assert (np.abs(few - every).max(-1) > 8).mean() < 0.02 * in_shadow.mean()


def test_a_picture_of_odd_size_is_drawn_to_its_last_row_and_column(scenes):
    drawer, view, (width, height) = scenes
    whole = drawer.draw(view, width, height, shadows=True)[0].numpy()
    odd = drawer.draw(view, width - 1, height - 1, shadows=True)[0].numpy()
    assert (odd == whole[:, :-1, :-1]).all(-1).mean() > 0.999


def test_every_byte_comes_back_from_its_linear_light():
    tone = tone_table()
    steps = np.rint(np.sqrt(untone_table(tone)) / 2 * (len(tone) - 1)).astype(int)
    assert np.array_equal(tone[steps], np.arange(256))
