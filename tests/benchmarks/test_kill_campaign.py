"""A few kills of the commands that need no simulator; the whole campaign is `python -m benchmarks.kill_campaign`."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from benchmarks.kill_campaign import ended, session_members
from benchmarks.kill_cases import CASES, CHEAP
from lace.cli.commands import COMMANDS
from tests import ROOT

OTHERS = {
    "list": "writes nothing",
    "data verify": "writes nothing",
    "assets fetch": "asks package registries; its cache is `tests/assets/robots/test_robot_files.py`'s",
    **dict.fromkeys([name for name in COMMANDS if name.startswith("bridge")], "`tests/real_bridge/test_campaign.py`"),
}
"""Commands without a case, and why."""


def test_every_command_is_among_the_cases():
    assert COMMANDS.keys() - OTHERS.keys() == COMMANDS.keys() & CASES.keys()


@pytest.mark.slow
def test_killed_commands_resume_to_the_same_bytes(tmp_path):
    words = ["--kills", str(2 * len(CHEAP)), "--commands", *CHEAP, "--out", str(tmp_path / "kills")]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.kill_campaign", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "kills" / "kills.json").read_text())
    assert set(report["commands"]) == set(CHEAP)
    for tally in report["commands"].values():
        assert tally["kills"] == tally["resumed"] >= 1 and not tally["differences"] and tally["compared"] > 0


def test_the_campaign_sees_a_process_that_outlives_its_parent():
    program = "import os, subprocess, sys; os.setsid(); subprocess.Popen(['sleep', '30']); os._exit(0)"
    parent = subprocess.Popen([sys.executable, "-c", program])
    assert parent.wait() == 0
    left = list(session_members(parent.pid))
    assert len(left) == 1
    os.kill(left[0], signal.SIGKILL)
    until = time.monotonic() + 10
    while list(session_members(parent.pid)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not list(session_members(parent.pid))


def test_a_child_s_end_is_its_code_or_its_signal():
    child = os.posix_spawn("/bin/sleep", ["sleep", "30"], os.environ)
    assert ended(child, 0.05) is None
    os.kill(child, signal.SIGTERM)
    assert ended(child, 10) == -signal.SIGTERM
