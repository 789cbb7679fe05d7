"""The `ObjectSpec` type and the registry of objects."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from assets.shapes import Mesh
from lace.core.registry import Registry


@dataclass(frozen=True)
class ObjectSpec:
    """An object that can be placed on the table. `texture` varies with its random state."""

    name: str
    family: str
    role: Literal["target", "distractor"]
    build: Callable[[], Mesh]
    """Mesh upright, lowest point at z = 0, centred in x and y, as tall as the middle of `height_m`."""
    texture: Callable[[np.random.Generator], np.ndarray]
    """rng to the mesh's own texture (256, 256, 3) uint8 sRGB; v = 1 is row 0."""
    height_m: tuple[float, float]
    """Range of the upright height [m]."""
    mass_kg: tuple[float, float]
    parts: Callable[[], tuple[np.ndarray, ...]] | None = None
    """Convex parts for physics as vertices (k, 3), at the size of `build`; None: the convex hull of the mesh."""
    grasps: tuple[Path, str] | None = None
    """File of the grasps that were found for it, and its name there; None: with those of ours."""
    sources: tuple[Path, ...] = ()
    """The user's own files that it is made from; their content is part of a run's identity."""


OBJECTS: Registry[ObjectSpec] = Registry("object", "lace.objects")
