"""Simulated human hands: meshes precomputed from open data, poses and skin textures."""

from collections.abc import Callable

from assets.humans.hand import HumanHand
from lace.core.registry import Registry

HUMANS: Registry[Callable[[], HumanHand]] = Registry("human")
HUMANS.add("human_right", HumanHand)
