"""A run folder belongs to one configuration and to one process at a time."""

import json
import os
import signal
import subprocess
import sys

import pytest

from lace.core.errors import DatasetError
from lace.core.lock import LOCK_NAME, locked_folder
from lace.core.run_identity import RunIdentity
from tests import ROOT

ORIGIN = {"config": {"seed": 1, "frames": 5, "axes": {"light": [0, 1]}}, "versions": {"numpy": "2"}, "commit": "a"}


def identity(folder, origin=ORIGIN, **more):
    return RunIdentity(folder / "run.json", "a run", origin, **more)


def run(folder, origin=ORIGIN, **more):
    with identity(folder, origin, **more).opened():
        (folder / "result.txt").write_text("precious")


def changed(**config):
    return ORIGIN | {"config": {**ORIGIN["config"], **config}}


def test_the_same_origin_claims_and_resumes(tmp_path):
    run(tmp_path / "deep" / "run")
    path = tmp_path / "deep" / "run" / "run.json"
    before = path.read_bytes()
    assert json.loads(before) == ORIGIN
    run(path.parent, ORIGIN | {"commit": "b"})
    assert path.read_bytes() == before
    assert sorted(os.listdir(path.parent)) == ["result.txt", "run.json"]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"seed": 2}, "seed 1 -> 2"),
        ({"more": None}, r"more \(not there\) -> null"),
        ({"axes": {"light": [0, 2]}}, r"axes.light \[0, 1\] -> \[0, 2\]"),
        ({"axes": {}}, r"axes.light \[0, 1\] -> \(not there\)"),
    ],
)
def test_another_configuration_is_refused_and_nothing_changes(tmp_path, config, said):
    run(tmp_path)
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(DatasetError, match=f"a run made with other values: {said}"):
        run(tmp_path, changed(**config))
    assert (tmp_path / "run.json").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["result.txt", "run.json"]


def test_may_change_fields_may_differ(tmp_path):
    run(tmp_path)
    run(tmp_path, changed(frames=9, axes={"light": [5, 5]}), may_change=("frames", "axes"))


def test_other_entries_are_compared_where_asked(tmp_path):
    newer = ORIGIN | {"versions": {"numpy": "3"}}
    run(tmp_path)
    run(tmp_path, newer)
    with pytest.raises(DatasetError, match='numpy "2" -> "3"'):
        run(tmp_path, newer, compared=("config", "versions"))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"7", b"\xff", b'{"config"'])
def test_a_foreign_identity_file_is_an_error_that_names_it(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)
    (tmp_path / "result.txt").write_text("precious")
    with pytest.raises(DatasetError, match=r"run\.json"):
        run(tmp_path)
    assert (tmp_path / "run.json").read_bytes() == content


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(DatasetError, match="is not a run"):
        run(tmp_path)
    assert os.listdir(tmp_path) == ["thesis.txt"]
    with pytest.raises(DatasetError, match="is not a run"):
        run(tmp_path / "thesis.txt")


@pytest.mark.parametrize("error", [DatasetError("a", "b", "c", "d"), RuntimeError("any"), KeyboardInterrupt()])
@pytest.mark.parametrize("there_before", [False, True])
def test_a_run_that_fails_without_a_result_releases_the_folder(tmp_path, error, there_before):
    out = tmp_path / "out"
    if there_before:
        out.mkdir()
    with pytest.raises(type(error)), identity(out).opened():
        (out / "shards").mkdir()
        raise error
    assert out.exists() == there_before and (not there_before or not any(out.iterdir()))
    run(out, changed(seed=2))


def test_a_run_that_fails_after_a_result_keeps_it(tmp_path):
    with pytest.raises(RuntimeError), identity(tmp_path).opened():
        (tmp_path / "shards").mkdir()
        (tmp_path / "shards" / "a").write_text("precious")
        raise RuntimeError
    with pytest.raises(DatasetError, match="seed 1 -> 2"):
        run(tmp_path, changed(seed=2))


HOLD = """
import sys, time
from pathlib import Path
from lace.core.run_identity import RunIdentity
with RunIdentity(Path(sys.argv[1]) / "run.json", "a run", {"config": {"seed": 1}}).opened():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_run_in_the_folder_is_refused_until_the_first_ends(tmp_path, holder):
    one = {"config": {"seed": 1}}
    with pytest.raises(DatasetError, match=f"another process is at work in it .process {holder.pid} on "):
        run(tmp_path, one)
    assert not (tmp_path / "result.txt").exists()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    run(tmp_path, {"config": {"seed": 2}})  # the killed run left no result: the folder is free
    assert sorted(os.listdir(tmp_path)) == ["result.txt", "run.json"]


def test_a_lock_has_one_holder(tmp_path):
    with locked_folder(tmp_path):
        assert (tmp_path / LOCK_NAME).read_text().startswith(f"process {os.getpid()} on ")
        with pytest.raises(DatasetError, match="another process"), locked_folder(tmp_path):
            pass
    with locked_folder(tmp_path):
        pass
    assert not os.listdir(tmp_path)


def test_a_file_system_without_locks_gives_a_warning(tmp_path, monkeypatch, caplog):
    def unsupported(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", unsupported)
    with locked_folder(tmp_path):
        assert "has no locks" in caplog.text
