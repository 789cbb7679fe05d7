"""Prepares manufacturers' meshes for ray casting: merges parts, decimates, keeps creases sharp, writes OBJ."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import fast_simplification
import mujoco
import numpy as np

if TYPE_CHECKING:
    import trimesh

CREASE_RAD = np.deg2rad(35)
"""Edges sharper than this keep separate normals; CAD chamfers are 45 degrees."""


def load_merged(path: Path) -> "trimesh.Trimesh":
    """All parts of a mesh file as one mesh with merged vertices [m]."""
    import trimesh

    mesh = trimesh.load(path, force="mesh", process=False)
    mesh = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    return mesh


def decimate(mesh: "trimesh.Trimesh", faces: int) -> "trimesh.Trimesh":
    """`mesh` with about `faces` triangles (quadric edge collapse); smaller meshes are returned unchanged."""
    import trimesh

    if len(mesh.faces) <= faces:
        return mesh
    vertices, triangles = fast_simplification.simplify(
        np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int32), target_count=faces, agg=3
    )
    return trimesh.Trimesh(vertices, triangles, process=True)


def export_visual(source: Path, target: Path, faces: int, inflate_m: float = 0.0) -> None:
    """Writes the decimated mesh as a one-part OBJ; normals are smooth except across creases.

    `inflate_m` moves the surface outwards, for a skin that would otherwise coincide with the surface under it.
    """
    mesh = decimate(load_merged(source), faces)
    mesh.vertices = mesh.vertices + inflate_m * mesh.vertex_normals
    export_shaded(mesh, target)


def export_shaded(mesh: "trimesh.Trimesh", target: Path) -> None:
    """Writes a mesh as OBJ with normals that are smooth except across creases."""
    import trimesh

    shaded = trimesh.graph.smooth_shade(mesh, angle=CREASE_RAD, facet_minarea=None)
    target.write_text(
        trimesh.exchange.obj.export_obj(shaded, include_normals=True, include_color=False, include_texture=False)
    )


def export_hull(source: Path, target: Path, faces: int) -> None:
    """Writes the decimated convex hull of a mesh as OBJ, for collisions."""
    import trimesh

    hull = decimate(load_merged(source).convex_hull, faces).convex_hull
    target.write_text(trimesh.exchange.obj.export_obj(hull, include_normals=False, include_texture=False))


def write_model(spec: mujoco.MjSpec, out: Path) -> None:
    """Writes out/robot.xml, which refers to out/meshes by a relative path; the folder may be moved."""
    spec.meshdir = str(out / "meshes")
    spec.compile()
    (out / "robot.xml").write_text(re.sub(r'meshdir="[^"]*"', 'meshdir="meshes"', spec.to_xml()))


def decimate_all(spec: mujoco.MjSpec, source: Path, meshes: Path, faces: int) -> None:
    """Replaces every mesh file of `spec` (in `source`) by a decimated copy in the folder `meshes`."""
    for mesh in list(spec.meshes):
        name = mesh.name or Path(mesh.file).stem
        export_visual(source / mesh.file, meshes / f"{name}.obj", faces)
        mesh.file = f"{name}.obj"


def position_servo(
    spec: mujoco.MjSpec, joint: mujoco.MjsJoint, effort: float, stiffness: float, damping: float
) -> None:
    """Adds a position actuator with the joint's name, range and effort [N m, or N for a slide]."""
    joint.actfrclimited, joint.actfrcrange = True, [-effort, effort]
    joint.armature, joint.damping, joint.frictionloss = 0.01, [0.5, 0, 0], 0.05
    actuator = spec.add_actuator(name=joint.name, target=joint.name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    actuator.set_to_position(kp=stiffness, kv=damping)
    actuator.ctrllimited, actuator.ctrlrange = True, joint.range
