"""A built robot, read from the compiled model: embodiment, MJCF and visual meshes."""

from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from assets.shapes import Mesh
from lace.core.embodiment import Curl, Embodiment, Joint
from lace.core.geometry import rotation_from_quat_wxyz, transform, triple

VISUAL_GROUP = 2
"""MuJoCo geom group of visual meshes; collision shapes are in group 3."""
COLLISION_GROUP = 3


@dataclass(frozen=True)
class Visual:
    """One visual mesh fixed to a link."""

    name: str
    link: str
    mesh: Mesh
    T_link_mesh: np.ndarray
    """(4, 4)."""
    colour: tuple[float, float, float]
    """sRGB in [0, 1]."""


@dataclass(frozen=True)
class Robot:
    """An embodiment with its model files."""

    embodiment: Embodiment
    xml_path: Path
    """MJCF with meshes beside it: physics, collision shapes, actuators."""
    visuals: tuple[Visual, ...]
    figure_pose: dict[str, float]
    """Joint positions [rad] in which `lace assets figure` draws the hand; 0 for joints not named."""
    grasps: Path | None = None
    """File of the grasps found for it; None: with ours."""


def _pose(position: np.ndarray, quat_wxyz: np.ndarray) -> np.ndarray:
    return transform(rotation_from_quat_wxyz(quat_wxyz), position)


def _as_rows(T: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(x) for x in row) for row in T)


def read_joints(model: mujoco.MjModel, home: dict[str, float], curls: dict[str, Curl]) -> tuple[Joint, ...]:
    """Joints of a compiled model with limits, torques and gains; home 0, or the limit next to it, where not given."""
    gains = {model.actuator_trnid[a, 0]: a for a in range(model.nu)}
    joints = []
    for j in range(model.njnt):
        joint, body, actuator = model.joint(j), int(model.jnt_bodyid[j]), gains[j]
        joints.append(
            Joint(
                name=joint.name,
                parent=model.body(model.body_parentid[body]).name,
                child=model.body(body).name,
                T_parent_child=_as_rows(_pose(model.body_pos[body], model.body_quat[body])),
                axis=triple(joint.axis),
                lower=float(joint.range[0]),
                upper=float(joint.range[1]),
                effort=float(model.jnt_actfrcrange[j, 1]),
                stiffness=float(model.actuator_gainprm[actuator, 0]),
                damping=float(-model.actuator_biasprm[actuator, 2]),
                home=home.get(joint.name, float(np.clip(0.0, *joint.range))),
                kind="slide" if joint.type[0] == mujoco.mjtJoint.mjJNT_SLIDE else "hinge",
                curl=curls.get(joint.name),
            )
        )
    return tuple(joints)


def read_fixed(model: mujoco.MjModel) -> tuple[tuple[str, str, tuple[tuple[float, ...], ...]], ...]:
    """(parent, child, T_parent_child) of all bodies without a joint, except the world and the root."""
    return tuple(
        (
            model.body(model.body_parentid[b]).name,
            model.body(b).name,
            _as_rows(_pose(model.body_pos[b], model.body_quat[b])),
        )
        for b in range(2, model.nbody)
        if model.body_jntnum[b] == 0
    )


def read_visuals(model: mujoco.MjModel) -> tuple[Visual, ...]:
    """Meshes of the visual group with one normal per vertex (vertices are split where normals differ)."""
    visuals = []
    for g in np.flatnonzero(model.geom_group == VISUAL_GROUP):
        geom = model.geom(g)
        material = int(model.geom_matid[g])
        rgba = model.mat_rgba[material] if material >= 0 else model.geom_rgba[g]
        visuals.append(
            Visual(
                name=geom.name,
                link=model.body(int(model.geom_bodyid[g])).name,
                mesh=_mesh(model, int(model.geom_dataid[g])),
                T_link_mesh=_pose(model.geom_pos[g], model.geom_quat[g]),
                colour=triple(rgba[:3]),
            )
        )
    return tuple(visuals)


def _mesh(model: mujoco.MjModel, mesh_id: int) -> Mesh:
    mesh = model.mesh(mesh_id)
    rows = slice(int(mesh.faceadr[0]), int(mesh.faceadr[0] + mesh.facenum[0]))
    corners = np.stack([model.mesh_face[rows].ravel(), model.mesh_facenormal[rows].ravel()], 1)
    unique, inverse = np.unique(corners, axis=0, return_inverse=True)
    vertices = model.mesh_vert[int(mesh.vertadr[0]) + unique[:, 0]]
    normals = model.mesh_normal[int(model.mesh_normaladr[mesh_id]) + unique[:, 1]]
    return Mesh(
        vertices.astype(np.float32),
        inverse.reshape(-1, 3).astype(np.int32),
        normals.astype(np.float32),
        np.zeros((len(vertices), 2), np.float32),
    )


def collision_spec(robot: Robot) -> mujoco.MjSpec:
    """The robot without visual geoms and their meshes; compiles in milliseconds."""
    spec = mujoco.MjSpec.from_file(str(robot.xml_path))
    for geom in [geom for geom in spec.geoms if geom.group == VISUAL_GROUP]:
        spec.delete(geom)
    used = {geom.meshname for geom in spec.geoms}
    for mesh in [mesh for mesh in spec.meshes if mesh.name not in used]:
        spec.delete(mesh)
    return spec
