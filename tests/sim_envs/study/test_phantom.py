"""The robot over a human: its wrist where the human's was, its fingers closed alike."""

import numpy as np
import pytest

from lace.core.geometry import axis_angle
from lace.core.keypoints import INDEX
from lace.data.dataset import FrameDataset, shard_paths
from lace.data.verify import verify_dataset
from sim_envs.bodies.robot.body import RobotBody
from sim_envs.config.generate import EMBODIMENTS, GenerateConfig
from sim_envs.config.scene import SceneConfig, with_preset
from sim_envs.frames.generate import run
from sim_envs.study import phantom
from sim_envs.study.phantom import CLOSED, matching_pose, palm_frames, straightness


@pytest.fixture(scope="module")
def robot():
    config = SceneConfig()
    object.__setattr__(config.axes.hand, "poses", 4)
    return RobotBody("xarm7_leap", config)


def moved(points, R, shift):
    return points @ R.T + shift


def test_palm_frames_turn_and_move_with_the_hand(robot):
    hand = robot.pose(robot.embodiment.home[None]).keypoints_world
    R, shift = axis_angle([0.6, 0.0, 0.8], 0.7), np.array([0.1, -0.2, 0.3])
    before, after = palm_frames(hand)[0], palm_frames(moved(hand, R, shift))[0]
    np.testing.assert_allclose(after[:3, :3], R @ before[:3, :3], atol=1e-9)
    np.testing.assert_allclose(after[:3, 3], R @ before[:3, 3] + shift, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(before[:3, :3]), 1)


def test_a_robot_s_own_hand_is_met_by_the_robot(robot):
    """Poses of the robot stand for the human: wrist and closing must come back."""
    q = robot.bank.q[:4].copy()
    shares = np.array([0.05, 0.3, 0.6, 1.0])
    q[:, robot.embodiment.arm_dof :] = [robot.embodiment.hand_at(share) for share in shares]
    wanted = robot.pose(q).keypoints_world
    pose, reached = matching_pose(robot, wanted)
    assert reached.sum() >= 3
    gap = np.linalg.norm(pose.keypoints_world - wanted, axis=-1)[reached]
    assert gap[:, INDEX["wrist"]].max() < 0.02
    step = np.ptp(straightness(wanted)) / (len(CLOSED) - 1)
    assert np.abs(straightness(pose.keypoints_world) - straightness(wanted))[reached].max() < 2 * step


def test_a_wrist_out_of_reach_is_told(robot):
    hand = robot.pose(robot.embodiment.home[None]).keypoints_world
    far = moved(hand, np.eye(3), np.array([3.0, 0, 0]))
    _pose, reached = matching_pose(robot, np.concatenate([hand, far]))
    assert reached.tolist() == [True, False]


def test_a_straight_and_a_bent_finger_by_hand():
    hand = np.zeros((2, 21, 3))
    for name in ("index", "middle", "ring"):
        first = INDEX[f"{name}_mcp"]
        hand[0, first : first + 4] = [[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]]
        hand[1, first : first + 4] = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    np.testing.assert_allclose(straightness(hand), [1, 1 / 3])


def test_the_copy_passes_every_check_though_frames_are_missing_and_a_lost_shard_comes_back(tmp_path, monkeypatch):
    human = GenerateConfig(
        out=tmp_path / "human", embodiment=EMBODIMENTS["human"], width=64, height=64, frames=6, shard_frames=3, seed=2
    )
    human = with_preset(human, "lab")
    run(human, lambda *_: None)
    met = phantom.matching_pose

    def all_but_the_second(body, keypoints):
        pose, reached = met(body, keypoints)
        return pose, np.where(np.arange(len(reached)) == 1, False, True)

    monkeypatch.setattr(phantom, "matching_pose", all_but_the_second)
    made, of = phantom.make(human, tmp_path / "copy")
    assert 2 <= made < of == 6
    assert not verify_dataset(tmp_path / "copy").problems
    numbers = list(FrameDataset(tmp_path / "copy").column("index"))
    assert len(numbers) == made and 1 not in numbers and set(numbers) <= set(range(6)), "numbers of the human frames"
    first = shard_paths(tmp_path / "copy")[0]
    whole = first.read_bytes()
    first.unlink()
    assert phantom.make(human, tmp_path / "copy") == (made, of)
    assert first.read_bytes() == whole
