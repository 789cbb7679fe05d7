"""Rooms that the robot may stand in; a newcomer adds a file and a line here."""

from collections.abc import Callable

import numpy as np

from assets.rooms.kitchen import kitchen
from assets.rooms.lab import lab
from assets.rooms.office import office
from assets.rooms.room import Room
from assets.rooms.studio import studio
from lace.core.registry import Registry

ROOMS: Registry[Callable[[np.random.Generator], Room]] = Registry("room")
for _name, _room in {"lab": lab, "kitchen": kitchen, "office": office, "studio": studio}.items():
    ROOMS.add(_name, _room)
