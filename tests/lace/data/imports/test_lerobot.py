"""A tiny LeRobot dataset, written by the library itself, is imported ready to annotate."""

import json
import shutil

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


def test_frames_of_one_episode(folder, tmp_path, caplog):
    out = tmp_path / "out"
    assert cli.main(["import", "lerobot", str(folder), "--episode", "1", "--frames", "3", "--out", str(out)]) == 0
    dataset = FrameDataset(out)
    assert len(dataset) == 3 and not verify_dataset(out).problems
    for record, i in zip(dataset, (0, 2, 5), strict=True):
        assert np.abs(record.image.astype(int) - pixels(1, i)).mean() < 12 and not record.visibility.any()
    assert len(Session(out).names) == 3
    assert not caplog.text, "lerobot prints pages on the video decoders that it tries"


def test_wrong_episode_camera_and_folder(folder, tmp_path):
    with pytest.raises(LaceError, match="from 0 to 1"):
        lerobot.candidates(str(folder), 2, 3, "robot")
    with pytest.raises(LaceError, match="observation.images.front"):
        lerobot.candidates(str(folder), 0, 3, "robot", "front")
    with pytest.raises(LaceError, match="meta/info.json"):
        lerobot.candidates(str(tmp_path), 0, 3, "robot")


def alter_info(root, change):
    path = root / "meta" / "info.json"
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))


def as_video(info):
    info["features"]["observation.images.front"]["dtype"] = "video"


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


def pointers_for_videos(root):
    alter_info(root, as_video)
    file = root / "videos" / "observation.images.front" / "chunk-000" / "file-000.mp4"
    file.parent.mkdir(parents=True)
    file.write_bytes(POINTER)


DAMAGES = {
    "v2.1": (lambda root: alter_info(root, lambda info: info.update(codebase_version="v2.1")), "format is v2.1"),
    "no version": (lambda root: alter_info(root, lambda info: info.pop("codebase_version")), "info.json is damaged"),
    "cut info": (lambda root: (root / "meta" / "info.json").write_text('{"codebase'), "info.json is damaged"),
    "info is a list": (lambda root: (root / "meta" / "info.json").write_text("[]"), "info.json is damaged"),
    "features are text": (lambda root: alter_info(root, lambda info: info.update(features="x")), "is damaged"),
    "pointer": (
        lambda root: (root / "meta" / "info.json").write_text("version https://git-lfs.github.com/spec/v1\noid"),
        "git lfs pull",
    ),
    "data is a pointer": (
        lambda root: next((root / "data").rglob("*.parquet")).write_bytes(POINTER),
        "parquet is a Git LFS pointer",
    ),
    "videos are pointers": (pointers_for_videos, "mp4 is a Git LFS pointer"),
    "no data": (lambda root: shutil.rmtree(root / "data"), "data/ is missing"),
    "no videos": (lambda root: alter_info(root, as_video), "videos/ is missing"),
    "no episodes": (lambda root: shutil.rmtree(root / "meta" / "episodes"), "cannot read it"),
    "cut data": (lambda root: next((root / "data").rglob("*.parquet")).write_bytes(b"PAR1cut"), "cannot read it"),
    "negative": (lambda root: alter_info(root, lambda info: info.update(total_episodes=-1)), "an episode from 0 to"),
    "text for a number": (lambda root: alter_info(root, lambda info: info.update(total_episodes="x")), "cannot read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_is_named_without_asking_the_network(damage, folder, tmp_path, monkeypatch, capsys):
    def network(*_args, **_kwargs):
        pytest.fail("a local folder asked the network")

    monkeypatch.setattr("socket.getaddrinfo", network)
    root = tmp_path / "copy"
    shutil.copytree(folder, root)
    change, said = DAMAGES[damage]
    change(root)
    assert cli.main(["import", "lerobot", str(root), "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
