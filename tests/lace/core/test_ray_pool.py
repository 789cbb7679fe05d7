"""Parts on Ray: the same results as in processes; deaths are made good, counted and told; errors say what to do."""

import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from lace.core.errors import DatasetError, InvalidValueError, UnknownNameError
from lace.core.files import publish_bytes
from lace.core.workers import WorkerOptions, make_parts
from tests import ROOT

ray = pytest.importorskip("lace.core.ray_pool").ray  # imported by way of our module, which sets Ray's options first


@dataclass
class Cubes:
    """Publishes the cube of a number as a file; some numbers fail, each in its own way."""

    folder: Path

    def make(self, number: int) -> int:
        if number == 13:
            raise UnknownNameError("number", "13", ["12", "14"])
        if number == 555:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/shared/part-555")
        if number == 99:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 7 and not (self.folder / "died").exists():
            (self.folder / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if number >= 1000:
            (self.folder / f"begun-{number}").touch()
            time.sleep(1.0)
        publish_bytes(self.folder / f"part-{number}", f"{number**3}\n".encode() * 100)
        return number**3

    def close(self) -> None:
        pass


def refused(folder: Path) -> Cubes:
    raise InvalidValueError("opening", folder.name, "another", "choose one")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("part-*")}


def test_workers_do_not_copy_the_environment_of_uv_run():
    """With it on, a local run of three small shards had made none after four minutes."""
    from ray._private import ray_constants

    assert not ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV


def test_without_ray_the_error_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "lace.core.ray_pool", raising=False)
    with pytest.raises(InvalidValueError, match="uv sync --extra scale"):
        list(make_parts(partial(Cubes, tmp_path), [1, 2], WorkerOptions(ray="local")))


@pytest.mark.parametrize(
    ("address", "said"), [("127.0.0.1:9", "nothing answers"), ("nowhere", "no address"), ("ray://h:1", "no address")]
)
def test_a_cluster_that_is_not_there_is_told_at_once(address, said, tmp_path):
    with pytest.raises(InvalidValueError, match=said) as error:
        list(make_parts(partial(Cubes, tmp_path), [1, 2], WorkerOptions(ray=address)))
    assert "ray start --head" in error.value.next_step


def test_versions_that_differ_are_told_apart_from_a_missing_cluster():
    from lace.core.ray_pool import _no_cluster

    text = "Version mismatch: The cluster was started with:\n  Ray: 2.50.0\n  Python: 3.11.4"
    assert "same versions of Ray and Python" in _no_cluster("auto", text.splitlines()).expected
    slow = _no_cluster("local", ["The current node timed out during startup. This could happen because"])
    assert "other jobs" in slow.next_step and "30 s" in str(slow)


def test_a_worker_with_other_packages_or_another_folder_is_refused(tmp_path):
    from lace.core.provenance import environment
    from lace.core.ray_pool import Worker

    expected = environment()
    with pytest.raises(DatasetError, match="numpy .*, not 0.1"):
        Worker().open(partial(Cubes, tmp_path), expected | {"numpy": "0.1"}, None)
    home = tmp_path / "dataset.json"
    with pytest.raises(DatasetError, match="shared folder or s3://"):
        Worker().open(partial(Cubes, tmp_path), expected, (home, b"{}"))
    home.write_bytes(b"{}")
    worker = Worker()
    worker.open(partial(Cubes, tmp_path), expected, (home, b"{}"))
    assert worker.make(2) == 8


class Instant:
    """Stands in for the module `ray`: calls run at once, machines and deaths are made up."""

    def __init__(self, monkeypatch, cpus=(2.0, 1.0), deadly=lambda _method, _arguments: False):
        self.machines, self.deadly, self.started, self.killed = cpus, deadly, 0, 0
        from lace.core import ray_pool

        monkeypatch.setattr(ray_pool, "ray", self)
        monkeypatch.setattr(ray_pool, "environment", dict)

    def is_initialized(self):
        return True

    def nodes(self):
        return [{"Alive": True, "Resources": {"CPU": cpus}} for cpus in self.machines]

    def cluster_resources(self):
        return {"CPU": sum(self.machines)}

    def remote(self, kind):
        return SimpleNamespace(options=lambda **_options: SimpleNamespace(remote=lambda: self._start(kind)))

    def _start(self, kind):
        self.started += 1
        worker = kind()

        def method(name):
            def call(*arguments):
                from ray.exceptions import RayActorError, RayTaskError

                if self.deadly(name, arguments):
                    return _Later(error=RayActorError(error_msg="The worker died unexpectedly"))
                try:
                    return _Later(getattr(worker, name)(*arguments))
                except Exception as error:
                    return _Later(error=RayTaskError(name, "trace", error))

            return SimpleNamespace(remote=call)

        return SimpleNamespace(open=method("open"), make=method("make"))

    def wait(self, references, timeout):
        return references[:1], references[1:]

    def get(self, reference):
        if reference.error:
            raise reference.error
        return reference.value

    def kill(self, _worker):
        self.killed += 1


class _Later:
    def __init__(self, value=None, error=None):
        self.value, self.error = value, error


def made(tmp_path, tasks, **more):
    named = "shard of seed 4, number"
    return dict(make_parts(partial(Cubes, tmp_path), tasks, WorkerOptions(ray="auto", **more), named=named))


def test_every_part_is_made_once_by_as_many_workers_as_there_is_room_for(tmp_path, monkeypatch):
    told, cluster = [], Instant(monkeypatch)
    parts = make_parts(partial(Cubes, tmp_path), range(6), WorkerOptions(ray="auto"), lambda: told.append("ready"))
    assert dict(parts) == {n: n**3 for n in range(6)} and told == ["ready"]
    assert cluster.started == 3, "one for each CPU"
    half = Instant(monkeypatch)
    made(tmp_path, range(20, 40), task_cpus=0.5)
    assert half.started == 6 == half.killed


def test_a_worker_that_dies_is_replaced_and_its_part_made_again(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "lace")
    deaths = iter([True, True])
    cluster = Instant(monkeypatch, deadly=lambda name, given: name == "make" and given == (8,) and next(deaths, False))
    assert made(tmp_path, [1, 8, 2]) == {1: 1, 8: 512, 2: 8} and cluster.started >= 3
    assert "shard of seed 4, number 8: its worker died" in caplog.text and "2 parts were made again" in caplog.text


def test_a_poison_part_fails_with_its_own_error_and_seed(tmp_path, monkeypatch):
    Instant(monkeypatch, deadly=lambda name, given: name == "make" and given == (99,))
    with pytest.raises(DatasetError, match="making shard of seed 4, number 99: its process died 4 times"):
        made(tmp_path, [1, 99])
    with pytest.raises(UnknownNameError, match="no number named '13'") as error:
        made(tmp_path, [1, 13])
    assert "in: shard of seed 4, number 13" in error.value.__notes__
    assert any(note.startswith("on machine: ") for note in error.value.__notes__)
    Instant(monkeypatch, deadly=lambda name, _given: name == "open")
    with pytest.raises(DatasetError, match="opening a worker on Ray: its process died 4 times"):
        made(tmp_path, [1, 2])


def test_a_full_disk_of_one_machine_is_one_message_with_the_machine(tmp_path, monkeypatch, capsys):
    from lace.cli import main as cli

    Instant(monkeypatch)
    monkeypatch.setattr(cli, "_dispatch", lambda _args: made(tmp_path, [1, 555]))
    assert cli.main(["generate", "robot"]) == cli.EXIT_USAGE
    told = " ".join(capsys.readouterr().err.split())
    for words in (
        "No space left on device (/shared/part-555)",
        "room on the disk",
        "free space",
        "finished work is kept",
    ):
        assert words in told
    assert f"on machine: {socket.gethostname()}" in told and "in: shard of seed 4, number 555" in told


def test_a_machine_that_joins_gets_work_and_one_that_is_too_small_none(tmp_path, monkeypatch):
    cluster = Instant(monkeypatch, cpus=[1.0])
    parts = make_parts(partial(Cubes, tmp_path), range(6), WorkerOptions(ray="auto"))
    next(parts)
    cluster.machines = [1.0, 4.0]
    assert len(list(parts)) == 5 and cluster.started > 1
    Instant(monkeypatch, cpus=[1.0, 1.0])
    with pytest.raises(InvalidValueError, match="no machine of the cluster has 2 CPUs and 0 GPUs") as error:
        made(tmp_path, [1, 2], task_cpus=2)
    assert "2 CPUs, 0 GPUs" in error.value.expected


@pytest.fixture(scope="module")
def cluster():
    """Three machines of one CPU each, as processes here; this process is connected to them."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 80 * 2**20})
    for _ in range(2):
        nodes.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    ray.init(address=nodes.address, log_to_driver=False, logging_level=logging.ERROR)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


OPTIONS = WorkerOptions(ray="auto")


@pytest.mark.slow
def test_one_process_two_and_three_machines_give_the_same_bytes(cluster, tmp_path):
    found = []
    for name, options in {"one": 1, "two": 2, "three": OPTIONS}.items():
        (tmp_path / name).mkdir()
        parts = dict(make_parts(partial(Cubes, tmp_path / name), range(6), options))
        found.append((parts, content(tmp_path / name)))
    assert found[0] == found[1] == found[2] and len(found[0][1]) == 6


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_counted(cluster, tmp_path, caplog):
    caplog.set_level(logging.INFO, "lace")
    parts = dict(make_parts(partial(Cubes, tmp_path), [1, 7, 2], OPTIONS, named="shard of seed 4, number"))
    assert parts == {1: 1, 7: 343, 2: 8}
    assert "shard of seed 4, number 7: its worker died" in caplog.text and "1 parts were made again" in caplog.text


@pytest.mark.slow
def test_a_machine_that_dies_loses_nothing(cluster, tmp_path):
    node = cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    numbers, parts = range(1000, 1012), {}
    for number, report in make_parts(partial(Cubes, tmp_path), numbers, OPTIONS):
        parts[number] = report
        if len(parts) == 2:
            cluster.remove_node(node, allow_graceful=False)
    assert parts == {n: n**3 for n in numbers} and len(content(tmp_path)) == len(numbers)


@pytest.mark.slow
def test_what_fails_always_says_so_with_its_own_error_and_seed(cluster, tmp_path):
    with pytest.raises(UnknownNameError, match="no number named '13'") as error:
        list(make_parts(partial(Cubes, tmp_path), [1, 13], OPTIONS, named="shard of seed 4, number"))
    assert error.value.expected == "one of 12, 14" and "in: shard of seed 4, number 13" in error.value.__notes__
    with pytest.raises(OSError, match="No space left") as error:
        list(make_parts(partial(Cubes, tmp_path), [555], OPTIONS))
    assert error.value.errno == errno.ENOSPC and any(n.startswith("on machine: ") for n in error.value.__notes__)
    with pytest.raises(DatasetError, match="making shard of seed 4, number 99: its process died 4 times"):
        list(make_parts(partial(Cubes, tmp_path), [99], OPTIONS, named="shard of seed 4, number"))
    with pytest.raises(InvalidValueError, match="While opening"):
        list(make_parts(partial(refused, tmp_path), [1, 2], OPTIONS))


@pytest.mark.slow
def test_more_than_the_cluster_has_is_refused(cluster, tmp_path):
    with pytest.raises(InvalidValueError, match="no machine of the cluster has 1 CPUs and 1 GPUs"):
        list(make_parts(partial(Cubes, tmp_path), [1, 2], WorkerOptions(ray="auto", task_gpus=1)))


@pytest.mark.slow
def test_ctrl_c_ends_a_local_cluster(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(
        "from functools import partial; from pathlib import Path; from lace.cli.process import prepare_process\n"
        "from lace.core.workers import WorkerOptions, make_parts\nfrom tests.lace.core.test_ray_pool import Cubes\n"
        f"prepare_process(); folder = Path({str(tmp_path)!r})\n"
        "list(make_parts(partial(Cubes, folder), range(1000, 1100), WorkerOptions(ray='local', workers=2)))\n"
    )
    process = subprocess.Popen([sys.executable, str(script)], env=os.environ | {"PYTHONPATH": str(ROOT)})
    deadline = time.monotonic() + 400
    while not content(tmp_path) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.2)
    assert content(tmp_path), "nothing was made"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) != 0
    begun = len(list(tmp_path.glob("begun-*")))
    time.sleep(3)
    assert len(list(tmp_path.glob("begun-*"))) == begun, "workers went on"
