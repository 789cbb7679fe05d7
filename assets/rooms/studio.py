"""A photo studio: plain floor, light walls, no furniture."""

import numpy as np

from assets.rooms.room import ROOMS, Finish, Room, Sketch


@ROOMS.register("studio")
def studio(rng: np.random.Generator) -> Room:
    """Floor and walls in one light grey, a little warmer or cooler for every random state; 5 parts."""
    grey = rng.uniform(0.82, 0.92) + 0.015 * rng.standard_normal(3)
    s = Sketch(rng, Finish(None, tuple(0.92 * grey)), Finish(None, tuple(grey)), None)
    return s.room("studio")
