"""docs/bridge/first-hour.md: its commands run in order on the emulator."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.bridged import bench
from tests.emulated import needs_ports, own_host

PAGE = (ROOT / "docs" / "bridge" / "first-hour.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
PATIENCE = "--limits.arm-age-s 1 --limits.hand-age-s 1 --limits.image-age-s 2 --limits.watchdog-s 2"


def test_the_page_has_the_commands_it_speaks_of():
    assert len(BLOCKS) == 7
    assert PATIENCE in PAGE


@needs_ports
@pytest.mark.slow
def test_its_commands_run_on_the_emulator(tmp_path):
    with bench(tmp_path, own_host(14)) as site:
        config = site.config
        names = {
            "ARM": config.address, "HAND": config.hand_port, "CAMERA": config.camera, "TABLE": str(config.table_z),
            "PATIENCE": PATIENCE, "WHO": "emulator", "SPEED": "1.0", "XDG_STATE_HOME": str(tmp_path / "state"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", "\n".join(BLOCKS)],
            cwd=tmp_path, env=os.environ | names, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("nothing moved", "1 of 1 succeeded", "success again", "cleared", "need two policies"):
        assert words in done.stdout
    assert (tmp_path / "first-dry-run.png").is_file()
