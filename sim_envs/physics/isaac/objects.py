"""The table and the objects of a scene in Newton's model, padded with spare parts and objects.

Newton's MuJoCo solver needs equally many objects, of equally many convex parts, in all worlds. A spare part is a
massless cube a kilometre from its object; a spare object is far below the table. Neither can touch anything. Every slot
has its own distance or height, so that spares do not touch each other.
"""

from collections.abc import Sequence
from itertools import zip_longest

import newton
import numpy as np
import trimesh
import warp as wp

from lace.core.geometry import quat_wxyz_from_rotation
from sim_envs.physics.mujoco import OBJECT_CONTACT, ROLLING, TABLE_HALF, TABLE_X, TORSIONAL
from sim_envs.physics.protocol import PhysicsScene, RigidObject

SOLREF_RAW = 1
"""In this mode Newton passes `solref` on unchanged; in its default mode it ignores it."""
ALL_CORNERS = -1
"""Of a hull. By default Newton keeps 64 wherever they lie: an orange rocks on the three left in its foot."""
TABLE = "table"
SPARE_PART_M, SPARE_OBJECT_M = 1000.0, -50.0
"""Distance of spare parts from their object's origin, times 1, 2, ... by slot, and height of spare objects [m]."""
CUBE = np.stack(np.meshgrid(*[[-0.01, 0.01]] * 3), -1).reshape(-1, 3)
"""Corners of what is spare [m]."""


def object_label(world: int, slot: int) -> str:
    """Of an object's body and shapes in Newton's model."""
    return f"world_{world}/object_{slot}"


def parts_needed(scenes: Sequence[PhysicsScene]) -> list[int]:
    """Convex parts of each slot of objects: the most that any scene has."""
    counts = [[len(thing.hulls) for thing in scene.objects] for scene in scenes]
    return [max(slot) for slot in zip_longest(*counts, fillvalue=1)]


def add_things(builder: newton.ModelBuilder, scene: PhysicsScene, world: int, parts: Sequence[int]) -> None:
    """The table and an object for each of `parts`, which holds how many parts each has, spares included."""
    _add_table(builder, scene.table_z)
    for slot, count in enumerate(parts):
        label = object_label(world, slot)
        if slot < len(scene.objects):
            body = _add_object(builder, scene.objects[slot], label, floats=False)
        else:
            body = _add_object(builder, _spare_object(slot), label, floats=True)
        for _ in range(count - builder.shape_label.count(label)):
            away = wp.transform((0.0, 0.0, -SPARE_PART_M * (1 + slot)), wp.quat_identity())
            _add_part(builder, body, CUBE, newton.ModelBuilder.ShapeConfig(density=0.0), label, away)


def _spare_object(slot: int) -> RigidObject:
    T = np.eye(4)
    T[2, 3] = SPARE_OBJECT_M - slot
    return RigidObject("spare", (CUBE,), 0.1, 1.0, T)


def _add_table(builder: newton.ModelBuilder, z: float) -> None:
    """The same slab as MuJoCo's."""
    half = dict(zip(("hx", "hy", "hz"), TABLE_HALF, strict=True))
    place = wp.transform((TABLE_X, 0.0, z - TABLE_HALF[2]), wp.quat_identity())
    cfg = newton.ModelBuilder.ShapeConfig(
        mu=1.0, mu_torsional=0.005, mu_rolling=0.0001, density=0.0
    )  # MuJoCo's defaults
    builder.add_shape_box(body=-1, xform=place, cfg=cfg, label=TABLE, **half)


def _add_object(builder: newton.ModelBuilder, thing: RigidObject, label: str, floats: bool) -> int:
    """Adds a free body and returns its number; mass is divided among its parts by the volume of their boxes."""
    T = thing.T_world_object
    w, x, y, z = quat_wxyz_from_rotation(T[:3, :3])
    place = wp.transform(tuple(T[:3, 3]), wp.quat(x, y, z, w))
    body = builder.add_body(xform=place, label=label, custom_attributes={"mujoco:gravcomp": float(floats)})
    boxes = np.array([np.prod(np.ptp(hull, axis=0)) for hull in thing.hulls])
    for hull, share in zip(thing.hulls, boxes / boxes.sum(), strict=True):
        density = float(thing.mass_kg * share / trimesh.convex.convex_hull(np.asarray(hull)).volume)
        cfg = newton.ModelBuilder.ShapeConfig(
            mu=thing.friction, mu_torsional=TORSIONAL, mu_rolling=ROLLING, density=density
        )
        _add_part(builder, body, hull, cfg, label)
    return body


def _add_part(builder: newton.ModelBuilder, body: int, hull, cfg, label: str, place=None) -> None:
    mesh = trimesh.convex.convex_hull(np.asarray(hull))
    contact = {"mujoco:condim": OBJECT_CONTACT["condim"], "mujoco:geom_priority": OBJECT_CONTACT["priority"]}
    contact |= {"mujoco:solref": wp.vec2(*OBJECT_CONTACT["solref"]), "mujoco:solref_mode": SOLREF_RAW}
    builder.add_shape_convex_hull(
        body,
        xform=place,
        mesh=newton.Mesh(mesh.vertices.astype(np.float32), mesh.faces.ravel(), maxhullvert=ALL_CORNERS),
        cfg=cfg,
        label=label,
        custom_attributes=contact,
    )
