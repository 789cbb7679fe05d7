"""Gives MJWarp the collision hulls of every world.

Newton passes only the hulls of world 0, so all worlds would collide with those. MJWarp can read another mesh for each
geom and world. This file replaces the meshes of world 0 by those of all worlds, and sets mesh, bounds and mesh frame of
each geom in each world.
"""

from dataclasses import fields

import mujoco
import mujoco_warp
import numpy as np
import warp as wp
from newton.solvers import SolverMuJoCo

MESH = int(mujoco.mjtGeom.mjGEOM_MESH)


def collide_own_hulls(solver: SolverMuJoCo) -> None:
    """Gives each world of `solver` the hulls that its shapes have in Newton's model."""
    target = solver.mjw_model
    shapes, is_mesh = solver.mjc_geom_to_newton_shape.numpy(), target.geom_type.numpy() == MESH
    bank, number = _bank(solver, np.unique(shapes[:, is_mesh]))
    dataid = np.where(is_mesh, number[shapes], -1).astype(np.int32)
    bounds = np.where(is_mesh, bank.geom_rbound[dataid], target.geom_rbound.numpy())
    boxes = np.where(is_mesh[:, None], bank.geom_aabb[dataid], target.geom_aabb.numpy().reshape(-1, len(is_mesh), 6))
    with wp.ScopedDevice(solver.model.device):
        meshes = mujoco_warp.put_model(bank)
        for field in fields(meshes):
            if field.name.startswith(("mesh_", "nmesh", "npolygon")):
                setattr(target, field.name, getattr(meshes, field.name))
        target.geom_dataid = wp.array(dataid, dtype=int)
        target.geom_rbound = wp.array(bounds.astype(np.float32), dtype=float)
        target.geom_aabb = wp.array(boxes.astype(np.float32).reshape(*bounds.shape, 2, 3), dtype=wp.vec3)
        solver._update_geom_properties()  # places geoms by the frames of their meshes


def _bank(solver: SolverMuJoCo, shapes: np.ndarray) -> tuple[mujoco.MjModel, np.ndarray]:
    """A model with one geom for each different mesh of `shapes`, and which of them every shape is (-1: none)."""
    spec, seen, number = mujoco.MjSpec(), {}, np.full(solver.model.shape_count, -1)
    scales = solver.model.shape_scale.numpy()
    for shape in shapes:
        source = solver.model.shape_source[shape]
        vertices = np.ascontiguousarray(source.vertices * scales[shape], np.float32)
        key = vertices.tobytes()
        if key not in seen:
            seen[key] = len(seen)
            name = f"mesh_{seen[key]}"
            spec.add_mesh(
                name=name, uservert=vertices.ravel(), userface=np.ravel(source.indices), maxhullvert=source.maxhullvert
            )
            spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=name)
        number[shape] = seen[key]
    return spec.compile(), number
