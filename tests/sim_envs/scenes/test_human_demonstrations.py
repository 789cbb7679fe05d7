"""Human grasps: contact, no penetration of the object, a monotonic lift; distances against closed forms."""

from dataclasses import replace

import numpy as np
import pytest

from assets.humans.sleeve import UPPER_ARM
from assets.objects import OBJECTS
from assets.objects.atlas import Cell
from assets.objects.mesh import ellipsoid
from lace.core.geometry import invert
from sim_envs.bodies.human.arm import shoulder_of
from sim_envs.bodies.human.reach import CONTACT_M, LIFT_START
from sim_envs.bodies.object_distance import ObjectDistance, distance_to
from sim_envs.bodies.registry import BODIES
from sim_envs.config.axes import RoomAxis, TargetAxis
from sim_envs.config.scene import SceneConfig, with_preset
from sim_envs.rendering.library import Library
from sim_envs.scenes.asset_bank import AssetBankBuilder
from sim_envs.scenes.compose import Composer
from sim_envs.scenes.demonstration import Demonstrations
from sim_envs.scenes.slots import layout_for

TARGETS = ("dinosaur", "can", "apple", "mug", "puzzle_cube", "rubber_duck")
"""Round, boxy, hollow, small and odd ones."""


@pytest.fixture(scope="module")
def composer():
    """Scenes of a human without a renderer: motions need none."""
    config = with_preset(SceneConfig(embodiment="human_right"), "clean")
    axes = replace(config.axes, target=TargetAxis(names=TARGETS), room=RoomAxis(kinds=("studio",), layouts=1))
    config = replace(config, axes=replace(axes, hand=replace(axes.hand, poses=64)))
    body, library = BODIES[config.embodiment](config), Library("cpu")
    asset_bank = AssetBankBuilder(library, 0).build(config.axes)
    body.register(library, 1)
    return Composer(body, asset_bank, layout_for(body.parts, 21), config)


@pytest.fixture(scope="module")
def motions(composer):
    """Scenes and motions of the first six demonstrations."""
    demonstrations = Demonstrations(composer, 50)
    return [demonstrations.scene(number) for number in range(6)]


def in_object_frame(composer, pose, T_world_target, scale) -> np.ndarray:
    """Skin vertices (n, V, 3) in the object's frame at scale 1."""
    skin, _bones, _points = composer.body.hand.pose(pose.q, pose.shape, composer.body.palm(pose))
    T = invert(T_world_target)
    return (skin @ T[:, :3, :3].swapaxes(1, 2) + T[:, None, :3, 3]) / scale


def test_fingers_touch_and_never_pass_through_the_object(composer, motions):
    """Exact distances of every vertex at 100 times, different from the planner's times."""
    hand, grasped = composer.body.hand, set()
    for scene, motion in motions:
        target = scene.objects[0]
        name, scale = target.object_set.names[target.which[0]], float(target.scale[0])
        pose, T_world_target, held = motion.at(np.linspace(0, 1, 100))
        distance = scale * distance_to(name).exact(in_object_frame(composer, pose, T_world_target, scale))
        assert distance.min() > -0.005, f"{name}: {1000 * distance.min():.1f} mm"
        of_finger = [[hand.bone_index[f"finger{f}-{k}.R"] for k in (1, 2, 3)] for f in range(1, 6)]
        skins = [hand.dense_weights[:, bones].sum(1) > 0.5 for bones in of_finger]
        touching = [distance[held][:, skin].min() < CONTACT_M + 1e-3 for skin in skins]
        assert touching[0] and sum(touching) >= 3, (name, touching)
        assert distance[0].min() > 0.03, "the hand starts away from it"
        grasped.add(name)
    assert len(grasped) >= 3


def test_the_target_stands_until_it_is_held_and_then_only_rises(composer, motions):
    for scene, motion in motions:
        time = np.linspace(0, 1, 200)
        pose, T, held = motion.at(time)
        assert np.array_equal(held, time >= LIFT_START)
        assert np.array_equal(T[~held], np.broadcast_to(scene.objects[0].T_world_object[0], T[~held].shape))
        height = T[:, 2, 3]
        assert (np.diff(height) >= -1e-12).all() and height[-1] - height[0] > 0.1
        wrist = pose.keypoints_world[:, 0]
        speed = np.linalg.norm(np.diff(wrist, axis=0), axis=1)
        assert speed.max() < 0.02 and speed[[0, -1]].max() < 1e-4, "at rest at both ends, no jump between"
        limits = composer.body.hand.limits
        assert (pose.q >= limits[:, 0] - 1e-9).all() and (pose.q <= limits[:, 1] + 1e-9).all()


def test_the_same_motion_is_planned_again(composer, motions):
    again = Demonstrations(composer, 50).scene(2)[1]
    assert np.array_equal(again.at(0.7)[0].q, motions[2][1].at(0.7)[0].q)


def test_upper_arms_have_the_length_of_their_forearm(composer, motions):
    pose, _T, _held = motions[0][1].at(np.linspace(0, 1, 5))
    mean, basis = composer.body.hand.linear_heads()
    heads = mean + np.tensordot(pose.shape, basis, 1)
    elbow = pose.T_world_link[:, 0, :3, 3]
    shoulder = shoulder_of(pose.T_world_link[:, -1], heads)
    forearm = np.linalg.norm(elbow - pose.keypoints_world[:, 0], axis=1)
    np.testing.assert_allclose(np.linalg.norm(shoulder - elbow, axis=1), UPPER_ARM * forearm, rtol=1e-3)
    towards = pose.extra["shoulder"] - elbow
    cosine = (
        ((shoulder - elbow) * towards).sum(1)
        / np.linalg.norm(shoulder - elbow, axis=1)
        / np.linalg.norm(towards, axis=1)
    )
    np.testing.assert_allclose(cosine, 1, atol=1e-9)


def test_distance_to_a_ball_is_the_closed_form():
    ball = ObjectDistance(ellipsoid((0.04, 0.04, 0.04), Cell(0, 0, 1, 1), segments=64, rings=48))
    points = np.random.default_rng(0).uniform(-0.06, 0.06, (500, 3))
    expected = np.linalg.norm(points, axis=1) - 0.04
    assert np.abs(ball.exact(points) - expected).max() < 2e-4
    assert np.abs(ball.near(points) - expected).max() < 6e-4


def test_the_sign_of_the_distance_is_right_for_every_object():
    """Points just under the surface are inside, corners of the bounding box outside: meshes have correct winding."""
    for name in OBJECTS:
        mesh = OBJECTS[name].build()
        corners = mesh.vertices[mesh.faces].astype(float)
        out = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        out /= np.linalg.norm(out, axis=1, keepdims=True)
        distance = ObjectDistance(mesh)
        assert (distance.exact(corners.mean(1) - 0.001 * out) < 0).mean() > 0.85, name
        box = np.stack([mesh.vertices.min(0) - 0.01, mesh.vertices.max(0) + 0.01])
        assert (distance.exact(box) > 0).all(), name
