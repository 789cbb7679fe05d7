"""Merged datasets: every frame of every source, numbered on; resumable; several folders read as one dataset."""

from dataclasses import replace

import numpy as np
import pytest

from lace.alignment.finetune import FinetuneConfig, open_datasets
from lace.cli import main as cli
from lace.core.errors import DatasetError, InvalidValueError
from lace.data import merge as merging
from lace.data.dataset import FrameDataset
from lace.data.merge import merge
from lace.data.verify import verify_dataset
from tests.synthetic import make_dataset


def sources(tmp_path):
    first = make_dataset(tmp_path / "first", 5, 2)
    second = make_dataset(tmp_path / "second", 3, 2, seed=1)
    return [first, second]


def same(a, b, index):
    return np.array_equal(a.image, replace(b, index=index).image) and a.draws == b.draws and a.index == index


def test_all_frames_are_there_in_order_and_pass_every_check(tmp_path, capsys):
    folders, out = sources(tmp_path), tmp_path / "out"
    assert cli.main(["data", "merge", *map(str, folders), "--out", str(out)]) == 0
    assert "8 frames of 2 datasets" in capsys.readouterr().out
    merged, whole = FrameDataset(out), FrameDataset(tuple(folders))
    assert len(merged) == len(whole) == 8
    assert all(same(merged[i], whole[i], i) for i in range(8))
    assert not verify_dataset(out).problems
    assert whole.place == f"{folders[0]} + {folders[1]}"


def test_a_killed_merge_resumes_to_the_same_bytes(tmp_path, monkeypatch):
    folders = sources(tmp_path)
    merge(folders, tmp_path / "whole")
    calls = []

    def publish(*args):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(args)
        original(*args)

    original = merging.publish_renumbered
    monkeypatch.setattr(merging, "publish_renumbered", publish)
    with pytest.raises(KeyboardInterrupt):
        merge(folders, tmp_path / "killed")
    monkeypatch.setattr(merging, "publish_renumbered", original)
    merge(folders, tmp_path / "killed")
    for path in sorted((tmp_path / "whole" / "shards").iterdir()):
        assert path.read_bytes() == (tmp_path / "killed" / "shards" / path.name).read_bytes()


def test_unfinished_equal_and_foreign_folders_are_refused(tmp_path):
    first, second = sources(tmp_path)
    with pytest.raises(InvalidValueError, match="given twice"):
        merge([first, tmp_path / "x" / ".." / "first"], tmp_path / "out")
    with pytest.raises(InvalidValueError, match="no folder"):
        merge([], tmp_path / "out")
    (second / "shards" / "shard-00001.parquet").unlink()
    with pytest.raises(DatasetError, match="2 of its 3 frames"):
        merge([first, second], tmp_path / "out")
    merge([first], tmp_path / "out")
    with pytest.raises(DatasetError, match="other values"):
        merge([make_dataset(tmp_path / "third", 1, seed=9)], tmp_path / "out")


def test_finetune_takes_several_folders_each_once(tmp_path):
    first, second = sources(tmp_path)
    human = make_dataset(tmp_path / "human", 1, human=True)
    config = FinetuneConfig(robot=(first, second), human=human, out=tmp_path / "out")
    assert {role: len(dataset) for role, dataset in open_datasets(config).items()} == {"robot": 8, "human": 1}
    with pytest.raises(InvalidValueError, match="each folder once"):
        open_datasets(replace(config, robot=(first, first)))
