"""Frames through one's own cameras: pose and lens are the file's, and labels lie where the lens draws."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lace.cli.main import main
from lace.core.errors import InvalidValueError
from lace.core.geometry import look_at
from lace.data.dataset import FrameDataset
from sim_envs.config.generate import GenerateConfig, defaults_of
from sim_envs.config.kinds import require_kind
from sim_envs.config.scene import with_preset
from sim_envs.frames.source import SimulatedFrames
from tests.lace.data.test_camera_file import OURS, write

LEFT = look_at(np.array([1.1, 0.5, 0.6]), np.array([0.45, 0, 0.1])).tolist()
RIG = [
    OURS | {"K": [[190.0, 0, 150], [0, 200, 118], [0, 0, 1]], "distortion": [-0.3, 0.1, 0.002, -0.001, -0.01]},
    OURS | {"K": [[210.0, 0, 170], [0, 210, 122], [0, 0, 1]], "distortion": [0.15, 0.05, 0, 0, 0], "T_base_cam": LEFT},
]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Sees by two cameras with lenses, which stay where they are."""
    path = write(tmp_path_factory.mktemp("rig") / "rig.json", RIG)
    config = with_preset(GenerateConfig(out=path.parent / "out", camera=path, width=320, height=240), "clean")
    source = SimulatedFrames(config, worlds=8)
    yield source
    source.close()


def test_frames_are_seen_by_the_cameras_of_the_file(source):
    records = source.frames(0, np.arange(8))
    poses = [np.array(camera["T_base_cam"]) for camera in RIG]
    which = [int(np.argmin([np.abs(record.T_world_cam - T).max() for T in poses])) for record in records]
    assert set(which) == {0, 1}
    for record, number in zip(records, which, strict=True):
        assert np.allclose(record.T_world_cam, poses[number]) and np.allclose(record.K, RIG[number]["K"])
        assert np.allclose(record.distortion[:5], RIG[number]["distortion"])
        assert record.image.shape == (240, 320, 3) and record.segmentation.shape == (240, 320)


def test_labels_lie_where_the_lens_draws(source):
    for start in (0, 8, 16):
        batch = source.compose(np.arange(start, start + 8), np.zeros(8, int))
        errors = source.marker_errors_px(batch)
        assert len(errors) >= 8 and errors.max() < 0.5


def test_the_lens_matters(source):
    [record] = source.frames(0, np.arange(1))
    straight = replace(
        record.camera, K=record.camera.K * [[1.0], [record.K[0, 0] / record.K[1, 1]], [1]], distortion=None
    )
    inside = record.visibility > 1
    moved = np.linalg.norm(straight.project(record.keypoints_world)[0] - record.keypoints_uv, axis=1)[inside]
    assert moved.max() > 2
    again = record.camera.project(record.keypoints_world)[0]
    assert np.abs(again - record.keypoints_uv)[inside].max() < 0.01


def test_the_jitter_is_as_stated(source):
    config = replace(source.config, camera_jitter_mm=20.0, camera_jitter_deg=2.0)
    from sim_envs.scenes.cameras import Cameras
    from sim_envs.scenes.randomization import SceneDraws

    draws = SceneDraws.of(config.axes, 0, np.arange(4000), np.zeros(4000, int))
    cameras = Cameras(config).draw(draws.camera, np.zeros((4000, 3)))
    home = np.stack([np.array(camera["T_base_cam"]) for camera in RIG])[draws.recorded()["camera.of_file"]]
    moved = np.linalg.inv(home) @ cameras.T_world_cam
    assert np.allclose(moved[:, :3, 3].std(0), 0.02, rtol=0.05)
    angle = np.rad2deg(np.arccos(np.clip((np.trace(moved[:, :3, :3], axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert np.isclose(np.sqrt((angle**2).mean() / 3), 2.0, rtol=0.05)


def test_a_command_takes_the_size_of_the_file_and_refuses_what_contradicts_it(tmp_path):
    path = write(tmp_path / "camera.json", RIG[0])
    config = replace(defaults_of(["--camera", str(path)], "robot"), camera=path, out=tmp_path)
    assert (config.width, config.height) == (320, 240)
    require_kind(config, "robot")
    with pytest.raises(InvalidValueError, match="the shape of 320 x 240"):
        require_kind(replace(config, width=100), "robot")
    with pytest.raises(InvalidValueError, match="--axes.camera beside"):
        camera = replace(config.axes.camera, fov_deg=(40.0, 41.0))
        require_kind(replace(config, axes=replace(config.axes, camera=camera)), "robot")
    with pytest.raises(InvalidValueError, match="jitter without"):
        GenerateConfig(out=tmp_path, camera_jitter_mm=3)


def test_generating_and_verifying_with_a_ros_camera(tmp_path):
    from tests.lace.data.test_camera_file import ROS

    write(tmp_path / "front_extrinsics.yaml", {"T_base_cam": OURS["T_base_cam"]})
    path, out = write(tmp_path / "front.yaml", ROS), tmp_path / "frames"
    words = ["generate", "robot", "--preset", "clean", "--camera", str(path), "--frames", "2", "--out", str(out)]
    assert main([*words, "--min-visible", "1", "--width", "160", "--height", "120"]) == 0
    assert main(["data", "verify", str(out)]) == 0
    assert np.allclose(FrameDataset(out)[0].T_world_cam, OURS["T_base_cam"])
    assert str(path) in json.loads((out / "dataset.json").read_text())["config"]["sources"]
    path.write_text(path.read_text() + "\n# changed\n")
    assert main([*words, "--min-visible", "1", "--width", "160", "--height", "120"]) == 2
