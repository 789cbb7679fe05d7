"""A robot of the user's own: a folder with URDF and embodiment.toml becomes a robot that obeys the laws of ours."""

import shutil
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from assets.grasps import DEFAULT, grasp_for, store
from assets.robots import ROBOTS
from lace.core.errors import AssetError, UnknownNameError
from lace.core.keypoints import INDEX
from lace.core.kinematics import Kinematics
from sim_envs.config.scene import SceneConfig
from sim_envs.config.sources import sources_of, trial_sources_of
from tests import ROOT

TOY = ROOT / "examples" / "toy_hand"


@pytest.fixture
def folder(tmp_path):
    """A copy of the example that may be changed."""
    return shutil.copytree(TOY, tmp_path / "toy_hand")


def edit(folder, old, new, file="embodiment.toml"):
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.fixture(scope="module")
def toy():
    return ROBOTS[str(TOY)](None)


def test_a_folder_becomes_a_robot_on_the_arm(toy):
    body = toy.embodiment
    assert body.name == "toy_hand" and body.arm_dof == 7 and len(body.joints) == 12
    assert body.palm_link == "hand_palm" and len(body.fingers) == 3
    assert {row.name for row in body.keypoints} >= {"wrist", "thumb_tip", "index_tip"} and body.present.sum() == 9
    assert any(row.licence == "Apache-2.0" and "example" in row.source for row in body.provenance)


def test_the_palm_s_frame_is_ours_and_everything_stayed_in_its_place(toy):
    """The file's palm has its fingers along y and looks along z; ours has them along x and looks along -z."""
    body, kinematics = toy.embodiment, Kinematics(toy.embodiment)
    T = kinematics.link_poses(body.home)
    palm = T[kinematics.link_index["hand_palm"]]
    local = np.linalg.inv(palm) @ np.concatenate([kinematics.keypoints(T), np.ones((21, 1))], 1)[..., None]
    at = {name: local[INDEX[name], :3, 0] for name in ("wrist", "index_tip", "ring_tip", "thumb_mcp")}
    assert np.allclose(at["wrist"], [0.005, 0, 0]) and np.allclose(at["index_tip"], [0.18, -0.025, 0])
    assert np.allclose(at["ring_tip"], [0.18, 0.025, 0]) and np.allclose(at["thumb_mcp"], [0.02, 0, -0.025])
    assert np.allclose(body.grasp_point, [0.10, 0, -0.05])
    drawn = next(v for v in toy.visuals if v.link == "hand_palm")
    box = (drawn.mesh.vertices @ drawn.T_link_mesh[:3, :3].T + drawn.T_link_mesh[:3, 3]).round(6)
    assert np.allclose(box.min(0), [0, -0.04, -0.0125]) and np.allclose(box.max(0), [0.09, 0.04, 0.0125])


def test_kinematics_agree_with_mujoco_and_joints_are_servos(toy):
    body = toy.embodiment
    model = mujoco.MjModel.from_xml_path(str(toy.xml_path))
    data = mujoco.MjData(model)
    q = np.random.default_rng(0).uniform(*body.limits.T)
    data.qpos[:] = q
    mujoco.mj_kinematics(model, data)
    ours = Kinematics(body).link_poses(q)
    assert max(np.abs(T[:3, 3] - data.body(link).xpos).max() for T, link in zip(ours, body.links, strict=True)) < 1e-6
    assert model.nu == len(body.joints) and all(joint.effort > 0 for joint in body.joints)
    hand = [b for b in range(model.nbody) if model.body(b).name.startswith("hand_")]
    assert (model.body_mass[hand] > 0).all()


def test_a_changed_file_is_another_robot(folder):
    before = ROBOTS._make_own(str(folder))(None)
    edit(folder, "offset = [0, 0.055, 0]", "offset = [0, 0.05, 0]")
    assert ROBOTS._make_own(str(folder))(None).xml_path != before.xml_path


def test_a_grasp_found_for_it_is_another_run_of_the_same_robot(folder):
    recipe, config = ROBOTS[str(folder)], SceneConfig(embodiment=str(folder))
    frames, robot = sources_of(config), recipe(None)
    known = replace(grasp_for("dinosaur"), embodiment=recipe.name, target=DEFAULT)
    store(known, recipe.grasps)
    trials = trial_sources_of(config)
    store(replace(known, trials=1000, successes=990), recipe.grasps)
    assert trial_sources_of(config) == trials, "figures of a test decide nothing"
    store(replace(known, closed=known.open), recipe.grasps, always=True)
    assert trial_sources_of(config) != trials
    assert sources_of(config) == frames and recipe(None).xml_path == robot.xml_path


def test_on_another_arm(folder):
    edit(folder, 'arm = "xarm7"', 'arm = "ur5e"')
    body = ROBOTS._make_own(str(folder))(None).embodiment
    assert body.arm_dof == 6 and body.links[0] == "base"
    T = Kinematics(body).link_poses(body.home)
    fingers = T[body.links.index("hand_palm")][:3, 0]
    assert fingers[2] < -0.7  # fingers down at home, as the rod points


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('licence = "Apache-2.0"\n', "", "no 'licence'"),
        ('palm = "palm" ', 'palm = "hand" ', "no link 'hand'"),
        ('fingers = "+y"', 'fingers = "y"', "not one of"),
        ('faces = "+z"', 'faces = "-y"', "not at right angles"),
        ('arm = "xarm7"', 'arm = "panda"', "none of xarm7, ur5e"),
        ('arm = "xarm7"', 'arm = "xarm7"\narm_home = {elbow = 1.0}', "arm_home 'elbow' is none of joint1, joint2"),
        ("thumb_tip = {link", "thumb_top = {link", "'thumb_top' is none of the 21"),
        ("[curl]", "[curls]", "'curls' is not known"),
        ("index_pip = [0.1, 0.6]\n", "", "no curl"),
        ('palm = "palm" ', 'locked = ["elbow"]\npalm = "palm" ', "no joint 'elbow'"),
    ],
)
def test_what_is_wrong_with_a_description_is_said(folder, old, new, said):
    edit(folder, old, new)
    with pytest.raises((AssetError, ValueError), match=said):
        ROBOTS._make_own(str(folder))(None)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('lower="-0.6" upper="0.6"', 'lower="0" upper="0"', "thumb_mcp has no limits"),
        ('<geometry><box size="0.08 0.09 0.025"/>', '<geometry><mesh filename="package://toy/palm.dae"/>', "palm.dae"),
        ("</robot>", "", "MuJoCo loads"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(folder, old, new, said):
    edit(folder, old, new, "toy_hand.urdf")
    with pytest.raises(AssetError, match=said):
        ROBOTS._make_own(str(folder))(None)


def test_texts_that_are_neither_are_names_that_do_not_exist(tmp_path):
    with pytest.raises(UnknownNameError, match="'xarm7_leap' if that was meant"):
        ROBOTS["xarm7_lep"]
    with pytest.raises(UnknownNameError, match="or a folder with embodiment.toml"):
        ROBOTS["my_hnad"]
    with pytest.raises(AssetError, match="copy examples/toy_hand/embodiment.toml"):
        ROBOTS[str(tmp_path)]
    with pytest.raises(AssetError, match="no_such_module"):
        ROBOTS["no_such_module:ROBOT"]
    with pytest.raises(AssetError, match="a Registry"):
        ROBOTS["assets.robots:ROBOTS"]


def test_module_and_name(tmp_path, monkeypatch):
    (tmp_path / "my_robots.py").write_text("from assets.robots.ur5e_rod import UR5E_ROD as MINE\n")
    monkeypatch.chdir(tmp_path)
    assert ROBOTS["my_robots:MINE"].name == "ur5e_rod"


def test_checking_says_per_law_what_is_wrong(folder, toy):
    from assets.robots.check import LAWS, check

    assert [problems for _law, problems in check(toy)] == [[]] * len(LAWS)
    edit(folder, 'fingers = "+y"', 'fingers = "+x"')
    edit(folder, "offset = [0, 0.055, 0]", "offset = [0, 0.155, 0]")
    edit(folder, 'arm = "xarm7"', 'arm = "xarm7"\narm_home = {joint4 = 0.1, joint6 = 0.45}')
    wrong = {law: problems for law, problems in check(ROBOTS._make_own(str(folder))(None)) if problems}
    assert any("change fingers" in problem for problem in wrong["the open fingers point along the palm's x"])
    assert "raise the arm" in wrong["the arm at home holds the hand above what is on a table"][0]
    assert wrong["keypoints lie on the robot"][0].startswith("thumb_tip is 0.09")


@pytest.mark.parametrize("name", ROBOTS.built_in)
def test_our_own_robots_hold_every_law(name):
    from assets.robots.check import LAWS, check

    assert [problems for _law, problems in check(ROBOTS[name](None))] == [[]] * len(LAWS)


def test_the_command_draws_and_ends_with_1_where_a_law_is_broken(folder, tmp_path, capsys):
    from lace.cli.main import main

    edit(folder, "offset = [0, 0.055, 0]", "offset = [0, 0.155, 0]")
    assert main(["assets", "check", str(folder), "--out", str(tmp_path / "toy.png")]) == 1
    assert "1 of 7 laws broken" in capsys.readouterr().out and (tmp_path / "toy.png").stat().st_size > 10_000
