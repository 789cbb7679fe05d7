"""Trials with images: the simulated cell meets the requirements of cells, and its ground truth is correct."""

from dataclasses import replace

import numpy as np
import pytest

from lace.core.geometry import apply
from lace.core.keypoints import Visibility
from policies.primitives.lifting import by_depth, by_plane, end_effector_point
from sim_envs.config.axes import ClutterAxis, TargetAxis
from sim_envs.config.scene import SceneConfig, with_preset
from sim_envs.physics.mujoco import MujocoPhysics
from sim_envs.trials.cell import open_cells
from sim_envs.trials.source import REACH_M, START_HEIGHT_M, TrialSource
from tests.cell_conformance import CellLaws

COUNT = 4


def config(seed: int = 5) -> SceneConfig:
    base = with_preset(SceneConfig(width=96, height=96, seed=seed), "lab")
    axes = replace(base.axes, clutter=ClutterAxis(count=(2, 2)), target=TargetAxis(distance_m=(0.0, 0.3)))
    small = replace(axes, hand=replace(axes.hand, poses=64), room=replace(axes.room, layouts=1))
    return replace(base, axes=small, shadows=False)


@pytest.fixture(scope="module")
def source():
    source = TrialSource(config(), worlds=COUNT)
    yield source
    source.close()


@pytest.fixture(scope="module")
def physics(source):
    return MujocoPhysics(source.robot)


@pytest.fixture(scope="module")
def trials(source):
    return source.draw(np.arange(COUNT))


class TestSimCell(CellLaws):
    @pytest.fixture
    def cell(self, source, physics):
        yield from open_cells(source, physics, [0])

    def test_later_pictures_show_where_the_robot_went(self, cell):
        before = cell.observe(depth=True)
        away = cell.embodiment.home[7:] + 0.3 * (cell.embodiment.limits[7:, 1] - cell.embodiment.home[7:])
        cell.hand(away, 0.5)
        after = cell.observe(depth=True)
        assert after.image_stamp_s == pytest.approx(0.5)
        assert after.truth is None
        assert np.abs(after.joint_positions[7:] - away).max() < 0.25  # the fingers lag by about 0.05 s
        assert (np.abs(after.depth_m - before.depth_m) > 0.005).any()

    def test_what_happened_is_kept_beside_what_was_asked(self, cell):
        cell.hand(cell.embodiment.home[7:], 0.4)
        motion, targets = cell.motions[0], cell.targets[0]
        assert targets.shape == motion.joint_positions[0].shape
        assert np.allclose(targets[-1, 7:], cell.embodiment.home[7:])
        assert np.diff(motion.time_s) == pytest.approx(1 / 25)


def test_the_same_index_is_the_same_trial_whatever_is_drawn_with_it(source, trials):
    (again,) = source.draw(np.array([2]))
    first = trials[2]
    assert again.attempt == first.attempt
    assert np.array_equal(again.record.image, first.record.image)
    assert again.truth.target == pytest.approx(first.truth.target)
    assert [thing.mass_kg for thing in again.physics.objects] == [thing.mass_kg for thing in first.physics.objects]


def test_every_trial_is_reachable_and_in_view(trials, source):
    for trial in trials:
        record, body = trial.record, source.body.embodiment
        assert np.linalg.norm(trial.target_middle[:2]) < REACH_M + 0.01
        assert (record.visibility[body.present] >= Visibility.OCCLUDED).all()
        assert record.keypoints_world[body.present, 2].max() > trial.physics.table_z + START_HEIGHT_M
        target = trial.physics.objects[0]
        assert (target.name, record.objects[0]["role"]) == ("target", "target")
        assert 0.05 <= target.mass_kg <= 0.12
        assert target.T_world_object[2, 3] == pytest.approx(trial.physics.table_z)


def test_the_truth_is_what_the_labels_say_and_kinematics_agrees(trials):
    for trial in trials:
        box = trial.record.boxes["target@segmentation"].astype(float)
        assert trial.truth.target == pytest.approx((box[:2] + box[2:]) / 2)
        uv, _depth = end_effector_point(trial.record.keypoints_world.astype(float), trial.record.camera)
        assert trial.truth.end_effector == pytest.approx(uv, abs=1e-3)


def test_the_target_is_in_plain_view(trials):
    for trial in trials:
        target, box = trial.physics.objects[0], trial.record.boxes["target@segmentation"]
        uv, _depth = trial.record.camera.project(apply(target.T_world_object, np.concatenate(target.hulls)))
        assert ((box[2:] - box[:2]) >= 0.8 * np.ptp(uv, axis=0)).all()
        assert np.linalg.norm((uv.min(0) + uv.max(0)) / 2 - trial.truth.target) < 0.2 * np.ptp(uv, axis=0).max() + 1


def test_both_ways_of_lifting_find_the_target(trials):
    for trial in trials:
        camera, uv = trial.record.camera, trial.truth.target
        by_table = by_plane(camera, uv, trial.physics.table_z + 0.045)
        assert np.linalg.norm((by_table - trial.target_middle)[:2]) < 0.04
        seen = by_depth(camera, uv, trial.record.depth_m, 0.03)
        assert np.linalg.norm(seen - trial.target_middle) < 0.06


def test_nothing_touches_at_the_start(source, physics, trials):
    state = physics.open([trial.physics for trial in trials]).state()
    assert state.robot_table_N.max() == 0
    assert np.nanmax(state.robot_object_N) == 0
