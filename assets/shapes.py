"""Engine-independent shapes: triangle meshes and the primitive solids of rooms and tables."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

PartKind = Literal["box", "cylinder", "sphere"]


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh in its own frame [m], z up, counter-clockwise faces seen from outside."""

    vertices: np.ndarray
    """(n, 3) float32."""
    faces: np.ndarray
    """(m, 3) int32."""
    normals: np.ndarray
    """(n, 3) float32, unit, for smooth shading."""
    uvs: np.ndarray
    """(n, 2) float32 texture coordinates."""


@dataclass(frozen=True)
class Part:
    """A solid primitive of a room or a table."""

    name: str
    kind: PartKind
    size: tuple[float, float, float]
    """Half extents of a box; (radius, half height, 0) of a cylinder along z; (radius, 0, 0) of a sphere [m]."""
    position: tuple[float, float, float]
    """Centre in the frame of the room (floor at z = 0) or table (top at z = 0) [m]."""
    yaw: float
    """Rotation about z [rad]."""
    colour: tuple[float, float, float]
    """sRGB in [0, 1]; multiplies the texture."""
    texture: str | None
    """Name in assets.textures.TEXTURES, or None for plain colour."""
