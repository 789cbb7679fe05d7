"""Collision shapes have a flat base under their centre of mass and stay near the drawn surface."""

import numpy as np
import pytest

from assets.objects import OBJECTS, hulls
from assets.objects.hulls import FEET_M, MARGIN_M, convex_parts
from lace.core.errors import IntegrityError


@pytest.mark.parametrize("name", OBJECTS)
def test_every_object_stands_on_the_table_and_nothing_is_below_it(name):
    heights = np.concatenate([part[:, 2] for part in convex_parts(name)])
    assert heights.min() == 0 and (heights == 0).sum() >= 3
    assert hulls._margin(convex_parts(name)) >= MARGIN_M


@pytest.mark.parametrize("name", [name for name in OBJECTS if OBJECTS[name].parts is None])
def test_only_the_lowest_slice_differs_from_the_drawn_mesh(name):
    vertices = np.asarray(OBJECTS[name].build().vertices, float)
    upper = np.concatenate([part[part[:, 2] > FEET_M[-1]] for part in convex_parts(name)])
    assert all(np.abs(vertices - point).max(1).min() < 1e-9 for point in upper)
    foot = np.concatenate([part[part[:, 2] == 0] for part in convex_parts(name)])
    low, high = vertices.min(0) - 1e-9, vertices.max(0) + 1e-9
    assert (foot[:, :2] >= low[:2]).all() and (foot[:, :2] <= high[:2]).all()


def test_an_object_that_tips_over_is_an_error(monkeypatch):
    """A slanted bar whose centre of mass is not above its base."""
    corners = np.stack(np.meshgrid([-0.01, 0.01], [-0.01, 0.01], [0, 0.1]), -1).reshape(-1, 3)
    corners[:, 0] += corners[:, 2]
    leaning = type(OBJECTS["mug"])(**{**vars(OBJECTS["mug"]), "parts": lambda: (corners,)})
    monkeypatch.setattr(hulls, "OBJECTS", {"mug": leaning})
    with pytest.raises(IntegrityError, match="it tips over"):
        convex_parts.__wrapped__("mug")
