"""Rooms by name: `ROOMS["lab"](rng)` gives a `Room`. To add a room, add a file and import it here."""

from assets.rooms.kitchen import kitchen
from assets.rooms.lab import lab
from assets.rooms.office import office
from assets.rooms.room import CLEAR_HEIGHT_M, CLEAR_RADIUS_M, ROOMS, Room
from assets.rooms.studio import studio

__all__ = ["CLEAR_HEIGHT_M", "CLEAR_RADIUS_M", "ROOMS", "Room", "kitchen", "lab", "office", "studio"]
