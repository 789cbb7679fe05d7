"""The pool of worker processes: every part runs once, errors arrive complete, no worker outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from lace.core.errors import DatasetError, InvalidValueError, UnknownNameError
from lace.core.workers import make_parts, run_program
from tests import ROOT


@dataclass
class Squares:
    """Squares numbers and writes its process id into a folder; some numbers raise errors."""

    folder: Path

    def __post_init__(self):
        (self.folder / f"pid-{os.getpid()}").touch()

    def make(self, number: int) -> int:
        if number == 13:
            raise UnknownNameError("number", "13", ["12", "14"])
        if number == 99:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 1000:
            time.sleep(600)
        return number**2

    def close(self) -> None:
        (self.folder / "closed").touch()


def refused(folder: Path) -> Squares:
    raise InvalidValueError("opening", f"{folder.name}", "another", "choose one")


def pids(folder: Path) -> list[int]:
    return [int(path.name.removeprefix("pid-")) for path in folder.glob("pid-*")]


def gone(pid: int, timeout_s: float = 20.0) -> bool:
    """Whether a process ends before the timeout; a zombie counts as ended."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("workers", [1, 2])
def test_every_part_is_made_once_and_ready_is_reported_once(tmp_path, workers):
    told = []
    parts = list(make_parts(partial(Squares, tmp_path), range(6), workers, lambda: told.append("ready")))
    assert sorted(parts) == [(n, n**2) for n in range(6)] and told == ["ready"]
    assert (tmp_path / "closed").exists() == (workers == 1)
    assert all(pid == os.getpid() for pid in pids(tmp_path)) == (workers == 1)
    assert workers == 1 or all(map(gone, pids(tmp_path)))


def test_nothing_to_make_opens_nothing(tmp_path):
    assert list(make_parts(partial(Squares, tmp_path), [], 3)) == [] and not pids(tmp_path)


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_arrive_whole(tmp_path, workers):
    with pytest.raises(UnknownNameError, match="no number named '13'") as error:
        list(make_parts(partial(Squares, tmp_path), [1, 13, 2], workers))
    assert error.value.expected == "one of 12, 14"
    with pytest.raises(InvalidValueError, match="While opening"):
        list(make_parts(partial(refused, tmp_path), [1, 2], workers))


def test_a_killed_worker_is_an_error_with_the_next_step(tmp_path):
    with pytest.raises(DatasetError, match="a worker process was killed"):
        list(make_parts(partial(Squares, tmp_path), [99, 1], 2))
    assert all(map(gone, pids(tmp_path)))


def test_leaving_the_loop_ends_the_workers(tmp_path):
    with closing(make_parts(partial(Squares, tmp_path), [1, 1000, 1000], 2)) as parts:
        assert next(iter(parts)) == (1, 1)
    assert pids(tmp_path) and all(map(gone, pids(tmp_path)))


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_its_parent(tmp_path, signal_number):
    code = (
        "from functools import partial; from pathlib import Path; from lace.cli.process import prepare_process\n"
        "from lace.core.workers import make_parts; from tests.lace.core.test_workers import Squares\n"
        f"if __name__ == '__main__':\n    prepare_process()\n    folder = Path({str(tmp_path)!r})\n"
        "    list(make_parts(partial(Squares, folder), [1000, 1000, 1000], 2))\n"
    )
    script = tmp_path / "run.py"
    script.write_text(code)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, str(script)], env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(pids(tmp_path)) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(pids(tmp_path)) == 2
    parent.send_signal(signal_number)
    assert parent.wait(20) != 0
    assert all(map(gone, pids(tmp_path)))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell a process that its parent has ended")
@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_no_program_outlives_the_process_that_runs_it(tmp_path, signal_number):
    program = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    code = (
        "import sys; from lace.cli.process import prepare_process; from lace.core.workers import run_program\n"
        f"prepare_process(); run_program([sys.executable, '-c', {program!r}])"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    parent.send_signal(signal_number)
    assert parent.wait(20) != 0
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_program_s_exit_code_is_returned():
    assert run_program([sys.executable, "-c", "raise SystemExit(3)"]) == 3
