"""What the renderer draws: a table of slots per world. Each slot is one box, cylinder, sphere or mesh.

All worlds have the same slots in the same order. What a slot shows (shape, pose, size, colour, texture) may differ in
every world and every frame.
"""

from dataclasses import dataclass

import numpy as np

PARKED = (0.0, 0.0, -100.0)
"""Position of an unused slot [m], out of every camera's view."""


@dataclass
class SlotTable:
    """What every slot is drawn as, for a batch of worlds. Arrays are (worlds, slots, ...)."""

    source: np.ndarray
    """int32: -1 box, -2 cylinder, -3 sphere, otherwise the number of a mesh in the library."""
    T: np.ndarray
    """(..., 4, 4) T_world_slot, rotation and translation only."""
    scale: np.ndarray
    """(..., 3): half extents of a box; radius, half height of a cylinder; radius of a sphere; factor of a mesh."""
    colour: np.ndarray
    """(..., 3) sRGB in [0, 1]."""
    texture: np.ndarray
    """int32: number in the library's texture bank, -1 for none."""
    gloss: np.ndarray
    """Strength of the highlight in [0, 1]."""


def empty_table(worlds: int, slots: int) -> SlotTable:
    """A table whose slots are all parked: millimetre boxes far below the floor."""
    T = np.tile(np.eye(4), (worlds, slots, 1, 1))
    T[..., :3, 3] = PARKED
    return SlotTable(
        source=np.full((worlds, slots), -1, np.int32),
        T=T,
        scale=np.full((worlds, slots, 3), 1e-3),
        colour=np.ones((worlds, slots, 3)),
        texture=np.full((worlds, slots), -1, np.int32),
        gloss=np.zeros((worlds, slots)),
    )
