"""A table of one's own: size, place and turn, and where on it things stand and hands reach."""

from dataclasses import replace

import numpy as np
import pytest

from assets.tables import TABLES, resized
from lace.core.errors import InvalidValueError
from sim_envs.config.axes import TableAxis
from sim_envs.config.kinds import require_usable
from sim_envs.config.scene import SceneConfig
from sim_envs.frames.source import SimulatedFrames
from sim_envs.scenes.workspace import GRASP_BOX, area, grasp_box, watched

NARROW = TableAxis(kinds=("oak",), size_m=(0.5, 0.6), centre_m=(0.5, 0.1), height_m=(-0.1, -0.1), x_m=(0.35, 0.6))
NARROW = replace(NARROW, y_m=(-0.1, 0.3))


@pytest.mark.parametrize("name", TABLES.names())
def test_a_table_gets_another_size_and_keeps_its_thickness_and_legs(name):
    table = TABLES[name](np.random.default_rng(0))
    small = resized(table, (0.6, 0.8))
    assert small.parts[0].size[:2] == pytest.approx((0.3, 0.4)) and small.parts[0].size[2] == table.parts[0].size[2]
    assert [part.name for part in small.parts] == [part.name for part in table.parts]
    for part in small.parts[1:]:
        reach = np.abs(part.position[:2]) + (part.size[:2] if part.kind == "box" else part.size[0])
        assert (reach <= np.array([0.3, 0.4]) + 0.1).all(), part.name
    assert resized(table, None) is table


def test_the_workspace_moves_everything_that_depends_on_it():
    assert (grasp_box(TableAxis()) == GRASP_BOX).all()
    moved = TableAxis(x_m=(0.38, 0.78), y_m=(-0.18, 0.58))
    np.testing.assert_allclose(grasp_box(moved) - GRASP_BOX, [[0.1, 0.2, 0]] * 2, atol=1e-12)
    np.testing.assert_allclose(watched(moved) - watched(TableAxis()), [0.1, 0.2, 0], atol=1e-12)
    box = grasp_box(TableAxis(x_m=(0.4, 0.45)))
    assert box[0, 0] == box[1, 0] and 0.35 < box[0, 0] < 0.5


def test_objects_and_hands_are_in_the_workspace_and_the_table_is_where_it_is_said():
    axes = replace(SceneConfig().axes, table=NARROW)
    config = SceneConfig(axes=replace(axes, hand=replace(axes.hand, poses=32)), width=32, height=32, device="cpu")
    source = SimulatedFrames(config, worlds=8)
    batch = source.compose(np.arange(8), np.zeros(8, int))
    low, high = area(NARROW)
    for thing in batch.objects[1:]:
        xy = thing.T_world_object[thing.which >= 0][:, :2, 3]
        assert ((xy >= low) & (xy <= high)).all()
    top = batch.table.T[:, source.layout.table.start]
    np.testing.assert_allclose(top[:, :2, 3], [NARROW.centre_m] * 8, atol=1e-6)
    np.testing.assert_allclose(batch.table.scale[:, source.layout.table.start, :2], [[0.25, 0.3]] * 8, atol=1e-6)
    grasp = source.body.palm(source.body.pose(source.body.bank.q))[:, :3] @ np.append(source.embodiment.grasp_point, 1)
    reach = grasp_box(NARROW)
    assert ((grasp > reach[0] - 0.02) & (grasp < reach[1] + 0.02)).all()


def test_a_workspace_beside_the_table_is_refused():
    require_usable(replace(SceneConfig(), axes=replace(SceneConfig().axes, table=NARROW)))
    off = replace(NARROW, centre_m=(1.0, 0.1))
    with pytest.raises(InvalidValueError, match="not all on a table"):
        require_usable(replace(SceneConfig(), axes=replace(SceneConfig().axes, table=off)))
    turned = replace(NARROW, size_m=(0.3, 0.6), yaw_deg=90)
    with pytest.raises(InvalidValueError, match="not all on a table"):
        require_usable(replace(SceneConfig(), axes=replace(SceneConfig().axes, table=turned)))
