"""Scenes as messages to the emulator: objects by name, so that both sides build the same shapes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from assets.objects import OBJECTS
from assets.objects.hulls import convex_parts
from lace.core.embodiment import Embodiment
from lace.core.geometry import axis_angle, transform
from sim_envs.physics.protocol import PhysicsScene, RigidObject

TABLE_Z, TARGET_XY, TARGET_YAW, FRICTION = -0.03, (0.45, 0.1), 0.6, 0.8
"""Of the plain scene [m], [rad]."""


def plain_scene(body: Embodiment, target: str = "dinosaur") -> PhysicsScene:
    """The robot at home over a table with `target` on it."""
    low, high = OBJECTS[target].mass_kg
    T = transform(axis_angle([0, 0, 1], TARGET_YAW), [*TARGET_XY, TABLE_Z])
    thing = RigidObject("target", convex_parts(target), (low + high) / 2, FRICTION, T)
    return PhysicsScene(TABLE_Z, np.array(body.home), (thing,))


def to_plain(scene: PhysicsScene, kinds: list[tuple[str, float]]) -> dict[str, Any]:
    """As JSON has it; `kinds` are (name in OBJECTS, scale) of the scene's objects."""
    things = [
        {
            "name": thing.name, "object": kind, "scale": scale, "mass_kg": thing.mass_kg, "friction": thing.friction,
            "T_world_object": thing.T_world_object.tolist(),
        }
        for thing, (kind, scale) in zip(scene.objects, kinds, strict=True)
    ]  # fmt: skip
    return {"table_z": scene.table_z, "joint_positions": scene.joint_positions.tolist(), "objects": things}


def from_plain(row: Mapping[str, Any]) -> PhysicsScene:
    """The inverse of `to_plain`; UnknownNameError for an object that is in no registry."""
    things = [
        RigidObject(
            thing["name"], tuple(hull * thing["scale"] for hull in convex_parts(thing["object"])), thing["mass_kg"],
            thing["friction"], np.array(thing["T_world_object"], float),
        )
        for thing in row["objects"]
    ]  # fmt: skip
    return PhysicsScene(float(row["table_z"]), np.array(row["joint_positions"], float), tuple(things))
