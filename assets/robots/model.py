"""From a user's URDF or MJCF to the MJCF that all else reads: our palm frame, visual meshes, servos, perhaps an arm."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from assets.robots.arms import Arm
from assets.robots.meshes import export_shaded, export_visual, position_servo, write_model
from assets.robots.robot import COLLISION_GROUP, VISUAL_GROUP
from lace.core.errors import AssetError
from lace.core.geometry import Array, Triple, quat_wxyz_from_rotation, rotation_from_quat_wxyz, transform, triple

if TYPE_CHECKING:
    import trimesh

HAND = "hand_"
"""What names of a hand's links and joints begin with where it was attached to an arm."""
FACES = 1500
"""Triangles kept per mesh: at 448 px a triangle is then about one or two pixels."""
ADAPTER = (0.034, (0.25, 0.25, 0.27, 1.0))
"""Radius [m] and colour of the cylinder between an arm's flange and the hand."""
EFFORT = 1.0
"""Torque of a joint whose file does not say one [N m]: a small servo's."""
STIFFNESS, DAMPING = 4.0, 0.16
"""Position and velocity gain per N m of torque, as the LEAP Hand's [1/rad, s/rad]."""
PALM_IN_FLANGE = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]], float)
"""Rotation of our palm frame in the flange: fingers along its z, palm facing along its x."""
LEAST_KG, LEAST_INERTIA = 1e-3, 1e-7
"""Of links whose file says none; lighter ones are not stepped well [kg, kg m^2]."""
MESHES = (".obj", ".stl", ".msh")


@dataclass(frozen=True)
class Frame:
    """How the hand of a file lies in it."""

    palm: str
    R_file_palm: Array
    """(3, 3) axes of our palm frame in the file's."""
    flange: Array
    """(3,) in the file's root link [m]."""
    locked: tuple[str, ...]
    adapter_m: float
    """Between the arm's flange and that point."""


def to_palm(R_file_palm: Array, point: ArrayLike) -> Triple:
    """A point of the palm link [m] from the file's frame to ours."""
    return triple(R_file_palm.T @ np.asarray(point, float))


def build_own(file: Path, frame: Frame, arm: Arm | None, folders: dict[str, Path], out: Path) -> None:
    """Writes robot.xml and meshes/ into `out`.

    Raises:
        AssetError: The file cannot be read, or has something in it that we do not support; says what.
    """
    spec = load(file)
    _require_link(spec, frame.palm, file)
    _strip(spec, frame.locked)
    _require_joints(spec, file)
    forces = {joint.name: _effort(joint) for joint in spec.joints}
    _turn_palm(spec, frame)
    _draw_and_collide(spec, out / "meshes")
    for body in spec.bodies[1:]:
        body.gravcomp = 1
    for joint in spec.joints:
        effort = forces[joint.name]
        position_servo(spec, joint, effort, STIFFNESS * effort, DAMPING * effort)
        joint.armature, joint.damping, joint.frictionloss = 0.002, [0.05, 0, 0], 0.01
    write_model(spec if arm is None else _attached(spec, frame, arm, folders, out), out)


def load(file: Path) -> mujoco.MjSpec:
    """The model of a file with all orientations as quaternions and meshes by absolute paths."""
    try:
        spec = _from_urdf(file) if file.suffix == ".urdf" else mujoco.MjSpec.from_file(str(file))
        folder = file.parent / (spec.meshdir or "")
        for mesh in spec.meshes:
            if mesh.file:
                mesh.file = str(_mesh_file(folder, mesh.file, file.parent))
        spec.meshdir = ""
        model = spec.compile()
        text = spec.to_xml()
        return _explicit(mujoco.MjSpec.from_string(text), model, re.findall(r'<default class="([^"]+)"', text))
    except (ValueError, OSError, mujoco.FatalError) as error:
        raise AssetError(
            f"reading the robot {file}",
            str(error).strip().splitlines()[-1],
            "URDF or MJCF that MuJoCo loads",
            "load it with `python -m mujoco.viewer --mjcf FILE`, which shows where it fails",
        ) from error


def _explicit(spec: mujoco.MjSpec, model: mujoco.MjModel, classes: list[str]) -> mujoco.MjSpec:
    """The model with inertias as compiled, whatever shapes they came from, and no references in default classes."""
    for body in spec.bodies[1:]:
        facts = model.body(body.name)
        body.mass, body.inertia = max(float(facts.mass[0]), LEAST_KG), np.maximum(facts.inertia, LEAST_INERTIA)
        body.ipos, body.iquat, body.explicitinertial = facts.ipos, facts.iquat, True
    for name in classes:  # attaching does not rename what a class refers to; each geom has it from there already
        spec.find_default(name).geom.material = spec.find_default(name).geom.meshname = ""
    return spec


def _from_urdf(file: Path) -> mujoco.MjSpec:
    """MuJoCo drops visual shapes and joins fixed links by default: not here, keypoints name links."""
    text = re.sub(r'filename="package://[^/"]+/', 'filename="', file.read_text(encoding="utf-8"))
    text = re.sub(r"<mujoco>.*?</mujoco>", "", text, flags=re.DOTALL)
    options = 'discardvisual="false" fusestatic="false" strippath="false" balanceinertia="true" autolimits="true"'
    start = re.search(r"<robot\b[^>]*>", text)
    if start is None:
        raise ValueError("there is no <robot> in it")
    text = f"{text[: start.end()]}<mujoco><compiler {options}/></mujoco>{text[start.end() :]}"

    def found(match: re.Match) -> str:
        return f'filename="{_mesh_file(file.parent, match[1], file.parent)}"'

    return mujoco.MjSpec.from_string(re.sub(r'filename="([^"]+)"', found, text))


def _mesh_file(folder: Path, name: str, root: Path) -> Path:
    """A mesh where the file says, or anywhere below its folder by its name."""
    path = Path(name) if Path(name).is_absolute() else folder / name
    if not path.is_file():
        others = sorted(root.rglob(Path(name).name))
        if not others:
            raise ValueError(f"the mesh {name} is not below {root}")
        path = others[0]
    if path.suffix.lower() not in MESHES:
        raise ValueError(f"the mesh {path.name} is a {path.suffix}: convert it to .obj or .stl")
    return path.resolve()


def _require_link(spec: mujoco.MjSpec, link: str, file: Path) -> None:
    names = [body.name for body in spec.bodies[1:]]
    if link not in names:
        raise AssetError(
            f"looking for the palm in {file}", f"no link {link!r}", f"one of {', '.join(names)}", "correct palm"
        )


def _strip(spec: mujoco.MjSpec, locked: tuple[str, ...]) -> None:
    """Removes all that is no link, joint or shape of the robot, free joints and locked ones."""
    unknown = set(locked) - {joint.name for joint in spec.joints}
    if unknown:
        raise AssetError("locking joints", f"no joint {sorted(unknown)[0]!r}", "joints of the file", "correct locked")
    free = [joint for joint in spec.joints if joint.type == mujoco.mjtJoint.mjJNT_FREE or joint.name in locked]
    groups = (spec.keys, spec.sensors, spec.lights, spec.cameras, spec.actuators, spec.tendons, spec.equalities, free)
    for element in [element for group in groups for element in group]:
        spec.delete(element)
    spec.nkey = 0
    for geom in [geom for geom in spec.geoms if geom.parent.name == "world"]:
        spec.delete(geom)


def _require_joints(spec: mujoco.MjSpec, file: Path) -> None:
    kinds = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)
    wrong = [f"joint {joint.name} is neither a hinge nor a slide" for joint in spec.joints if joint.type not in kinds]
    wrong += [f"joint {joint.name} has no limits" for joint in spec.joints if joint.range[0] >= joint.range[1]]
    wrong += [f"joint {joint.name} is off its link's origin" for joint in spec.joints if np.any(joint.pos)]
    wrong += [f"link {body.name} has {len(body.joints)} joints" for body in spec.bodies if len(body.joints) > 1]
    if wrong:
        raise AssetError(
            f"reading the joints of {file}",
            "; ".join(wrong[:3]),
            "at most one limited hinge or slide a link, at the link's origin",
            "change the file, or name joints to be held in `locked`",
        )


def _effort(joint: mujoco.MjsJoint) -> float:
    given = float(joint.actfrcrange[1])
    return given if given > 0 else EFFORT


def _turn_palm(spec: mujoco.MjSpec, frame: Frame) -> None:
    """Turns the palm link's frame into ours; what is fixed to it stays where it is."""
    palm, R = spec.body(frame.palm), frame.R_file_palm
    inner = palm.add_frame(quat=quat_wxyz_from_rotation(R.T))
    for element in (*palm.geoms, *palm.sites, *palm.bodies):
        element.set_frame(inner)
    for joint in palm.joints:
        joint.axis = R.T @ joint.axis
    turned = rotation_from_quat_wxyz(palm.iquat)
    palm.ipos, palm.iquat = R.T @ palm.ipos, quat_wxyz_from_rotation(R.T @ turned)
    palm.quat = quat_wxyz_from_rotation(rotation_from_quat_wxyz(palm.quat) @ R)


def _draw_and_collide(spec: mujoco.MjSpec, meshes: Path) -> None:
    """Visual shapes become meshes of group 2, the others group 3; without visual ones the others are drawn too."""
    visual = [geom for geom in spec.geoms if geom.contype == 0 and geom.conaffinity == 0]
    colliding = [geom for geom in spec.geoms if geom.contype or geom.conaffinity]
    for mesh in spec.meshes:
        if mesh.file:
            export_visual(Path(mesh.file), meshes / f"{mesh.name}.obj", FACES)
            mesh.file = f"{mesh.name}.obj"
    spec.meshdir = str(meshes)
    for i, geom in enumerate(colliding):
        geom.group, geom.name = COLLISION_GROUP, geom.name or f"{geom.parent.name}_collision_{i}"
        if not visual:
            _draw(spec, geom, _copied(geom, i), meshes)
    for i, geom in enumerate(visual):
        geom.name = geom.name or f"{geom.parent.name}_visual_{i}"
        _draw(spec, geom, geom, meshes)


def _copied(geom: mujoco.MjsGeom, i: int) -> mujoco.MjsGeom:
    copy = geom.parent.add_geom(
        name=f"{geom.parent.name}_drawn_{i}",
        type=geom.type,
        size=geom.size,
        pos=geom.pos,
        quat=geom.quat,
        meshname=geom.meshname,
        rgba=geom.rgba,
        material=geom.material,
        contype=0,
        conaffinity=0,
    )
    if geom.frame:
        copy.set_frame(geom.frame)
    return copy


def _draw(spec: mujoco.MjSpec, shape: mujoco.MjsGeom, geom: mujoco.MjsGeom, meshes: Path) -> None:
    """Makes `geom` a visual mesh, of the primitive `shape` if that is what it is."""
    geom.group, geom.density, geom.mass = VISUAL_GROUP, 0, 0
    if shape.type == mujoco.mjtGeom.mjGEOM_MESH:
        return
    name = f"{geom.name}_mesh"
    export_shaded(_solid(shape), meshes / f"{name}.obj")
    spec.add_mesh(name=name, file=f"{name}.obj")
    geom.type, geom.meshname = mujoco.mjtGeom.mjGEOM_MESH, name


def _solid(geom: mujoco.MjsGeom) -> "trimesh.Trimesh":
    import trimesh

    size, kind = geom.size, mujoco.mjtGeom
    if geom.type == kind.mjGEOM_BOX:
        return trimesh.creation.box(2 * size)
    if geom.type == kind.mjGEOM_SPHERE:
        return trimesh.creation.icosphere(3, size[0])
    if geom.type == kind.mjGEOM_CYLINDER:
        return trimesh.creation.cylinder(size[0], 2 * size[1], sections=32)
    if geom.type == kind.mjGEOM_CAPSULE:
        return trimesh.creation.capsule(2 * size[1], size[0], count=(16, 16), transform=None)
    raise AssetError(
        "drawing the robot",
        f"the shape {geom.name} of {geom.parent.name} is a {geom.type.name}",
        "meshes, boxes, spheres, cylinders and capsules",
        "change the file",
    )


def _attached(hand: mujoco.MjSpec, frame: Frame, arm: Arm, folders: dict[str, Path], out: Path) -> mujoco.MjSpec:
    """The hand on the arm's flange: fingers along its axis, palm facing along its x axis."""
    model = hand.compile()
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    root, palm = model.body(1).id, model.body(frame.palm).id
    R_root_palm = data.xmat[root].reshape(3, 3).T @ data.xmat[palm].reshape(3, 3)
    R = PALM_IN_FLANGE @ R_root_palm.T
    T = arm.T_link_flange @ transform(R, [0, 0, frame.adapter_m] - R @ frame.flange)
    base = hand.body(model.body(1).name)
    name = base.name
    base.pos, base.quat = [0, 0, 0], [1, 0, 0, 0]
    spec = arm.build(folders, out / "meshes")
    site = spec.body(arm.link).add_site(
        name="hand_mount", pos=T[:3, 3], quat=quat_wxyz_from_rotation(T[:3, :3]), group=4
    )
    spec.attach(hand, prefix=HAND, site=site)
    _add_adapter(spec, arm, frame.adapter_m)
    spec.meshdir = str(out / "meshes")
    spec.add_exclude(bodyname1=arm.link, bodyname2=HAND + name)
    return spec


def _add_adapter(spec: mujoco.MjSpec, arm: Arm, length: float) -> None:
    """A cylinder from the flange to the hand, which is drawn and does not collide."""
    if length <= 0:
        return
    radius, rgba = ADAPTER
    mesh = spec.add_mesh(name="adapter")
    mesh.make_cone(32, 0.999)
    mesh.scale = [radius, radius, length / 2]
    T = arm.T_link_flange @ transform(None, [0, 0, length / 2])
    spec.body(arm.link).add_geom(
        name="adapter_visual",
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname="adapter",
        rgba=rgba,
        group=VISUAL_GROUP,
        contype=0,
        conaffinity=0,
        density=0,
        pos=T[:3, 3],
        quat=quat_wxyz_from_rotation(T[:3, :3]),
    )
