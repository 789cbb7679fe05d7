"""The `Texture` type and the registry of textures."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lace.core.registry import Registry


@dataclass(frozen=True)
class Texture:
    """A tileable procedural surface; every random state gives another look of the same kind."""

    name: str
    tile_m: float
    """Edge of one tile in the world [m]."""
    make: Callable[[np.random.Generator, int], np.ndarray]
    """(rng, size) to an image (size, size, 3) uint8 sRGB, row 0 on top."""


TEXTURES: Registry[Texture] = Registry("texture")


def texture(name: str, tile_m: float) -> Callable:
    """Registers a painter `(rng, size) -> (size, size, 3) float in [0, 1]` as the texture `name`."""

    def register(paint: Callable[[np.random.Generator, int], np.ndarray]) -> Callable:
        def make(rng: np.random.Generator, size: int) -> np.ndarray:
            return (np.clip(paint(rng, size), 0, 1) * 255 + 0.5).astype(np.uint8)

        TEXTURES.add(name, Texture(name, tile_m, make))
        return paint

    return register
