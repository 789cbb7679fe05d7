"""SIGTERM ends every long command like Ctrl-C: within 10 s, with the code that says resumable; finished work stays."""

import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.kill_campaign import orphans_of
from benchmarks.kill_inputs import named_in, prepare
from lace.cli.main import EXIT_TERMINATED
from tests import ROOT

WITHIN_S = 10.0
"""What slurm and spot machines leave a process, at least."""
_SMALL = "--width 64 --height 64 --no-shadows --axes.hand.poses 8 --preset clean"
_DATA = "--robot {i}/robot --human {i}/human"
_TINY = "--backbone tiny --device cpu"


def endless(prefix: str) -> str:
    return " ".join(f"--{prefix}{option}" for option in ("iterations 100000", "batch 2", "checkpoint-every 1"))


@dataclass(frozen=True)
class Long:
    """A command that would go on for an hour, and a pattern of what it finishes on the way."""

    words: str
    finished: str


LONG = {
    "finetune": Long(f"finetune {_DATA} {_TINY} --augmented 4 {endless('')}", "checkpoint*"),
    "tables alignment": Long(
        f"tables alignment {_DATA} --robot-test {{i}}/robot_test --human-test {{i}}/human_test {_TINY} --augmented 4 "
        f"--test-images 4 --image-size 64 {endless('train.')}",
        "runs/*/checkpoint*",
    ),
    "policy train": Long(
        f"policy train --human {{i}}/demonstrations {_TINY} --head probe {endless('fit.')}",
        "checkpoint*",
    ),
    "generate robot": Long(f"generate robot --frames 9000 --shard-frames 2 {_SMALL}", "shards/*"),
    "generate robot, 2 workers": Long(
        f"generate robot --frames 9000 --shard-frames 2 --workers 2 {_SMALL}", "shards/*"
    ),
    "generate human": Long(f"generate human --frames 9000 --shard-frames 2 {_SMALL}", "shards/*"),
    "generate rollouts": Long(
        f"generate rollouts --trials 900 --part-trials 1 --no-video --fps 10 {_SMALL}", "parts/*/part.json"
    ),
    "generate study": Long("generate study --human 900 --each 1 --image-size 64", "human/in_domain/shards/*"),
    "simulate": Long(f"simulate --policy oracle --trials 900 {_SMALL}", "trials/*"),
    "demo": Long("demo --frames 900 --image-size 64 --workers 1 --backbone tiny", "**/shards/*"),
}
QUICK = ("finetune",)
"""Needs no simulator; the others are long proofs."""


def finished(out: Path, pattern: str) -> dict[str, bytes]:
    """Files of finished parts; what is being written has a temporary name and may vanish at any moment."""
    files = [path for path in out.glob(pattern) if ".part" not in path.relative_to(out).as_posix()]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in LONG])
def test_sigterm_ends_it_in_time_and_keeps_what_is_finished(name, inputs, tmp_path):
    long, out = LONG[name], tmp_path / "out"
    prepare(inputs, named_in(long.words))
    words = [*shlex.split(long.words.replace("{i}", str(inputs))), "--out", str(out)]
    with (tmp_path / "log.txt").open("w") as log:
        command = [sys.executable, "-m", "lace.cli", *words]
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 600
        while not finished(out, long.finished) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        before = finished(out, long.finished)
        assert before and process.poll() is None, (tmp_path / "log.txt").read_text()[-2000:]
        time.sleep(0.5)  # in the midst of the next part
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        assert process.wait(60) == EXIT_TERMINATED, (tmp_path / "log.txt").read_text()[-2000:]
        assert time.monotonic() - begun < WITHIN_S or name in QUICK  # the default suite shares its cores
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert orphans_of(process.pid) == 0
    assert "run the same command to resume" in (tmp_path / "log.txt").read_text()
    after = finished(out, long.finished)
    kept = before.keys() if "checkpoint" not in long.finished else {next(iter(before))}
    assert kept <= after.keys()
    if "checkpoint" not in long.finished:  # a checkpoint is replaced by the next one
        assert all(after[part] == content for part, content in before.items())
