"""Datasets in an object store: written whole, read, verified, merged; other libraries read them; errors are told."""

import json
from pathlib import Path

import numpy as np
import pytest

from lace.cli import main as cli
from lace.core import store
from lace.core.errors import DatasetError, InvalidValueError
from lace.core.files import file_names, file_size, publish_bytes, read_bytes, remove_file
from lace.core.parts import Part
from lace.core.run_identity import RunIdentity
from lace.data.dataset import FrameDataset
from lace.data.merge import merge
from lace.data.verify import verify_dataset
from tests.object_store import s3_server
from tests.synthetic import make_dataset

FRAMES, PER_SHARD = 5, 2


@pytest.fixture(scope="module")
def bucket():
    with pytest.MonkeyPatch.context() as monkeypatch, s3_server(monkeypatch) as address:
        yield address


def uploaded(source: Path, target: str) -> Path:
    for path in source.rglob("*"):
        if path.is_file():
            publish_bytes(Path(target) / path.relative_to(source), path.read_bytes())
    return Path(target)


@pytest.fixture(scope="module")
def both(bucket, tmp_path_factory):
    """(the dataset in a folder, the same one in the store)."""
    local = make_dataset(tmp_path_factory.mktemp("data") / "set", FRAMES, PER_SHARD)
    return local, uploaded(local, f"{bucket}/deep/set")


@pytest.mark.parametrize(
    ("path", "remote", "shown"),
    [
        ("s3://bucket/a/b", True, "s3://bucket/a/b"),
        ("gs://bucket", True, "gs://bucket"),
        ("az://box/a", True, "az://box/a"),
        ("/data/s3:/x", False, "/data/s3:/x"),
        ("data", False, "data"),
        ("s3", False, "s3"),
        (".", False, "."),
    ],
)
def test_paths_of_stores_are_told_from_folders(path, remote, shown):
    assert store.is_remote(path) == store.is_remote(Path(path)) == remote
    assert store.address(Path(path)) == shown
    assert store.is_remote(Path(path) / "x" / "..") == remote


def test_objects_are_published_read_listed_and_removed(bucket):
    folder = Path(f"{bucket}/folder")
    for name in ("b.txt", "a.txt", "c.bin"):
        publish_bytes(folder / name, name.encode())
    publish_bytes(folder / "a.txt", b"new")
    assert read_bytes(folder / "a.txt") == b"new" and file_size(folder / "b.txt") == 5
    assert file_names(folder, "*.txt") == ["a.txt", "b.txt"] and file_names(folder / "none") == []
    remove_file(folder / "a.txt"), remove_file(folder / "a.txt")
    assert file_size(folder / "a.txt") is None
    with pytest.raises(FileNotFoundError):
        read_bytes(folder / "a.txt")


def test_a_writer_that_dies_leaves_no_object(bucket):
    """What is uploaded in parts becomes an object when it is completed, in one call."""
    system, key = store.opened(f"{bucket}/half")
    stream = system.open_output_stream(key)
    stream.write(bytes(12 * 2**20))
    assert file_size(f"{bucket}/half") is None
    stream.close()
    assert file_size(f"{bucket}/half") == 12 * 2**20


def test_a_dataset_reads_the_same_from_the_store(both, capsys):
    local, remote = both
    there, here = FrameDataset(remote), FrameDataset(local)
    assert len(there) == len(here) == FRAMES
    assert all(np.array_equal(there[i].image, here[i].image) for i in range(FRAMES))
    assert there.column("index").tolist() == list(range(FRAMES)) and there.embodiments() == here.embodiments()
    assert vars(verify_dataset(remote)) | {"folder": 0} == vars(verify_dataset(local)) | {"folder": 0}
    assert cli.main(["data", "verify", store.address(remote)]) == 0
    assert cli.main(["data", "stats", store.address(remote)]) == 0
    stored = json.loads(read_bytes(remote / "stats" / "stats.json"))
    assert stored["frames"] == FRAMES and "check passed" in capsys.readouterr().out


def test_stores_and_folders_merge_into_a_store(bucket, both, tmp_path):
    other = make_dataset(tmp_path / "other", 3, 2, seed=4)
    out = Path(f"{bucket}/merged")
    assert merge([both[1], other], out) == FRAMES + 3
    assert not verify_dataset(out).problems and len(FrameDataset(out)) == FRAMES + 3


def test_a_run_in_a_store_resumes_and_is_refused_like_one_in_a_folder(bucket):
    def identity(seed=0):
        return RunIdentity(Path(f"{bucket}/run/run.json"), "a run", {"config": {"seed": seed}})

    with identity().opened():
        publish_bytes(Path(f"{bucket}/run/result"), b"1")
    with identity().opened(Part(2, 3)):
        pass
    with pytest.raises(DatasetError, match="seed 0 -> 1"), identity(1).opened():
        pass
    publish_bytes(Path(f"{bucket}/foreign/thing"), b"1")
    with pytest.raises(DatasetError, match="is not a run"):
        RunIdentity(Path(f"{bucket}/foreign/run.json"), "a run", {"config": {}}).check()


def test_what_a_store_refuses_is_one_message_with_the_next_step(bucket, monkeypatch):
    with pytest.raises(DatasetError, match="make s3://nobodys first"):
        publish_bytes("s3://nobodys/set/dataset.json", b"{}")
    with pytest.raises(DatasetError, match="opening the dataset s3://nobodys/set: it has no dataset.json"):
        FrameDataset("s3://nobodys/set")
    with pytest.raises(DatasetError, match="it has no dataset.json"):
        FrameDataset(f"{bucket}/nothing")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(DatasetError, match="AWS_ENDPOINT_URL and the network"):
        read_bytes(f"{bucket}/x")
    with pytest.raises(InvalidValueError, match="cannot be written to an object store"):
        store.require_local(f"{bucket}/x", "a fine-tune")
    store.require_local("folder", "a fine-tune")


def test_duckdb_reads_the_shards(both):
    import duckdb

    local, _remote = both
    query = f"SELECT count(*), sum(index), count(DISTINCT room) FROM '{local}/shards/*.parquet' WHERE width = 96"
    assert duckdb.sql(query).fetchall() == [(FRAMES, sum(range(FRAMES)), 2)]


def test_datasets_of_hugging_face_reads_the_shards(both, tmp_path):
    import datasets

    local, _remote = both
    frames = datasets.load_dataset(
        "parquet", data_files=f"{local}/shards/*.parquet", split="train", cache_dir=str(tmp_path)
    )
    assert len(frames) == FRAMES and frames[0]["embodiment"] == "synthetic"


def test_pyarrow_scans_the_store_with_a_filter(both):
    import pyarrow.dataset as ds

    system, key = store.opened(both[1] / "shards")
    rows = ds.dataset(key, filesystem=system, format="parquet").to_table(["index"], filter=ds.field("index") >= 3)
    assert rows["index"].to_pylist() == [3, 4]
