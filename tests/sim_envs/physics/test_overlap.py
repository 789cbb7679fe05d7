"""Overlaps are measured by collision shapes and by drawn meshes, and are zero where nothing penetrates."""

import numpy as np
import pytest

from assets.objects.hulls import convex_parts
from assets.robots import ROBOTS
from lace.core.geometry import transform
from lace.core.kinematics import Kinematics
from sim_envs.physics.mujoco import MujocoPhysics
from sim_envs.physics.overlap import ROBOT, TABLE, TARGET, DrawnRobot, apart, by_kind
from sim_envs.physics.protocol import PhysicsScene, RigidObject

NAME, TABLE_Z = "dinosaur", -0.1
AGREE_M = 0.006
"""Difference of collision shapes and drawn meshes: boxes around a finger's links, parts inside a doll's surface."""


@pytest.fixture(scope="module")
def robot():
    return ROBOTS["xarm7_leap"](None)


@pytest.fixture(scope="module")
def measured(robot):
    """Overlaps of one moment by both methods, from joints and the doll's pose."""
    physics, drawn = MujocoPhysics(robot), DrawnRobot(robot)

    def both(q, at):
        T = transform(None, at)
        scene = PhysicsScene(TABLE_Z, q, (RigidObject("target", convex_parts(NAME), 0.1, 0.8, T),))
        return physics.overlaps(scene, q[None], T[None, None]), drawn.overlaps(
            q[None], [(NAME, 1.0)], T[None, None], TABLE_Z
        )

    return both


@pytest.fixture(scope="module")
def home(robot):
    return robot.embodiment.home.copy()


def test_things_apart_do_not_overlap(measured, home):
    for overlaps in measured(home, [0.3, 0.5, TABLE_Z + 0.005]):
        assert by_kind(overlaps) == dict.fromkeys(by_kind(overlaps), 0)


@pytest.mark.parametrize("depth", [0.01, 0.02])
def test_a_doll_in_the_table_is_as_deep_as_it_was_sunk(measured, home, depth):
    for overlaps in measured(home, [0.3, 0.5, TABLE_Z - depth]):
        assert overlaps[0, TARGET, TABLE] == pytest.approx(depth, abs=0.002)
        assert np.array_equal(overlaps, overlaps.swapaxes(1, 2))
        assert overlaps[0, ROBOT].max() == 0


def test_a_finger_pushed_into_the_doll_is_seen_the_deeper_the_further(robot, measured, home):
    """The doll is raised from below the index finger's tip."""
    kinematics = Kinematics(robot.embodiment)
    tip = kinematics.keypoints(kinematics.link_poses(home))[8]
    body = np.concatenate(convex_parts(NAME))
    top = body[body[:, 2].argmax()]
    found = np.array(
        [[o[0, ROBOT, TARGET] for o in measured(home, tip - top + [0, 0, up])] for up in (-0.06, 0.01, 0.03)]
    )
    assert (found[0] == 0).all()
    assert (found[1:] > 0.005).all()
    assert (found[2] > found[1]).all()


def test_a_thumb_through_a_finger_is_seen(robot, measured, home):
    """Over many hand poses, collision shapes that are deep are deep as drawn, and no separate pair is called deep."""
    rng, limits, dof = np.random.default_rng(2), robot.embodiment.limits, robot.embodiment.arm_dof
    found = []
    for _ in range(12):
        q = home.copy()
        q[dof:] = rng.uniform(*limits[dof:].T)
        found.append([o[0, ROBOT, ROBOT] for o in measured(q, [0.3, 0.5, TABLE_Z + 0.005])])
    collision, drawn = np.array(found).T
    assert (collision > 0.008).any()
    assert (drawn[collision > 0.008] > 0).all()
    assert (collision[drawn > 0.003] > 0).all()


def test_links_built_into_each_other_are_not_compared(robot):
    far = apart(robot.embodiment)
    assert not far["link1", "link2"] and not far["leap_if_bs", "leap_if_px"]
    assert far["leap_if_ds", "leap_th_ds"] and far["leap_th_ds", "leap_if_ds"] and far["link2", "leap_palm"]


def test_kinds_take_the_deepest_moment():
    overlaps = np.zeros((2, 4, 4))
    overlaps[0, ROBOT, TARGET], overlaps[1, ROBOT, TARGET + 1], overlaps[1, TARGET, TABLE] = 0.001, 0.002, 0.003
    found = by_kind(overlaps)
    assert found["robot and target"] == 1 and found["robot and distractors"] == 2 and found["target and table"] == 3
    assert found["robot and table"] == found["links of the robot"] == 0


def test_a_motion_is_measured_as_each_of_its_moments_alone(robot, home):
    """The doll rises from below the index finger's tip and sinks again."""
    kinematics, drawn = Kinematics(robot.embodiment), DrawnRobot(robot)
    tip = kinematics.keypoints(kinematics.link_poses(home))[8]
    body = np.concatenate(convex_parts(NAME))
    ways = np.concatenate([np.linspace(-0.05, 0.03, 9), np.linspace(0.03, -0.05, 5)])
    T = np.stack([transform(None, tip - body[body[:, 2].argmax()] + [0, 0, up]) for up in ways])[:, None]
    q, things = np.repeat(home[None], len(ways), 0), [(NAME, 1.0)]
    together = drawn.overlaps(q, things, T, TABLE_Z)
    alone = np.concatenate([drawn.overlaps(q[i : i + 1], things, T[i : i + 1], TABLE_Z) for i in range(len(ways))])
    assert together == pytest.approx(alone, abs=1e-6)
    assert (together[:, ROBOT, TARGET] > 0).sum() > 3 and (together[:, ROBOT, TARGET] == 0).sum() > 3
