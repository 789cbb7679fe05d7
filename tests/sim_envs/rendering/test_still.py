"""What is taken over from a still picture is what would have been drawn, to the last bit."""

from dataclasses import fields, replace

import numpy as np
import pytest
import warp as wp

MARK = 7
SIZES = [(96, 96), (65, 47)]


@pytest.fixture(scope="module")
def moving(source, batch):
    """Slot table of the first world everywhere, its robot moved on in each, which slots stand still, and the view."""
    first = np.zeros(source.worlds, int)
    table = replace(batch.table, **{f.name: getattr(batch.table, f.name)[first] for f in fields(batch.table)})
    table.T[:, source.layout.body, 0, 3] += 0.03 * np.arange(source.worlds)[:, None]
    view = source.view(batch)
    rows = {f.name: getattr(view, f.name)[first] for f in fields(view) if getattr(view, f.name) is not None}
    still = (table.T == table.T[0]).all((0, 2, 3))
    assert 0 < still.sum() < len(still)
    yield table, still, replace(view, **rows)
    source.renderer.apply(batch.table)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shadows", [True, False])
@pytest.mark.parametrize("antialias", [True, False])
def test_pictures_are_the_same_with_what_stands_still_taken_over(source, moving, size, shadows, antialias):
    table, still, view = moving
    drawer, how = source.renderer, {"shadows": shadows, "antialias": antialias}
    drawer.apply(table)
    plain = [made.numpy().copy() for made in drawer.draw(view, *size, **how)]
    drawer.apply(table, still)
    remembered = drawer.remembered(view, *size, **how)
    drawer.apply(table, ~still)
    for before, now in zip(plain, drawer.draw(view, *size, still=remembered, **how), strict=True):
        assert np.array_equal(before, now.numpy())
    width, height = size
    remembered.rgb = wp.full((height, width, 3), MARK, dtype=wp.uint8, device=source.device)
    marked = (drawer.draw(view, *size, still=remembered, **how)[0].numpy() == MARK).all(-1)
    assert 0.4 < marked.mean() < 0.99
    assert len(np.unique(marked.reshape(source.worlds, -1), axis=0)) > 1
