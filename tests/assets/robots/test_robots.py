"""Properties that every registered robot must have: a new robot file is correct if these tests pass."""

import mujoco
import numpy as np
import pytest
import trimesh

from assets.robots import ROBOTS
from lace.core.geometry import apply, transform
from lace.core.keypoints import COUNT, INDEX, NAMES, Visibility
from lace.core.kinematics import Kinematics
from sim_envs.bodies.robot.poses import build_bank, is_free
from sim_envs.scenes.workspace import CLEARANCE

POSES, MAX_ERROR_M = 100, 1e-4


@pytest.fixture(scope="module", params=ROBOTS.names())
def any_robot(request):
    return ROBOTS[request.param](None)


def test_limits_are_ordered_and_home_lies_within(any_robot):
    body = any_robot.embodiment
    low, high = body.limits.T
    assert (low < high).all() and np.isfinite(body.limits).all()
    assert ((low <= body.home) & (body.home <= high)).all()
    assert all(joint.effort > 0 and joint.stiffness > 0 and joint.damping > 0 for joint in body.joints)
    assert set(any_robot.figure_pose) <= set(body.joint_names)


def test_the_arm_comes_first_turns_about_z_and_faces_x(any_robot):
    """sim_envs/bodies/robot/poses.py depends on this."""
    body, kinematics = any_robot.embodiment, Kinematics(any_robot.embodiment)
    arm = body.joints[: body.arm_dof]
    assert all(joint.kind == "hinge" and joint.curl is None for joint in arm)
    assert all(joint.curl is not None for joint in body.joints[body.arm_dof :])
    first = kinematics.link_poses(body.home)[kinematics.link_index[arm[0].child]]
    assert np.allclose(first[:3, :3] @ arm[0].axis, [0, 0, 1], atol=1e-6) and np.allclose(first[:2, 3], 0, atol=1e-6)
    palm = kinematics.link_poses(body.home)[kinematics.link_index[body.palm_link]]
    assert palm[0, 3] > 0.2 and abs(palm[1, 3]) < 0.2 and palm[2, 3] > 0


def test_the_fingers_point_along_the_palms_x(any_robot):
    body, kinematics = any_robot.embodiment, Kinematics(any_robot.embodiment)
    q = np.concatenate([body.home[: body.arm_dof], body.hand_at(0.0)])
    T = kinematics.link_poses(q)
    points = np.linalg.inv(T[kinematics.link_index[body.palm_link]])
    local = apply(points, kinematics.keypoints(T))
    tip = local[INDEX["index_tip"]] - local[INDEX["wrist"]]
    assert tip[0] > 0.9 * np.linalg.norm(tip[[0, 2]]) and tip[0] > 0.05


def test_the_keypoint_table_is_ordered_reasoned_and_on_the_body(any_robot):
    body, kinematics = any_robot.embodiment, Kinematics(any_robot.embodiment)
    names = [row.name for row in body.keypoints]
    assert "wrist" in names and len(set(names)) == len(names) and names == sorted(names, key=INDEX.get)
    T = kinematics.link_poses(np.concatenate([body.home[: body.arm_dof], body.hand_at(0.0)]))
    points = kinematics.keypoints(T)
    assert points.shape == (COUNT, 3)
    assert [NAMES[k] for k in np.flatnonzero(np.isfinite(points).all(1))] == names
    for row in body.keypoints:
        assert row.radius > 0 and row.link in row.links and len(row.reason) > 10
        meshes = [v for v in any_robot.visuals if v.link in row.links]
        surface = np.concatenate([_samples(T[kinematics.link_index[v.link]] @ v.T_link_mesh, v.mesh) for v in meshes])
        gap = np.linalg.norm(surface - points[INDEX[row.name]], axis=1).min()
        assert gap < row.radius, f"{row.name} lies {gap:.3f} m from its surface: no ray could call it visible"


def _samples(T, mesh) -> np.ndarray:
    return trimesh.sample.sample_surface_even(trimesh.Trimesh(apply(T, mesh.vertices), mesh.faces), 2000, seed=0)[0]


def test_forward_kinematics_agree_with_mujoco(any_robot):
    body = any_robot.embodiment
    q = np.random.default_rng(0).uniform(*body.limits.T, (POSES, len(body.joints)))
    model = mujoco.MjModel.from_xml_path(str(any_robot.xml_path))
    data = mujoco.MjData(model)
    ours = Kinematics(body).link_poses(q)
    for pose, T in zip(q, ours, strict=True):
        data.qpos[:] = pose
        mujoco.mj_kinematics(model, data)
        theirs = np.stack([transform(data.body(link).xmat.reshape(3, 3), data.body(link).xpos) for link in body.links])
        assert np.abs(T[:, :3, 3] - theirs[:, :3, 3]).max() < MAX_ERROR_M
        assert np.abs(T[:, :3, :3] - theirs[:, :3, :3]).max() < MAX_ERROR_M


def test_an_opened_hand_is_wider_than_a_closed_one(any_robot):
    body, kinematics = any_robot.embodiment, Kinematics(any_robot.embodiment)
    if not body.fingers:
        pytest.skip("no fingers")
    spans = []
    for share in (0.0, 1.0):
        points = kinematics.keypoints(
            kinematics.link_poses(np.concatenate([body.home[: body.arm_dof], body.hand_at(share)]))
        )
        spans.append(np.linalg.norm(points[INDEX["thumb_tip"]] - points[INDEX["index_tip"]]))
    assert spans[1] < spans[0] - 0.02


def test_a_bank_of_poses_is_free_and_above_the_table(any_robot):
    body, kinematics = any_robot.embodiment, Kinematics(any_robot.embodiment)
    bank = build_bank(any_robot, kinematics, 3, 32)
    limits = body.limits
    assert (bank.q >= limits[:, 0]).all() and (bank.q <= limits[:, 1]).all() and is_free(any_robot, bank.q).all()
    assert kinematics.keypoints(kinematics.link_poses(bank.q))[:, body.present, 2].min() > CLEARANCE


@pytest.mark.parametrize("name", ROBOTS.names())
def test_its_frames_are_labelled_and_show_keypoints(name, tmp_path):
    from dataclasses import replace

    from lace.data.verify import check_frames
    from sim_envs.config.scene import SceneConfig, with_preset
    from sim_envs.frames.source import SimulatedFrames

    config = with_preset(SceneConfig(embodiment=name, width=160, height=160, shadows=False), "clean")
    config = replace(config, axes=replace(config.axes, hand=replace(config.axes.hand, poses=16)))
    source = SimulatedFrames(config, worlds=4)
    frames = source.frames(config.seed, np.arange(4))
    source.close()
    assert not check_frames(frames)
    body = source.embodiment
    for frame in frames:
        assert frame.embodiment == name and frame.mask(semantic="robot").sum() > 200
        assert ((frame.visibility == Visibility.ABSENT) == ~body.present).all()
    visible = np.stack([frame.visibility == Visibility.VISIBLE for frame in frames])
    assert visible.any(1).sum() >= 3 and visible[:, body.present].mean() > 0.3
