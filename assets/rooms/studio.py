"""A studio: plain floor, plain light walls, nothing else; for the `clean` preset."""

import numpy as np

from assets.rooms.room import Room
from assets.shapes import Part


def studio(rng: np.random.Generator) -> Room:
    """A grey of its own for each random state."""
    grey = float(rng.uniform(0.72, 0.9))
    parts = [Part("floor", "box", (3.2, 3.2, 0.05), (0, 0, -0.05), 0.0, (0.7 * grey,) * 3, None)]
    for i, (x, y) in enumerate(((3, 0), (0, 3), (-3, 0), (0, -3))):
        size = (0.05, 3.09, 1.5) if y == 0 else (3.09, 0.05, 1.499)
        parts.append(Part(f"wall_{i}", "box", size, (x, y, 1.5), 0.0, (grey, grey, grey * 0.99), None))
    return Room("studio", tuple(parts))
