"""`lace demo`: runs the stages that are left, says how long they take, and writes the report after each."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from lace.core.errors import LaceError
from lace.core.files import publish_bytes
from lace.core.provenance import versions
from lace.core.run_identity import RunIdentity
from lace.core.workers import run_program
from sim_envs.demo import report
from sim_envs.demo.config import DemoConfig
from sim_envs.demo.stage import Command, Stage
from sim_envs.demo.stages import STAGES

CONSOLE = Console(highlight=False, soft_wrap=True)


class DemoError(LaceError):
    """A command of the demo that failed."""


def main(config: DemoConfig) -> int:
    """Runs the demo.

    Args:
        config: Settings.

    Returns:
        Exit code.

    Raises:
        DemoError: A command of a stage failed.
        DatasetError: The folder holds something else, or a demo with other settings.
    """
    origin = {"config": asdict(config), "versions": versions()}
    with RunIdentity(config.out / "demo.json", "a demo", origin, may_change=("workers", "out")).opened():
        _run_all(config)
    return 0


def _run_all(config: DemoConfig) -> None:
    expected = {stage.name: stage.seconds for stage in STAGES if not _kept(stage, config).is_file()}
    begun, pace, ran = time.monotonic(), 1.0, []
    for number, stage in enumerate(STAGES, 1):
        head = f"[{number}/{len(STAGES)}] {stage.title}"
        if stage.name in expected:
            left = pace * sum(expected.values())
            _say(f"{head} (about {_time(pace * stage.seconds)}; {_time(left)} for all that is left)", bold=True)
            spent = _run(stage, config)
            pace = spent["seconds"] / expected.pop(stage.name)
            publish_bytes(_kept(stage, config), json.dumps(spent, indent=1).encode())
        else:
            _say(f"{head}: finished before", bold=True)
        ran.append(json.loads(_kept(stage, config).read_text()))
        page = report.write(config, STAGES[:number], ran)
    _say(f"finished after {_time(time.monotonic() - begun)}; open {page}", bold=True)


def _run(stage: Stage, config: DemoConfig) -> dict[str, Any]:
    """Runs the commands of a stage; returns what is kept of it."""
    begun, commands = time.monotonic(), stage.commands(config)
    for command in commands:
        text = report.line(command)
        _say(f"$ {text}")
        code = call(command)
        if code:
            raise DemoError(
                f"running stage {stage.name!r} of the demo",
                f"`{text}` ended with code {code}",
                "code 0",
                "read its message above; the same `lace demo` command continues from here",
            )
    return {"seconds": time.monotonic() - begun, "commands": commands}


def call(command: Command) -> int:
    """Runs a command in a process of its own, with this one's terminal; returns its exit code."""
    return run_program([sys.executable, "-m", "lace.cli", *command])


def _kept(stage: Stage, config: DemoConfig) -> Path:
    """The file that says that a stage is finished."""
    return config.out / "stages" / f"{stage.name}.json"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _say(text: str, bold: bool = False) -> None:
    CONSOLE.print(text, markup=False, style="bold" if bold else None)
