"""Poses and motions: proper rotations, collision-free banks, a smooth demonstration that ends holding the target."""

import numpy as np
import pytest

from lace.core.draws import Draws
from sim_envs.bodies.robot.poses import FINGERS_DOWN, build_bank, is_free, palm_goals
from sim_envs.bodies.robot.reach import GRASP_HEIGHT, PHASES
from sim_envs.scenes.demonstration import Demonstrations
from sim_envs.scenes.workspace import CLEARANCE


@pytest.fixture(scope="module")
def demonstrations(source):
    return Demonstrations(source.composer, 100)


def test_palm_goals_are_proper_rotations():
    """A mirrored frame can be reached in position only; this fault prevented the planning of demonstrations."""
    assert np.linalg.det(FINGERS_DOWN) == pytest.approx(1)
    goals = palm_goals(Draws(0, np.arange(50)), np.array([0.03, -0.04, -0.06]))
    assert np.allclose(np.linalg.det(goals[:, :3, :3]), 1)


def test_the_bank_is_seeded_within_limits_free_and_above_the_table(robot, source):
    bank = build_bank(robot, source.body.kinematics, 5, 64)
    assert np.array_equal(bank.q, build_bank(robot, source.body.kinematics, 5, 64).q)
    assert not np.array_equal(bank.q, build_bank(robot, source.body.kinematics, 6, 64).q)
    limits = robot.embodiment.limits
    assert (bank.q >= limits[:, 0]).all() and (bank.q <= limits[:, 1]).all() and is_free(robot, bank.q).all()
    points = source.body.kinematics.keypoints(source.body.kinematics.link_poses(bank.q))[:, robot.embodiment.present]
    assert points[..., 2].min() > CLEARANCE


def test_a_self_penetrating_fist_is_not_free(robot):
    q = robot.embodiment.home[None].copy()
    q[:, 7:] = robot.embodiment.limits[7:, 1]
    assert not is_free(robot, q)[0]


def test_the_demonstration_is_smooth_and_starts_at_home(source, demonstrations):
    q, held = demonstrations.scene(0)[1].joints(np.linspace(0, 1, 2001))
    assert np.allclose(q[0, :7], source.embodiment.home[:7])
    assert np.abs(np.diff(q, axis=0)).max() < 0.02 and not held[0] and held[-1]
    speed = np.abs(np.diff(q, axis=0))
    for phase in PHASES[:-1]:
        assert speed[int(phase * 2000) - 1 : int(phase * 2000) + 1].max() < 1e-3, "at rest between the phases"


def test_the_hand_closes_around_the_target_and_lifts_it(source, demonstrations):
    batch = demonstrations.compose(np.array([64, 79, 99]), np.zeros(3, int))
    target = batch.objects[0].T_world_object[:, :3, 3]
    placed = demonstrations.scene(0)[0].objects[0]
    height = placed.object_set.height[placed.which[0]] * placed.scale[0]
    palm = source.body.kinematics.link_index["leap_palm"]
    grasp = batch.pose.T_world_link[1, palm] @ np.append(source.embodiment.grasp_point, 1)
    assert np.linalg.norm(grasp[:3] - target[1] - [0, 0, GRASP_HEIGHT * height]) < 0.02
    assert target[2, 2] - target[1, 2] > 0.1 and target[0, 2] == target[1, 2]
    assert (batch.pose.q[1, 7:] - batch.pose.q[0, 7:]).max() > 0.2, "fingers have closed"


def test_frames_of_several_demonstrations_in_one_batch_are_those_of_each_alone(source):
    pairs = Demonstrations(source.composer, 2)
    mixed = pairs.compose(np.array([3, 0, 2, 1]), np.zeros(4, int))
    alone = pairs.compose(np.array([2, 3]), np.zeros(2, int))
    assert np.array_equal(mixed.pose.q[[2, 0]], alone.pose.q) and np.array_equal(mixed.table.T[[2, 0]], alone.table.T)
    assert np.array_equal(mixed.camera.K[[2, 0]], alone.camera.K) and list(mixed.rooms[[2, 0]]) == list(alone.rooms)
    assert not np.array_equal(mixed.camera.T_world_cam[0], mixed.camera.T_world_cam[1])
