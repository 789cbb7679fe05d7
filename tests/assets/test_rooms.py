"""Every registered room and table meets the requirements of scenes and ray casting."""

import numpy as np
import pytest

from assets.rooms import CLEAR_HEIGHT_M, CLEAR_RADIUS_M, ROOMS
from assets.tables import FOOT_Z, TABLES
from assets.textures import TEXTURES

SEEDS = range(25)
FURNISHED = [name for name in ROOMS if name != "studio"]
GAP_M = 0.0015


def room(name, seed):
    return ROOMS[name](np.random.default_rng(seed))


def bounds(part):
    """Lowest and highest corner (3,) of a part's axis-aligned box; exact for boxes on walls and for round parts."""
    if part.kind == "box":
        c, s = abs(np.cos(part.yaw)), abs(np.sin(part.yaw))
        x, y, z = part.size
        half = np.array([c * x + s * y, s * x + c * y, z])
    else:
        radius = part.size[0]
        half = np.array([radius, radius, part.size[1] if part.kind == "cylinder" else radius])
    return np.array(part.position) - half, np.array(part.position) + half


def distance_to_axis(part):
    """Horizontal distance from the origin to a part [m]."""
    x, y, _ = part.position
    if part.kind != "box":
        return np.hypot(x, y) - part.size[0]
    c, s = np.cos(part.yaw), np.sin(part.yaw)
    local = np.abs([c * x + s * y, -s * x + c * y]) - part.size[:2]
    return np.hypot(*np.maximum(local, 0))


def flickering(parts):
    """Pairs of boxes with coplanar, overlapping faces that face the same way: a ray could hit either."""
    boxes = [(part.name, *bounds(part)) for part in parts if part.kind == "box" and abs(np.sin(2 * part.yaw)) < 1e-6]
    low, high = (np.array([box[k] for box in boxes]) for k in (1, 2))
    pairs = []
    for axis in range(3):
        others = [k for k in range(3) if k != axis]
        overlap = np.minimum(high[:, None], high)[..., others] - np.maximum(low[:, None], low)[..., others]
        for face in (low, high):
            close = np.abs(face[:, None, axis] - face[None, :, axis]) < GAP_M
            found = np.argwhere(np.triu(close & (overlap > GAP_M).all(-1), 1))
            pairs += [(boxes[i][0], boxes[j][0], axis) for i, j in found]
    return pairs


@pytest.mark.parametrize("name", ROOMS.names())
@pytest.mark.parametrize("seed", SEEDS)
def test_room_leaves_the_middle_clear(name, seed):
    for part in room(name, seed).parts:
        if part.name != "floor" and bounds(part)[0][2] < CLEAR_HEIGHT_M:
            assert distance_to_axis(part) > CLEAR_RADIUS_M, part


@pytest.mark.parametrize("name", ROOMS.names())
@pytest.mark.parametrize("seed", SEEDS)
def test_room_has_no_two_faces_in_one_plane(name, seed):
    assert flickering(room(name, seed).parts) == []


def test_coplanar_faces_are_found():
    parts = room("lab", 0).parts
    assert flickering((*parts, parts[0]))


@pytest.mark.parametrize("name", FURNISHED)
def test_room_size_and_part_count(name):
    for seed in range(60):
        made = room(name, seed)
        assert 20 <= len(made.parts) <= 48
        assert len({part.name for part in made.parts}) == len(made.parts)
        floor = next(part for part in made.parts if part.name == "floor")
        assert bounds(floor)[1][2] == pytest.approx(0, abs=1e-9)
        walls = np.array([bounds(part) for part in made.parts if part.name.startswith("wall_")])
        assert 2.6 <= walls[:, 1, 2].max() <= 3.0
        assert (walls[:, 1] - walls[:, 0]).max() < 7.5


@pytest.mark.parametrize("name", ROOMS.names())
def test_room_is_a_function_of_its_seed(name):
    assert room(name, 3) == room(name, 3)
    assert len({room(name, seed).parts for seed in range(5)}) == 5


@pytest.mark.parametrize("name", FURNISHED)
def test_furniture_stays_inside_the_room(name):
    for seed in SEEDS:
        made = room(name, seed)
        walls = [part for part in made.parts if part.name.startswith("wall_")]
        reach = np.max([bounds(wall)[1] for wall in walls], 0)
        for part in made.parts:
            low, high = bounds(part)
            if part.name != "floor":
                assert (np.maximum(-low, high)[:2] <= reach[:2] + 1e-6).all() and low[2] > -0.005, part
                assert high[2] <= reach[2] + 1e-6, part


@pytest.mark.parametrize("registry", [ROOMS, TABLES])
def test_parts_name_known_textures_and_valid_colours(registry):
    for name in registry:
        for part in registry[name](np.random.default_rng(1)).parts:
            assert part.texture is None or part.texture in TEXTURES
            assert min(part.colour) >= 0 and max(part.colour) <= 1
            assert part.size[0] > 0 and (part.kind == "sphere" or part.size[1] > 0)


@pytest.mark.parametrize("name", TABLES.names())
def test_table_keeps_its_frame(name):
    for seed in SEEDS:
        table = TABLES[name](np.random.default_rng(seed))
        assert 1 <= len(table.parts) <= 8
        top = table.parts[0]
        assert bounds(top)[1][2] == pytest.approx(0, abs=1e-9)
        assert 0.5 <= top.size[0] <= 0.8 and 0.5 <= top.size[1] <= 0.9 and 0.01 <= top.size[2] <= 0.03
        assert min(bounds(part)[0][2] for part in table.parts) == pytest.approx(FOOT_Z)
        assert flickering(table.parts) == []
        for part in table.parts[1:]:
            assert bounds(part)[1][2] <= -2 * top.size[2] + 1e-6
