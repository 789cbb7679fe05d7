"""A tiny LeRobot dataset, made by the library itself, comes in ready to annotate."""

import numpy as np
import pytest

from lace.cli import main as cli
from lace.core.errors import LaceError
from lace.data.annotate.session import Session
from lace.data.dataset import FrameDataset
from lace.data.imports import lerobot
from lace.data.verify import verify_dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    root = tmp_path_factory.mktemp("lerobot") / "tiny"
    image = {"dtype": "image", "shape": (48, 64, 3), "names": ["height", "width", "channels"]}
    dataset = LeRobotDataset.create(
        "local/tiny", fps=10, features={"observation.images.front": image}, root=root, use_videos=False
    )
    for episode in range(2):
        for i in range(6):
            dataset.add_frame({"observation.images.front": pixels(episode, i), "task": "grasp"})
        dataset.save_episode()
    dataset.finalize()
    return root


def pixels(episode, i):
    return np.random.default_rng([episode, i]).integers(0, 255, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)


def test_frames_of_one_episode(folder, tmp_path):
    out = tmp_path / "out"
    assert cli.main(["import", "lerobot", str(folder), "--episode", "1", "--frames", "3", "--out", str(out)]) == 0
    dataset = FrameDataset(out)
    assert len(dataset) == 3 and not verify_dataset(out).problems
    for record, i in zip(dataset, (0, 2, 5), strict=True):
        assert np.abs(record.image.astype(int) - pixels(1, i)).mean() < 12 and not record.visibility.any()
    assert len(Session(out).names) == 3


def test_wrong_episode_camera_and_folder(folder, tmp_path):
    with pytest.raises(LaceError, match="from 0 to 1"):
        lerobot.candidates(str(folder), 2, 3, "robot")
    with pytest.raises(LaceError, match="observation.images.front"):
        lerobot.candidates(str(folder), 0, 3, "robot", "front")
    with pytest.raises(LaceError, match="meta/info.json"):
        lerobot.candidates(str(tmp_path), 0, 3, "robot")
