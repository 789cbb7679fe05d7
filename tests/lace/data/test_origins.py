"""Held-out frames share no image and no recording with training; datasets contain the embodiment they declare."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from lace.core.errors import DatasetError, InvalidValueError
from lace.data.dataset import FrameDataset
from lace.data.imports.backgrounds import Masker, candidates
from lace.data.imports.writing import Candidate, write_frames
from lace.data.origins import NAME, Origins, read_origins, recording_of, require_held_out
from lace.data.roles import require_disjoint, require_roles
from lace.data.stats import dataset_stats
from tests.synthetic import make_dataset, make_frame


@pytest.mark.parametrize(
    ("source", "recording"),
    [
        ("lerobot/lab/grasps/7/120", "lerobot/lab/grasps/7"),
        ("video/me.mp4@1.250s", "video/me.mp4"),
        ("hint/TRAIN_epick_img/EK_0001_r", "hint/TRAIN_epick_img/EK_0001"),
        ("photos/a/b.jpg", "photos/a/b.jpg"),
        ("images/0001.jpg", ""),
    ],
)
def test_the_recording_of_a_source(source, recording):
    assert recording_of(replace(make_frame(0), source=source)) == recording


def test_frames_of_one_simulated_motion_share_a_recording():
    frame = replace(make_frame(0), source="simulation", draws={"light.x": 1.0, "sensor.noise": 2.0})
    later = replace(frame, index=5, draws={"light.x": 1.0, "sensor.noise": 3.0, "demonstration.time": 0.5})
    other = replace(frame, draws={"light.x": 1.5, "sensor.noise": 2.0})
    assert recording_of(frame) == recording_of(later) != recording_of(other)
    assert recording_of(replace(frame, seed=9)) != recording_of(frame)


def test_shared_images_and_shared_recordings_are_refused():
    frames = [replace(make_frame(i), source=f"video/a.mp4@{i}.0s") for i in range(3)]
    training = Origins.of(frames[:2])
    require_held_out(training, Origins.of([make_frame(7)]), "robot")
    with pytest.raises(InvalidValueError, match="1 of 2 images and 1 recording "):
        require_held_out(training, Origins.of([frames[1], frames[2]]), "robot")
    with pytest.raises(InvalidValueError, match=r"0 of 1 image and 1 recording were trained on, .*video/a\.mp4"):
        require_held_out(training, Origins.of([frames[2]]), "robot")


@pytest.mark.parametrize("source", ["images/0001.jpg", "simulation"])
def test_another_background_makes_no_other_image(tmp_path, source):
    frames = [replace(make_frame(i, 48), source=source) for i in range(3)]
    write_frames(tmp_path / "before", [Candidate(str(i), partial(frames.__getitem__, i)) for i in range(3)], {})
    before = FrameDataset(tmp_path / "before")
    first, after = before[0], before[0]
    for seed in (0, 1):  # the second time on frames that have been changed already
        behind = candidates(before, Masker(), Noise(seed))
        write_frames(tmp_path / f"after{seed}", behind, {})
        before = FrameDataset(tmp_path / f"after{seed}")
        for one, two in ((first, before[0]), (before[0], first), (after, before[0])):
            assert not np.array_equal(one.image, two.image) and recording_of(one) == recording_of(two)
            with pytest.raises(InvalidValueError, match="1 of 1 image and"):
                require_held_out(Origins.of([one]), Origins.of([two]), "robot")
        after = before[0]
    assert not any("digest" in name for name in dataset_stats(before)["choices"])


class Noise:
    """Pictures of noise."""

    sources = ()

    def __init__(self, seed):
        self._seed = seed

    def picture(self, index):
        return "noise", np.random.default_rng([self._seed, index]).integers(0, 255, (48, 48, 3), np.uint8)


def test_a_manifest_is_read_back_and_a_broken_one_is_named(tmp_path):
    assert read_origins(tmp_path) == read_origins("dinov3-s") == Origins()
    (tmp_path / NAME).write_text('{"images": []}')
    with pytest.raises(DatasetError, match="does not read"):
        read_origins(tmp_path)
    found = Origins.of([make_frame(0)])
    assert Origins.from_json(found.as_json()) == found


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("roles")
    return {
        "robot": FrameDataset(make_dataset(folder / "robot", frames=2)),
        "human": FrameDataset(make_dataset(folder / "human", frames=2, human=True, seed=1)),
    }


def test_exchanged_datasets_are_refused(datasets):
    require_roles(datasets)
    with pytest.raises(InvalidValueError, match="as the robot frames: it shows human_synthetic"):
        require_roles({"robot": datasets["human"]})
    with pytest.raises(InvalidValueError, match="as the human frames: it shows synthetic"):
        require_roles({"human": datasets["robot"]})
    with pytest.raises(InvalidValueError, match="as the rod frames"):
        require_roles({"rod": datasets["human"]})


def test_one_dataset_under_two_names_is_refused(datasets, tmp_path):
    with pytest.raises(InvalidValueError, match="robot and rod are both"):
        require_roles({"robot": datasets["robot"], "rod": datasets["robot"]})
    same = {name: Origins.of([make_frame(0)]) for name in ("robot", "rod")}
    with pytest.raises(InvalidValueError, match="1 image of the robot frames in the rod frames too"):
        require_disjoint(same)
