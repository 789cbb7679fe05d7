"""Guides: what moves the robot during a recording (a person's hands, the keyboard, a headset). One file each."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lace.core.embodiment import Embodiment
from lace.core.geometry import Array
from lace.core.registry import Registry


@dataclass(frozen=True)
class Goal:
    """Where the robot shall be at the next step."""

    arm: Array
    """(arm joints,) [rad]."""
    hand: Array
    """(hand joints,) [rad]."""


class Guide(Protocol):
    """Guides one demonstration."""

    commands: bool
    """Whether its goals are sent; a guide that does not is one whose person moves the robot by hand."""

    def begin(self, arm: Array, hand: Array) -> None:
        """The demonstration starts at these joints [rad]; a person may already be touching the arm."""
        ...

    def next(self, arm: Array, hand: Array, dt: float) -> Goal | None:
        """The goal of the next step from the measured joints [rad]; None ends the demonstration."""
        ...

    def close(self) -> None:
        """Frees what `begin` opened; may be called twice."""
        ...


@dataclass(frozen=True)
class Site:
    """What a guide may need to know."""

    address: str
    """Of the arm's controller."""
    embodiment: Embodiment
    xml_path: Path
    argument: str = ""
    """Text after the colon of `NAME:ARGUMENT`."""


GUIDES: Registry[Callable[[Site], Guide]] = Registry("guide")


def make_guide(text: str, site: Site) -> Guide:
    """The guide that `NAME` or `NAME:ARGUMENT` stands for; UnknownNameError with the nearest name."""
    from dataclasses import replace

    name, _, argument = text.partition(":")
    return GUIDES[name](replace(site, argument=argument))


def line_waits() -> bool:
    """Whether the person has pressed Enter."""
    import select

    return bool(sys.stdin.isatty() and select.select([sys.stdin], [], [], 0)[0] and sys.stdin.readline())
