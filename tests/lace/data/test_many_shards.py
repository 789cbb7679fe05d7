"""Datasets of many shards open by what dataset.json says, and what it says wrongly is found when a shard is read."""

import json

import pytest

from lace.core.errors import DatasetError
from lace.data import dataset as datasets
from lace.data.dataset import META_NAME, FrameDataset
from tests.synthetic import make_dataset


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Five frames in three shards, which count as many."""
    monkeypatch.setattr(datasets, "_MANY", 2)
    made = make_dataset(tmp_path / "set", 5, 2)
    told(made, {"frames": 5, "config": {"shard_frames": 2}})
    return made


def told(folder, meta):
    (folder / META_NAME).write_text(json.dumps(meta))


def unread(*_args):
    raise AssertionError("a footer was read")


@pytest.mark.parametrize(
    "meta",
    [
        {"frames": 5, "config": {"shard_frames": 2}},
        {"frames": 5, "frames_per_shard": 2},
        {"frames": 5, "shard_rows": [2, 2, 1]},
    ],
)
def test_opening_reads_no_shard(folder, monkeypatch, meta):
    told(folder, meta)
    monkeypatch.setattr(datasets, "read_metadata", unread)
    dataset = FrameDataset(folder)
    assert len(dataset) == 5 and [dataset[i].index for i in (4, 0, 3)] == [4, 0, 3]


def test_a_missing_shard_is_left_out(folder):
    (folder / "shards" / "shard-00001.parquet").unlink()
    (folder / "shards" / "shard-00003.parquet").write_bytes((folder / "shards" / "shard-00002.parquet").read_bytes())
    told(folder, {"frames": 7, "config": {"shard_frames": 2}})
    dataset = FrameDataset(folder)
    assert len(dataset) == 5
    with pytest.raises(DatasetError, match="it has 1 frame, not 2"):
        dataset[2]


def test_the_embodiments_of_many_shards_are_those_of_some(folder):
    assert FrameDataset(folder).embodiments() == ["synthetic"]
    assert FrameDataset((folder, make_dataset(folder.parent / "h", 1, human=True))).embodiments() == [
        "human_synthetic",
        "synthetic",
    ]
