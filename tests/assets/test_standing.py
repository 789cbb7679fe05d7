"""Collision shapes have a flat base under their centre of mass and stay near the drawn surface."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from assets.objects import OBJECTS, hulls
from assets.objects.decomposition import HOLLOW as HOLLOW_FROM
from assets.objects.decomposition import convex_decomposition, hollowness
from assets.objects.hulls import FEET_M, MARGIN_M, convex_parts
from lace.core.errors import IntegrityError, InvalidValueError


@pytest.mark.parametrize("name", OBJECTS)
def test_every_object_stands_on_the_table_and_nothing_is_below_it(name):
    heights = np.concatenate([part[:, 2] for part in convex_parts(name)])
    assert heights.min() == 0 and (heights == 0).sum() >= 3
    assert hulls._margin(convex_parts(name)) >= MARGIN_M


HOLLOW = ["bowl", "cup", "mug", "plate", "scissors", "tape_roll", "toy_star"]


def test_what_is_decomposed_are_the_hollow_things():
    """Of the others one hull is at most 1.5 times the mesh's volume."""
    meshes = {name: OBJECTS[name].build() for name in OBJECTS if OBJECTS[name].parts is None}
    assert sorted(name for name, m in meshes.items() if hollowness(m.vertices, m.faces) > HOLLOW_FROM) == HOLLOW


@pytest.mark.parametrize("name", HOLLOW)
def test_decomposed_shapes_are_near_the_mesh_and_few(name):
    vertices, parts = np.asarray(OBJECTS[name].build().vertices, float), convex_parts(name)
    assert 2 <= len(parts) <= 12 and max(map(len, parts)) < 130
    points = np.concatenate(parts)
    assert (points.min(0) > vertices.min(0) - 0.0025).all() and (points.max(0) < vertices.max(0) + 0.0025).all()
    assert sum(ConvexHull(part).volume for part in parts) < 0.8 * ConvexHull(vertices).volume


@pytest.mark.parametrize(("name", "height"), [("cup", 0.6), ("mug", 0.6), ("bowl", 0.8), ("tape_roll", 0.5)])
def test_there_is_room_in_what_is_hollow(name, height):
    top = float(np.asarray(OBJECTS[name].build().vertices)[:, 2].max())
    middle = np.array([0, 0, height * top])
    for part in convex_parts(name):
        sides = ConvexHull(part).equations
        assert (sides[:, :3] @ middle + sides[:, 3]).max() > 0.004, "4 mm from every part"


def test_a_mesh_without_volume_is_refused():
    with pytest.raises(InvalidValueError, match="without volume"):
        convex_decomposition(np.random.default_rng(0).random((9, 3)) * [1, 1, 0], np.array([[0, 1, 2]]))


@pytest.mark.parametrize("name", [n for n in OBJECTS if OBJECTS[n].parts is None and n not in HOLLOW])
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
