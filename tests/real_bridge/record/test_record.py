"""A demonstration on the emulator becomes labelled frames; guides move the arm, within the allowed speed."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from lace.cli.recordings import label
from lace.core.errors import InvalidValueError, UnknownNameError
from lace.core.kinematics import Kinematics
from lace.data.dataset import FrameDataset
from lace.data.recordings.folder import RecordingWriter, read_folder
from lace.data.verify import verify_dataset
from policies.outcome import SafetyStop
from real_bridge.record.by_hand import ByHand
from real_bridge.record.command import RecordConfig, record
from real_bridge.record.demonstration import LEAD_SPEED_RAD_S, DemonstrationRecorder
from real_bridge.record.guide import Goal, Site, make_guide
from real_bridge.record.keyboard import Keyboard
from real_bridge.record.vision_pro import JOINTS_OF_25, VisionPro
from real_bridge.rig import Rig, RigConfig
from real_bridge.safety.guard import Guard
from tests.bridged import PATIENT
from tests.emulated import needs_ports
from tests.real_bridge.filmed import Watched


@pytest.fixture
def site(robot, emulator):
    return Site(emulator.arm, robot.embodiment, robot.xml_path)


def rig_config(emulator, tmp_path, camera="") -> RigConfig:
    return RigConfig(emulator.arm, str(emulator.hand), camera or "shared:127.0.0.1:1", state=tmp_path / "state")


@needs_ports
@pytest.mark.slow
def test_a_demonstration_by_hand_becomes_labels_within_a_pixel_of_the_renderers_truth(filmed, robot, tmp_path):
    emulator, camera = filmed.emulator, Watched(filmed.address)
    rig = Rig(rig_config(emulator, tmp_path, filmed.address), robot.embodiment, {}, PATIENT)
    guide = make_guide("hand", Site(emulator.arm, robot.embodiment, robot.xml_path))
    assert isinstance(guide, ByHand)
    view = camera.newest().camera
    start = np.array(emulator.admin.truth()["joint_positions"])[:7]
    push = threading.Timer(0.7, emulator.admin.guide, [start + [0.35, 0.1, 0, 0.15, 0, 0.1, 0]], {"speed": 0.1})
    push.start()
    try:
        with RecordingWriter(tmp_path / "recording", robot.embodiment.joint_names, view, {}) as writer:
            counts = DemonstrationRecorder(rig, camera, None, guide, None).run(writer, 4.0, 0.02, lambda _seconds: None)
    finally:
        push.join()
        guide.close()
        rig.close()
        camera.close()
    assert emulator.admin.truth()["state"] in (4, 5), "the arm does not yield any more"
    moved = np.abs(np.array(emulator.admin.truth()["joint_positions"])[:7] - start).max()
    assert moved > 0.1
    assert counts.images >= 5
    found = read_folder(tmp_path / "recording")
    assert label(found, tmp_path / "set", "xarm7_leap", 0, 0.0) == 0
    assert not verify_dataset(tmp_path / "set").problems
    gaps = []
    for frame in FrameDataset(tmp_path / "set"):
        stamp = found.image_stamps_s[int(frame.source.rsplit("/", 1)[1])]
        gaps.append(np.linalg.norm(frame.keypoints_uv - camera.truth[stamp], axis=1)[robot.embodiment.present])
    assert len(gaps) >= 4
    assert np.max(gaps) < 1.0


@needs_ports
@pytest.mark.slow
def test_keys_move_the_palm_through_the_guard(emulator, robot, site, tmp_path):
    keys = iter(["w", "w", "r", "c", "c"] + [""] * 60 + ["\n"])
    guide = Keyboard(site, lambda: next(keys))
    body = Kinematics(robot.embodiment)
    palm = body.link_index[robot.embodiment.palm_link]
    rig = Rig(rig_config(emulator, tmp_path), robot.embodiment, {}, PATIENT)
    truth = emulator.admin.truth()
    before = body.link_poses(np.array(truth["joint_positions"]))[palm]
    guard = Guard(robot.embodiment, robot.xml_path, truth["table_z"], PATIENT, lambda _decision: None)
    with RecordingWriter(tmp_path / "recording", robot.embodiment.joint_names, view(), {}) as writer:
        try:
            rig.enable()
            recorder = DemonstrationRecorder(rig, Blind(), None, guide, guard)
            recorder.run(writer, 20.0, 0.02, lambda _seconds: None)
        finally:
            rig.close()
    after = body.link_poses(np.array(emulator.admin.truth()["joint_positions"]))[palm]
    np.testing.assert_allclose(after[:3, 3] - before[:3, 3], [0.016, 0, 0.008], atol=0.004)
    speeds = np.abs(np.diff(read_folder(tmp_path / "recording").joint_positions[:, :7], axis=0)).max(0)
    assert speeds.max() < 3 * LEAD_SPEED_RAD_S * 0.02


def view():
    from tests.recordings import CAMERA

    return CAMERA


class Blind:
    """A camera with noise and new time stamps: only images are recorded from it."""

    def __init__(self):
        self._rng, self._count = np.random.default_rng(0), 0

    def newest(self):
        import time

        from real_bridge.cameras.camera import Frame

        self._count += 1
        return Frame(self._rng.integers(0, 255, (168, 224, 3), np.uint8), time.monotonic(), self._count, view())


@needs_ports
def test_an_arm_with_an_error_refuses_hand_guiding(emulator, site):
    from real_bridge.emulator.faults import ControllerError

    emulator.admin.inject(ControllerError(31))
    guide = make_guide("hand", site)
    with pytest.raises(SafetyStop, match="C31"):
        guide.begin(np.zeros(7), np.zeros(16))
    guide.close()


def test_a_headset_moves_palm_and_fingers(robot):
    T = np.tile(np.eye(4), (1, 1, 1))
    fingers = np.tile(np.eye(4), (25, 1, 1))
    fingers[:, 0, 3] = np.arange(25)
    seen = {"right_wrist": T.copy(), "right_fingers": fingers, "left_pinch_distance": 0.1}
    told = []
    guide = VisionPro(
        Site("", robot.embodiment, robot.xml_path), lambda: seen, lambda points: told.append(points) or np.full(16, 9.0)
    )
    home = robot.embodiment.home
    body = Kinematics(robot.embodiment)
    palm = body.link_index[robot.embodiment.palm_link]
    guide.begin(home[:7], home[7:])
    seen["right_wrist"] = T.copy()
    seen["right_wrist"][0, :3, 3] = [0.03, -0.02, 0.01]
    goal = guide.next(home[:7], home[7:], 0.02)
    assert isinstance(goal, Goal)
    moved = body.link_poses(np.concatenate([goal.arm, home[7:]]))[palm] @ np.linalg.inv(body.link_poses(home)[palm])
    np.testing.assert_allclose(
        body.link_poses(np.concatenate([goal.arm, home[7:]]))[palm][:3, 3] - body.link_poses(home)[palm][:3, 3],
        [0.03, -0.02, 0.01],
        atol=1e-3,
    )
    np.testing.assert_allclose(moved[:3, :3], np.eye(3), atol=0.02)
    np.testing.assert_array_equal(goal.hand, robot.embodiment.limits[7:, 1], "beyond the limits is cut to them")
    np.testing.assert_array_equal(told[0][:, 0], JOINTS_OF_25)
    seen["left_pinch_distance"] = 0.01
    assert guide.next(home[:7], home[7:], 0.02) is None


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"guide": "keybord"}, UnknownNameError, "keyboard"),
        ({"seconds": 0.0}, InvalidValueError, "--seconds"),
        ({"guide": "vision_pro:1.2.3.4,none.urdf"}, InvalidValueError, "URDF"),
    ],
)
def test_invalid_options_are_refused(change, error, words, tmp_path, monkeypatch, robot):
    config = RecordConfig(RigConfig("127.0.0.9", "/dev/null", "shared:127.0.0.1:1"), tmp_path / "out")
    with pytest.raises(error, match=words):
        changed = replace(config, **change)
        make_guide(changed.guide, Site("", robot.embodiment, robot.xml_path))
    assert not (tmp_path / "out").exists()
    assert callable(record)
