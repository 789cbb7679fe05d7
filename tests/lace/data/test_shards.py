"""Shards are complete or absent after any failure during writing; datasets report their defects."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from lace.core import files
from lace.core.errors import DatasetError, InvalidValueError
from lace.core.files import remove_leftovers
from lace.data.dataset import FrameDataset, shard_paths
from lace.data.schema import constants_of, encode_frame
from lace.data.shards import is_whole, read_shard, shard_name, write_shard
from lace.data.verify import verify_dataset
from tests import ROOT
from tests.synthetic import make_dataset, make_frame

ROWS = [encode_frame(make_frame(i, 48)) for i in range(3)]
CONSTANTS = constants_of(make_frame(0, 48))


def test_a_shard_reads_back_with_its_facts(tmp_path):
    path = tmp_path / "deep" / shard_name(0)
    write_shard(path, ROWS, CONSTANTS, {"marker_error_px": 0.25})
    shard = read_shard(path)
    assert shard.table.num_rows == 3 and shard.constants == CONSTANTS and shard.metadata == {"marker_error_px": 0.25}
    assert shard.table.column("image").to_pylist() == [row["image"] for row in ROWS]
    assert os.listdir(path.parent) == [path.name]


def test_the_same_rows_give_the_same_file(tmp_path):
    for name in ("a", "b"):
        write_shard(tmp_path / name, ROWS, CONSTANTS, {"x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_image_bytes_are_not_compressed_again(tmp_path):
    write_shard(tmp_path / "a", ROWS, CONSTANTS, {})
    group = pq.ParquetFile(tmp_path / "a").metadata.row_group(0)
    codecs = {group.column(i).path_in_schema: group.column(i).compression for i in range(group.num_columns)}
    assert {codecs.pop(name) for name in ("image", "segmentation", "depth")} == {"UNCOMPRESSED"}
    assert set(codecs.values()) == {"ZSTD"}


def test_no_rows_are_refused(tmp_path):
    with pytest.raises(InvalidValueError, match="at least one frame"):
        write_shard(tmp_path / "a", [], CONSTANTS, {})


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_publishes_nothing_and_keeps_what_was_there(tmp_path, monkeypatch, call):
    kept = tmp_path / shard_name(0)
    write_shard(kept, ROWS[:1], CONSTANTS, {})
    before = kept.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, call, full)
    for name in (shard_name(0), shard_name(1)):
        with pytest.raises(DatasetError, match="No space left on device.*\n.*room for the file"):
            write_shard(tmp_path / name, ROWS, CONSTANTS, {})
    assert os.listdir(tmp_path) == [kept.name] and kept.read_bytes() == before


def test_a_disk_that_fills_while_writing(tmp_path, monkeypatch):
    """A full device: /dev/full accepts no byte."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    path = tmp_path / shard_name(0)
    monkeypatch.setattr(files.secrets, "token_hex", lambda _bytes: "abcdef")
    (tmp_path / f"{path.name}.{os.getpid()}-abcdef{files.TEMPORARY_SUFFIX}").symlink_to("/dev/full")
    with pytest.raises(DatasetError, match="No space left"):
        write_shard(path, ROWS, CONSTANTS, {})
    assert os.listdir(tmp_path) == []


_WRITER = """
import sys
from tests.lace.data.test_shards import CONSTANTS, ROWS
from lace.data.shards import shard_name, write_shard
for number in range(100_000):
    write_shard(sys.argv[1] + "/shards/" + shard_name(number % 40), ROWS, CONSTANTS, {})
    if number == 0:
        print("started", flush=True)
"""


def test_kill_9_at_any_moment_leaves_only_whole_shards(tmp_path):
    for delay in (0.0, 0.05, 0.13):
        command = [sys.executable, "-c", _WRITER, str(tmp_path)]
        root = ROOT
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
        )
        assert process.stdout.readline() == b"started\n"
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        found = shard_paths(tmp_path)
        assert found and all(is_whole(path, 3) for path in found)
        whole = {read_shard(path).path.read_bytes() for path in found}
        assert len(whole) == 1


def test_a_cut_shard_is_not_whole_and_is_named(tmp_path):
    path = make_dataset(tmp_path, 6, 3, 48) / "shards" / shard_name(1)
    path.write_bytes(path.read_bytes()[:-100])
    assert not is_whole(path) and is_whole(path.with_name(shard_name(0)))
    with pytest.raises(DatasetError, match=r"shard-00001.*\n.*\n.*lace data verify.*delete this shard and rerun"):
        FrameDataset(tmp_path)


def test_a_dataset_is_a_sequence_of_frames(tmp_path):
    ds = FrameDataset(make_dataset(tmp_path, 7, 3, 48))
    assert len(ds) == 7 and len(ds.shards) == 3 and ds.meta["frames"] == 7
    assert [record.index for record in ds] == list(range(7)) and ds[-1].index == 6 and ds[3].index == 3
    np.testing.assert_array_equal(ds[4].segmentation, make_frame(4, 48).segmentation)
    with pytest.raises(IndexError, match="frame 7 of 7"):
        ds[7]


def test_columns_come_without_decoding(tmp_path):
    ds = FrameDataset(make_dataset(tmp_path, 7, 3, 48))
    np.testing.assert_array_equal(ds.column("index"), np.arange(7))
    assert ds.column("keypoints_uv").shape == (7, 42) and ds.column("room")[1] == "kitchen"
    with pytest.raises(KeyError, match="no column"):
        ds.column("nonsense")


def test_temporary_files_are_no_shards(tmp_path):
    make_dataset(tmp_path, 3, 3, 48)
    (tmp_path / "shards" / f"{shard_name(1)}.123{files.TEMPORARY_SUFFIX}").write_bytes(b"half")
    assert len(FrameDataset(tmp_path)) == 3
    assert remove_leftovers(tmp_path / "shards") == 1 and os.listdir(tmp_path / "shards") == [shard_name(0)]


def test_what_is_no_dataset_says_so(tmp_path):
    with pytest.raises(DatasetError, match="no such folder"):
        FrameDataset(tmp_path / "none")
    with pytest.raises(DatasetError, match=r"no dataset\.json, so it is not a dataset"):
        FrameDataset(tmp_path)
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(DatasetError, match="no finished shard"):
        FrameDataset(tmp_path)
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(DatasetError, match="not JSON"):
        FrameDataset(tmp_path)


def test_more_shards_than_five_digits_stay_in_order(tmp_path):
    (tmp_path / "shards").mkdir()
    numbers = [0, 9, 99_999, 100_000, 100_001, 1_000_000]
    for number in reversed(numbers):
        (tmp_path / "shards" / shard_name(number)).touch()
    assert [path.name for path in shard_paths(tmp_path)] == [shard_name(number) for number in numbers]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"7", b"\xff", b'{"frames": "x"}', b'{"frames": -1}', b"[" * 100_000]
)
def test_a_foreign_dataset_json_is_named(tmp_path, content):
    folder = make_dataset(tmp_path / "ds", 2, 2, 48)
    (folder / "dataset.json").write_bytes(content)
    for read in (FrameDataset, verify_dataset):
        with pytest.raises(DatasetError, match=r"dataset\.json"):
            read(folder)


def test_linked_folders_are_read(tmp_path):
    folder = make_dataset(tmp_path / "ds", 2, 2, 48)
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "dataset.json").symlink_to(folder / "dataset.json")
    (linked / "shards").symlink_to(folder / "shards")
    assert len(FrameDataset(linked)) == 2
    (tmp_path / "whole").symlink_to(folder)
    assert len(FrameDataset(tmp_path / "whole")) == 2
