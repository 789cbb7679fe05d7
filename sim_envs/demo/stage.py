"""A stage of the demo: commands to run, and the sections of the report that show their results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lace.reports.report import Picture, Section
from sim_envs.demo.config import DemoConfig

Command = list[str]
"""Words after `lace`."""


@dataclass(frozen=True)
class Stage:
    """A step of the demo. To add one: a file beside this one, and its line in stages.py."""

    name: str
    """Short, for file names."""
    title: str
    """What it does, for the terminal."""
    seconds: float
    """How long it takes with the default settings on two quiet cores; used for the time left only."""
    commands: Callable[[DemoConfig], list[Command]]
    """The `lace` command lines; each must resume after a kill and keep finished work."""
    sections: Callable[[DemoConfig], list[Section]]
    """What the report says of it; called when the stage is finished, and again by later runs."""
    reduced: Sequence[tuple[str, str, str]] = ()
    """(what, the paper's, ours): where it is less than in the paper, for the head of the report. Names of settings in
    braces stand for their values ("{trials} trials")."""
    headline: Callable[[DemoConfig], str] | None = None
    """The one sentence that the report opens with."""


def picture(path: Path, title: str, note: str = "") -> Picture:
    """A picture file of a stage."""
    return Picture(title, path.read_bytes(), note)
