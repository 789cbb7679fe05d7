"""The xArm7 with the LEAP Hand: kinematics against two independent libraries and against the manufacturers' files."""

import xml.etree.ElementTree as ET

import mujoco
import numpy as np
import pinocchio
import pytest
import trimesh

from assets.robots.xarm7_leap import LEAP_HAND, XARM7
from assets.robots.xarm7_leap_build import ARM_EFFORT, ARM_GAINS, HAND_EFFORT, HAND_GAINS, INDEX_TIP_FAULT
from lace.core.geometry import apply, invert, rotation_from_quat_wxyz, transform
from lace.core.keypoints import FINGERS, INDEX, NAMES
from lace.core.kinematics import Kinematics
from lace.core.wheels import asset_folder

POSES = 200
MAX_ERROR_M, MAX_ERROR_RAD = 1e-4, 1e-4
FINGER_LINKS = ("if_ds", "mf_ds", "rf_ds", "th_ds")
TIP_OFF_AXIS_M = 0.002
"""Largest distance of a fingertip's centre from its finger's centre along the hinge axis."""
TIP_COVER_M = 0.001
"""Largest difference of the drawn tip and its collision hull, which are decimated separately."""


@pytest.fixture(scope="module")
def model(robot) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(robot.xml_path))


@pytest.fixture(scope="module")
def makers_hand() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(asset_folder(LEAP_HAND) / "right_hand.xml"))


@pytest.fixture(scope="module")
def makers_arm() -> dict[str, ET.Element]:
    """Bodies link1 to link7 of the manufacturer's file by name."""
    root = ET.parse(asset_folder(XARM7) / "xarm.xml").getroot()
    return {
        body.get("name"): body for body in root.iter("body") if body.get("name") in {f"link{i}" for i in range(1, 8)}
    }


@pytest.fixture(scope="module")
def poses(robot) -> np.ndarray:
    """Joint positions (POSES, joints) over the whole range of the limits [rad]."""
    limits = robot.embodiment.limits
    return np.random.default_rng(0).uniform(limits[:, 0], limits[:, 1], (POSES, len(limits)))


def _numbers(text: str) -> np.ndarray:
    return np.array([float(x) for x in text.split()])


def _mujoco_poses(model: mujoco.MjModel, q: dict[str, float], links: tuple[str, ...]) -> np.ndarray:
    """T_world_link (links, 4, 4)."""
    data = mujoco.MjData(model)
    for name, angle in q.items():
        data.qpos[model.joint(name).qposadr[0]] = angle
    mujoco.mj_kinematics(model, data)
    return np.stack([transform(data.body(link).xmat.reshape(3, 3), data.body(link).xpos) for link in links])


def _assert_same_poses(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert np.linalg.norm(ours[..., :3, 3] - theirs[..., :3, 3], axis=-1).max() < MAX_ERROR_M
    turn = np.swapaxes(ours[..., :3, :3], -1, -2) @ theirs[..., :3, :3]
    skew = np.stack(
        [turn[..., 2, 1] - turn[..., 1, 2], turn[..., 0, 2] - turn[..., 2, 0], turn[..., 1, 0] - turn[..., 0, 1]]
    )
    angle = np.arctan2(np.linalg.norm(skew, axis=0), np.trace(turn, axis1=-2, axis2=-1) - 1)
    assert angle.max() < MAX_ERROR_RAD


def test_kinematics_agree_with_mujoco(robot, model, poses):
    body = robot.embodiment
    theirs = np.stack([_mujoco_poses(model, dict(zip(body.joint_names, q, strict=True)), body.links) for q in poses])
    _assert_same_poses(Kinematics(body).link_poses(poses), theirs)


def test_kinematics_and_keypoints_agree_with_pinocchio(robot, poses):
    """Pinocchio reads the MJCF with its own parser (`buildModelFromMJCF`)."""
    body, kinematics = robot.embodiment, Kinematics(robot.embodiment)
    pin_model = pinocchio.buildModelFromMJCF(str(robot.xml_path))
    pin_data = pin_model.createData()
    columns = [pin_model.joints[pin_model.getJointId(name)].idx_q for name in body.joint_names]
    frames = [pin_model.getFrameId(link, pinocchio.FrameType.BODY) for link in body.links]
    assert pin_model.nq == len(body.joints) and max(frames) < pin_model.nframes
    theirs = np.zeros((POSES, len(frames), 4, 4))
    for i, q in enumerate(poses):
        arranged = np.zeros(pin_model.nq)
        arranged[columns] = q
        pinocchio.framesForwardKinematics(pin_model, pin_data, arranged)
        theirs[i] = [pin_data.oMf[frame].homogeneous for frame in frames]
    ours = kinematics.link_poses(poses)
    _assert_same_poses(ours, theirs)
    gap = np.linalg.norm(kinematics.keypoints(ours) - kinematics.keypoints(theirs), axis=-1)
    assert np.nanmax(gap) < MAX_ERROR_M


def test_hand_kinematics_are_the_makers(robot, makers_hand, poses):
    body = robot.embodiment
    ours = Kinematics(body).link_poses(poses[:20])
    rows = [body.links.index(link) for link in body.hand_links]
    palm = body.links.index(body.palm_link)
    plain = tuple(link.removeprefix("leap_") for link in body.hand_links)
    for q, T in zip(poses, ours, strict=False):
        angles = {n.removeprefix("leap_"): a for n, a in zip(body.joint_names, q, strict=True) if n.startswith("leap_")}
        theirs = _mujoco_poses(makers_hand, angles, plain)
        _assert_same_poses(invert(T[palm]) @ T[rows], invert(theirs[plain.index("palm")]) @ theirs)


def test_arm_kinematics_limits_and_masses_are_the_makers(robot, model, makers_arm):
    joints = {joint.name: joint for joint in robot.embodiment.joints}
    for i in range(1, 8):
        joint, theirs = joints[f"joint{i}"], makers_arm[f"link{i}"]
        rotation = rotation_from_quat_wxyz(_numbers(theirs.get("quat", "1 0 0 0")))
        assert np.allclose(joint.T_parent_child, transform(rotation, _numbers(theirs.get("pos"))), atol=1e-6)
        assert theirs.find("joint").get("name") == joint.name
        assert np.allclose((joint.lower, joint.upper), _numbers(theirs.find("joint").get("range")), atol=1e-6)
        assert np.allclose(joint.axis, _numbers(theirs.find("joint").get("axis")))
        assert model.body(f"link{i}").mass[0] == pytest.approx(float(theirs.find("inertial").get("mass")))


def test_hand_limits_and_masses_are_the_makers(robot, model, makers_hand):
    hand = [joint for joint in robot.embodiment.joints if joint.name.startswith("leap_")]
    assert len(hand) == 16
    for joint in hand:
        theirs = makers_hand.joint(joint.name.removeprefix("leap_"))
        assert np.allclose((joint.lower, joint.upper), theirs.range, atol=1e-9)
        assert np.allclose(joint.axis, theirs.axis)
    for link in robot.embodiment.hand_links:
        assert model.body(link).mass[0] == pytest.approx(makers_hand.body(link.removeprefix("leap_")).mass[0])


def test_gains_and_torques_reach_the_compiled_model(robot):
    """The gains are ours, not the manufacturers' (right_hand.xml has 8 and 5.6): measured, see xarm7_leap_build.py."""
    joints = robot.embodiment.joints
    assert [(j.stiffness, j.damping) for j in joints] == [*ARM_GAINS, *(HAND_GAINS,) * 16]
    assert [j.effort for j in joints] == pytest.approx([*ARM_EFFORT, *(HAND_EFFORT,) * 16])


def _geom_vertices(model: mujoco.MjModel, geom: int) -> np.ndarray:
    """Vertices (n, 3) [m] of a mesh geom in its link's frame."""
    mesh = model.mesh(int(model.geom_dataid[geom]))
    rows = slice(int(mesh.vertadr[0]), int(mesh.vertadr[0] + mesh.vertnum[0]))
    return apply(transform(rotation_from_quat_wxyz(model.geom_quat[geom]), model.geom_pos[geom]), model.mesh_vert[rows])


def tip_off_axis(model: mujoco.MjModel, link: str) -> float:
    """Distance [m] along the hinge axis (link z) from the fingertip collision shape's centre to its phalanx."""
    geoms = [g for g in range(model.ngeom) if model.geom_bodyid[g] == model.body(link).id]
    meshes = [g for g in geoms if model.geom_type[g] == mujoco.mjtGeom.mjGEOM_MESH]
    tip = next(g for g in meshes if model.geom_contype[g])
    phalanx = next(g for g in meshes if not model.geom_contype[g])
    middles = [np.mean([(v := _geom_vertices(model, g)[:, 2]).min(), v.max()]) for g in (tip, phalanx)]
    return abs(middles[0] - middles[1])


@pytest.mark.parametrize("link", FINGER_LINKS)
def test_collision_tip_sits_on_its_finger(model, link):
    assert tip_off_axis(model, f"leap_{link}") < TIP_OFF_AXIS_M


def test_makers_index_tip_fails_that_check_and_only_it(makers_hand):
    off = {link: tip_off_axis(makers_hand, link) for link in FINGER_LINKS}
    assert off.pop("if_ds") == pytest.approx(-INDEX_TIP_FAULT[2], abs=TIP_OFF_AXIS_M)
    assert max(off.values()) < TIP_OFF_AXIS_M


@pytest.mark.parametrize("finger", ["if", "mf", "rf", "th"])
def test_collision_tip_covers_the_drawn_tip(model, finger):
    solid = trimesh.convex.convex_hull(_geom_vertices(model, model.geom(f"leap_{finger}_tip").id))
    drawn = _geom_vertices(model, model.geom(f"leap_{finger}_tip_visual").id)
    outside = (drawn @ solid.face_normals.T - np.einsum("ij,ij->i", solid.face_normals, solid.triangles[:, 0])).max()
    assert outside < TIP_COVER_M
    assert np.abs(solid.bounds - [drawn.min(0), drawn.max(0)]).max() < TIP_COVER_M


def test_keypoint_table_is_whole_but_for_the_little_finger(robot):
    names = [row.name for row in robot.embodiment.keypoints]
    assert len(set(names)) == len(names)
    assert set(NAMES) - set(names) == {f"little_{joint}" for joint in ("mcp", "pip", "dip", "tip")}
    assert names == sorted(names, key=INDEX.get)
    assert robot.embodiment.present.tolist() == [k < 17 for k in range(21)]
    assert all(row.link in row.links and row.radius > 0 and row.reason for row in robot.embodiment.keypoints)


def test_open_hand_keypoints_go_outwards(robot):
    """With straight fingers, each joint is further from the wrist than the one before it; absent ones are NaN."""
    kinematics = Kinematics(robot.embodiment)
    points = kinematics.keypoints(kinematics.link_poses(np.zeros(len(robot.embodiment.joints))))
    reach = np.linalg.norm(points - points[0], axis=-1)
    for finger in range(4):
        along = reach[4 * finger + 1 : 4 * finger + 5]
        assert (np.diff(along) > 0.01).all(), FINGERS[finger]
    assert np.isnan(points[17:]).all() and np.isfinite(points[:17]).all()


def test_keypoints_lie_within_their_radius_of_their_own_surface(robot):
    """Otherwise no ray could label them visible."""
    kinematics = Kinematics(robot.embodiment)
    T = kinematics.link_poses(np.zeros(len(robot.embodiment.joints)))
    points = kinematics.keypoints(T)
    for row in robot.embodiment.keypoints:
        surfaces = [
            trimesh.Trimesh(
                apply(T[kinematics.link_index[visual.link]] @ visual.T_link_mesh, visual.mesh.vertices),
                visual.mesh.faces,
            )
            for visual in robot.visuals
            if visual.link in row.links
        ]
        samples = np.concatenate([trimesh.sample.sample_surface_even(s, 3000, seed=0)[0] for s in surfaces])
        gap = np.linalg.norm(samples - points[INDEX[row.name]], axis=1).min()
        assert gap < row.radius, f"{row.name}: {gap:.4f} m from its surface, radius {row.radius}"
