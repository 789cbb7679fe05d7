"""The emulator as a child process, for tests and benchmarks."""

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from real_bridge.emulator.admin import Admin
from real_bridge.emulator.host import EmulatorError

START_S = 120.0
"""Longest wait for it to come up: the first use of a machine also builds the robot [s]."""


class EmulatorProcess:
    """Starts on entering, ends on leaving; `arm`, `hand`, `camera` say where its devices are, `admin` gives access."""

    def __init__(self, host: str, folder: Path, arguments: Sequence[str] = ()):
        """Prepares it; nothing is started yet.

        Args:
            host: 127.x.y.z that no other emulator has.
            folder: Existing folder for the link to the hand and for the files below.
            arguments: Further options of `lace bridge emulate`.
        """
        self.arm, self.hand, self.camera = host, folder / "hand", ""
        self._folder, self._arguments = folder, list(arguments)

    def __enter__(self) -> "EmulatorProcess":
        command = [sys.executable, "-m", "real_bridge.emulator", "--host", self.arm, "--hand", str(self.hand)]
        self._errors = (self._folder / "emulator.err").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [*command, "--with-parent", *self._arguments], stdout=subprocess.PIPE, stderr=self._errors,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        output = self.process.stdout
        assert output is not None  # it is PIPE
        self._output = output
        where = json.loads(self._first_line())
        self.camera = where.get("camera", "")
        self.admin = Admin(*where["admin"])
        return self

    def _first_line(self) -> str:
        deadline = time.monotonic() + START_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            while time.monotonic() < deadline and self.process.poll() is None:
                if selector.select(0.2):
                    line = self._output.readline().decode()
                    if line.startswith("{"):
                        return line
        self.process.kill()
        self._errors.seek(0)
        raise EmulatorError(
            "starting the emulator", self._errors.read()[-2000:] or "nothing said", "a line that says where it is",
            "run `lace bridge emulate` by hand",
        )  # fmt: skip

    def __exit__(self, *_error: object) -> None:
        self.admin.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._output.close()
        self._errors.close()
