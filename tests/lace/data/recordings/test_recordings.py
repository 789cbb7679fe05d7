"""Recordings of a real robot: joints between time stamps, clock offset, every supported format, the labels."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from lace.cli.recordings import RecordingConfig, label, recording
from lace.core.camera import PinholeCamera
from lace.core.errors import DatasetError, InvalidValueError
from lace.core.keypoints import Visibility
from lace.data.camera_file import CalibratedCamera, read_camera
from lace.data.dataset import FrameDataset
from lace.data.recordings import columns
from lace.data.recordings.folder import RecordingWriter, read_folder
from lace.data.recordings.lag import estimate_lag
from lace.data.recordings.lerobot import read_episode
from lace.data.recordings.mcap import read_mcap
from lace.data.verify import verify_dataset
from tests.recordings import (
    BODY,
    CAMERA,
    HEIGHT,
    KINEMATICS,
    WIDTH,
    as_lerobot,
    as_mcap,
    as_ros2,
    lens_file,
    made_up,
    swing,
)


def test_joints_are_straight_between_states_and_unknown_in_gaps():
    stamps, q = np.array([0.0, 0.1, 0.5, 0.6]), np.arange(4)[:, None] * np.ones((1, 23))
    found = replace(made_up(), state_stamps_s=stamps, joint_positions=q)
    q = found.joints_at(np.array([-0.01, 0.0, 0.05, 0.3, 0.56, 0.61]))[:, 0]
    np.testing.assert_allclose(q, [np.nan, 0, 0.5, np.nan, 2.6, np.nan])


@pytest.mark.parametrize("lag_s", [-0.13, 0.0, 0.08, 0.25])
def test_the_lag_between_the_clocks_is_found(lag_s):
    found = estimate_lag(made_up(lag_s), KINEMATICS)
    assert found.trusted
    assert abs(found.lag_s - lag_s) < 0.015


def test_no_lag_is_claimed_where_nothing_moves_or_the_images_are_noise():
    still = made_up()
    still = replace(still, joint_positions=np.tile(BODY.home, (len(still.state_stamps_s), 1)))
    assert not estimate_lag(still, KINEMATICS).trusted
    rng = np.random.default_rng(0)
    noise = replace(made_up(), image=lambda _i: rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8))
    assert not estimate_lag(noise, KINEMATICS).trusted


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image_stamps_s": np.array([0.0, 0.0])}, "do not increase"),
        ({"joint_positions": np.zeros((3, 23))}, "shape"),
        ({"state_stamps_s": np.array([0.0])}, "1 joint state"),
    ],
)
def test_damaged_recordings_are_refused(change, words):
    with pytest.raises(DatasetError, match=words):
        replace(made_up(), **change)


def test_a_missing_joint_is_named():
    found = made_up()
    found = replace(found, joint_names=("j1", *found.joint_names[1:]))
    with pytest.raises(DatasetError, match="no joint joint1"):
        found.in_order_of(BODY)


def same(a, b, image_atol=0) -> None:
    """Both recordings hold the same values at the same times."""
    at = a.image_stamps_s[2:-2]
    np.testing.assert_allclose(b.joints_at(at), a.joints_at(at), atol=1e-5)
    for i in (0, len(at) // 2):
        difference = np.abs(a.image(i).astype(int) - b.image(i).astype(int))
        assert difference.mean() <= image_atol
    np.testing.assert_allclose(b.camera.T_world_cam, a.camera.T_world_cam)


def test_our_own_folder_comes_back(tmp_path):
    found = made_up(seconds=1.5)
    with RecordingWriter(tmp_path / "one", found.joint_names, CAMERA, {"guide": "hand"}) as writer:
        for i, stamp in enumerate(found.image_stamps_s):
            writer.add_image(stamp, found.image(i))
        for stamp, q in zip(found.state_stamps_s, found.joint_positions, strict=True):
            writer.add_state(stamp, q)
    same(found, read_folder(tmp_path / "one"), image_atol=2)
    with (tmp_path / "one" / "states.jsonl").open("a") as file:
        file.write('{"stamp_s": 99, "joint_po')  # killed while writing a line
    assert len(read_folder(tmp_path / "one").state_stamps_s) == len(found.state_stamps_s)
    with pytest.raises(DatasetError, match="there already"):
        RecordingWriter(tmp_path / "one", found.joint_names, CAMERA, {})


def test_mcap_comes_back_with_its_own_stamps_and_joints_by_name(tmp_path):
    found = made_up(seconds=1.5)
    lens = read_camera(lens_file(tmp_path / "lens.json"))
    path = as_mcap(found, tmp_path / "one.mcap", names={"joint1": "xarm_1"})
    back = read_mcap(path, lens, {"xarm_1": "joint1"})
    assert back.joint_names == found.joint_names
    same(found, back)
    with pytest.raises(InvalidValueError, match="/joint_states"):
        read_mcap(path, lens, {}, images="/other")
    damaged = tmp_path / "cut.mcap"
    damaged.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DatasetError, match=r"cut\.mcap"):
        read_mcap(damaged, lens, {})
    with pytest.raises(DatasetError, match="protobuf"):
        read_mcap(as_mcap(found, tmp_path / "two.mcap", "protobuf"), lens, {})


def test_ros_2_messages_come_back(tmp_path):
    found = made_up(seconds=1.5)
    lens = read_camera(lens_file(tmp_path / "lens.json"))
    same(found, read_mcap(as_ros2(found, tmp_path / "ros.mcap"), lens, {}))


def test_lerobot_comes_back_and_an_old_one_says_how_to_convert(tmp_path):
    found = made_up(seconds=1.5)
    states = np.arange(100) / 50
    found = replace(found, image_stamps_s=np.arange(20) / 20, state_stamps_s=states, joint_positions=swing(states))
    lens = read_camera(lens_file(tmp_path / "lens.json"))
    folder = as_lerobot(found, tmp_path / "set")
    same(found, read_episode(folder, 0, lens, {}))
    with pytest.raises(InvalidValueError, match="episode 3"):
        read_episode(folder, 3, lens, {})
    info = json.loads((folder / "meta" / "info.json").read_text())
    (folder / "meta" / "info.json").write_text(json.dumps(info | {"codebase_version": "v2.1"}))
    with pytest.raises(DatasetError, match="convert_dataset_v21_to_v30"):
        read_episode(folder, 0, lens, {})


def test_a_distorted_image_is_rectified():
    """Undistorting a distorted point gives its pinhole projection."""
    K = CAMERA.K.copy()
    K[1, 1] *= 1.1
    lens = CalibratedCamera(K, (-0.2, 0.05, 0.001, -0.001, 0.0), CAMERA.T_world_cam, WIDTH, HEIGHT)
    ray = np.array([0.22, -0.15, 1.0])
    (bent,) = cv2.projectPoints(ray.reshape(1, 3), np.zeros(3), np.zeros(3), K, np.array(lens.distortion))[0]
    image = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    v, u = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    image += 255 * np.exp(-((u - bent[0, 0]) ** 2 + (v - bent[0, 1]) ** 2) / 8)[..., None]
    straight = lens.rectified(image.astype(np.uint8))[..., 0].astype(float)
    centre = np.array([(straight * u).sum(), (straight * v).sum()]) / straight.sum()
    expected = (lens.camera.K @ ray)[:2]
    np.testing.assert_allclose(centre, expected, atol=0.3)
    assert np.linalg.norm(bent[0] - expected) > 2, "the lens really bends here"


@pytest.mark.parametrize("text", ["joint1", "=joint1", "a=joint1 a=joint2"])
def test_invalid_joint_names_are_refused(text):
    with pytest.raises(InvalidValueError, match="THEIRS=ours"):
        columns.parse_joints(text.split())


@pytest.fixture(scope="module")
def labeller():
    from sim_envs.frames.recorded import RobotLabeller

    return RobotLabeller("xarm7_leap", 224, 224)


def test_labels_are_those_of_the_simulated_picture(labeller, source, batch):
    """A frame drawn with its surroundings, and its labels from joints and camera alone."""
    drawn = source.draw(batch)
    records = source.records(batch, *drawn, np.arange(source.worlds), np.zeros(source.worlds, int))
    agreed = []
    for record in records[:8]:
        got = labeller.labelled(record.image, record.joint_positions, record.camera, "test")
        present = BODY.present
        np.testing.assert_allclose(got.keypoints_uv[present], record.keypoints_uv[present], atol=0.01)
        alone, among = got.visibility == Visibility.VISIBLE, record.visibility == Visibility.VISIBLE
        assert alone[among].all(), "what is visible among other things is visible without them"
        agreed.append((alone == among).mean())
    assert np.mean(agreed) > 0.9


def test_a_recording_becomes_a_dataset_that_verifies(labeller, tmp_path, monkeypatch, capsys):
    from sim_envs.frames import recorded

    square = PinholeCamera(np.array([[240.0, 0, 112], [0, 240, 112], [0, 0, 1]]), CAMERA.T_world_cam, 224, 224)
    drawn = made_up(0.1, seconds=3.0)
    shown = replace(
        drawn,
        camera=square,
        image=lambda i: labeller.label(swing(drawn.image_stamps_s[i : i + 1] - 0.1)[0], square).image,
    )
    monkeypatch.setattr(recorded, "RobotLabeller", lambda *_arguments: labeller)
    assert label(shown, tmp_path / "set", "xarm7_leap", 10, None) == 0
    said = capsys.readouterr().out
    assert "images lag the joint states by" in said
    dataset = FrameDataset(tmp_path / "set")
    assert not verify_dataset(tmp_path / "set").problems
    assert len(dataset) == 10
    for i in (0, 5, 9):
        number = int(dataset[i].source.rsplit("/", 1)[1])
        truth = labeller.label(swing(drawn.image_stamps_s[number : number + 1] - 0.1)[0], square)
        gap = np.linalg.norm(dataset[i].keypoints_uv - truth.keypoints_uv, axis=1)[BODY.present]
        assert gap.max() < 1.0
    assert (tmp_path / "set" / "labels.png").stat().st_size > 10_000


def test_an_unknown_recording_names_the_supported_formats(tmp_path):
    (tmp_path / "x.bag").write_bytes(b"")
    with pytest.raises(DatasetError, match="LeRobot"):
        recording(RecordingConfig(tmp_path / "x.bag", tmp_path / "out"))
    (tmp_path / "x.mcap").write_bytes(b"")
    with pytest.raises(InvalidValueError, match="--calibration"):
        recording(RecordingConfig(tmp_path / "x.mcap", tmp_path / "out"))
    with pytest.raises(InvalidValueError, match="--lag"):
        recording(RecordingConfig(tmp_path / "x.mcap", tmp_path / "out", lag="soon"))
