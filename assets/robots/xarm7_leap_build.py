"""Composes the xArm7 and the LEAP Hand into one MJCF with decimated, descriptively named meshes."""

import xml.etree.ElementTree as ET
from pathlib import Path

import mujoco
import numpy as np

from assets.robots.meshes import export_hull, export_visual, write_model
from assets.robots.robot import COLLISION_GROUP, VISUAL_GROUP
from lace.core.errors import AssetError
from lace.core.geometry import quat_wxyz_from_rotation

ARM_FACES, BASE_FACES, PALM_FACES, FINGER_FACES, HULL_FACES = 1400, 5000, 4000, 1500, 200
"""Triangles kept per mesh: at 448 px a triangle is then about one or two pixels."""
ARM_EFFORT = (50, 50, 30, 30, 30, 20, 20)
"""[N m] UFACTORY xarm_description, xarm7.urdf.xacro."""
ARM_GAINS = ((2000, 200),) * 4 + ((800, 60),) * 3
"""(stiffness, damping) that hold the arm within 0.2 mrad in both engines (measured)."""
HAND_EFFORT, HAND_GAINS = 0.95, (4.0, 0.15)
"""[N m] Dynamixel XC330-M288 stall torque at 5 V; gains as measured in simulation (docs/grasping.md)."""
MATERIALS = {
    "arm_white": (0.92, 0.92, 0.91, 1),
    "arm_grey": (0.60, 0.61, 0.63, 1),
    "adapter": (0.25, 0.25, 0.27, 1),
}
GREY_LINKS = ("link7",)
FLANGE_TO_PALM = 0.024
"""Thickness of the adapter between the xArm's flange and the palm's edge [m]."""
PALM_EDGE = np.array([-0.1, -0.035, -0.0115])
"""Middle of the palm's lower edge in the palm frame [m]; it is on the flange's axis."""
PALM_IN_FLANGE = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]], float)
"""Rotation of the palm in link7: fingers (palm x) along the flange axis z, palm normal (-z) along flange x."""
TIP_SKIN_M = 0.0006
"""Offset of the drawn rubber tips from the distal links [m]; the original surfaces coincide and cause z-fighting."""
INDEX_TIP_FAULT = (0.0, 0.0, -0.018)
"""right_hand.xml places the index fingertip's collision shape 18 mm off its finger; the others have no offset."""


def build(folders: dict[str, Path], out: Path) -> None:
    """Writes robot.xml and meshes/ into `out` from both manufacturers' description folders."""
    meshes = out / "meshes"
    spec = xarm7(folders["xarm7"], meshes)
    _attach_hand(spec, _hand(folders["leap_hand"], meshes))
    write_model(spec, out)


def _floats(text: str) -> list[float]:
    return [float(x) for x in text.split()]


def xarm7(folder: Path, meshes: Path) -> mujoco.MjSpec:
    """The arm from gym-xarm's MJCF: same kinematics, inertias and limits, decimated meshes."""
    source = ET.parse(folder / "xarm.xml").getroot()
    spec = mujoco.MjSpec()
    spec.modelname = "xarm7_leap"
    spec.compiler.degree = False
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10
    for name, rgba in MATERIALS.items():
        spec.add_material(name=name, rgba=rgba)
    parent = spec.worldbody.add_body(name="link_base")
    _arm_meshes(spec, parent, folder, meshes)
    for i in range(1, 8):
        node = next(body for body in source.iter("body") if body.get("name") == f"link{i}")
        quat = _floats(node.get("quat", "1 0 0 0"))
        parent = parent.add_body(name=f"link{i}", pos=_floats(node.attrib["pos"]), quat=quat)
        _arm_body(spec, parent, node, i)
        _arm_meshes(spec, parent, folder, meshes)
    return spec


def _arm_body(spec: mujoco.MjSpec, body: mujoco.MjsBody, node: ET.Element, i: int) -> None:
    inertial, joint = (next(node.iter(kind)).attrib for kind in ("inertial", "joint"))
    body.mass, body.ipos = float(inertial["mass"]), _floats(inertial["pos"])
    body.iquat, body.inertia = _floats(inertial["quat"]), _floats(inertial["diaginertia"])
    body.explicitinertial, body.gravcomp = True, 1
    limits, effort = _floats(joint["range"]), ARM_EFFORT[i - 1]
    body.add_joint(
        name=f"joint{i}",
        type=mujoco.mjtJoint.mjJNT_HINGE,
        axis=[0, 0, 1],
        range=limits,
        limited=True,
        armature=0.1,
        damping=[1, 0, 0],
        frictionloss=0.2,
        actfrclimited=True,
        actfrcrange=[-effort, effort],
    )
    stiffness, damping = ARM_GAINS[i - 1]
    actuator = spec.add_actuator(name=f"joint{i}", target=f"joint{i}", trntype=mujoco.mjtTrn.mjTRN_JOINT)
    actuator.set_to_position(kp=stiffness, kv=damping)
    actuator.ctrllimited, actuator.ctrlrange = True, limits


def _arm_meshes(spec: mujoco.MjSpec, body: mujoco.MjsBody, folder: Path, meshes: Path) -> None:
    source = folder / "mesh" / f"{body.name}.stl"
    if not source.is_file():
        raise AssetError("building the xArm7", f"{source} is not there", "one STL per link", "complete the folder")
    export_visual(source, meshes / f"{body.name}.obj", BASE_FACES if body.name == "link_base" else ARM_FACES)
    spec.add_mesh(name=body.name, file=f"{body.name}.obj")
    body.add_geom(
        name=f"{body.name}_visual",
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=body.name,
        contype=0,
        conaffinity=0,
        density=0,
        group=VISUAL_GROUP,
        material="arm_grey" if body.name in GREY_LINKS else "arm_white",
    )
    export_hull(source, meshes / f"{body.name}_hull.obj", HULL_FACES)
    spec.add_mesh(name=f"{body.name}_hull", file=f"{body.name}_hull.obj")
    body.add_geom(
        name=f"{body.name}_collision",
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=f"{body.name}_hull",
        group=COLLISION_GROUP,
        density=0,
        friction=[0.8, 0.02, 0.001],
    )


def _hand(folder: Path, meshes: Path) -> mujoco.MjSpec:
    """The hand from Menagerie's MJCF: free joint and sensors removed, index fingertip fixed, meshes decimated."""
    hand = mujoco.MjSpec.from_file(str(folder / "right_hand.xml"))
    for element in [*hand.sensors, *(j for j in hand.joints if j.type == mujoco.mjtJoint.mjJNT_FREE)]:
        hand.delete(element)
    for mesh in list(hand.meshes):
        faces = PALM_FACES if mesh.name == "palm" else FINGER_FACES
        export_visual(folder / "assets" / mesh.file, meshes / f"leap_{mesh.name}.obj", faces)
        if mesh.name.endswith("tip"):
            skin = f"leap_{mesh.name}_skin.obj"
            export_visual(folder / "assets" / mesh.file, meshes / skin, faces, TIP_SKIN_M)
            hand.add_mesh(name=f"{mesh.name}_skin", file=skin)
        mesh.file = f"leap_{mesh.name}.obj"
    hand.meshdir, hand.option.impratio = str(meshes), 10
    hand.material("black").rgba, hand.material("white").rgba = [0.13, 0.13, 0.14, 1], [0.85, 0.85, 0.82, 1]
    for default in ("visual", "collision", "tip", "thumb_tip"):  # class material references are not renamed by attach
        hand.find_default(default).geom.material = ""
    for geom in list(hand.geoms):
        _hand_geom(hand, geom)
    for joint in hand.joints:
        joint.armature, joint.damping, joint.frictionloss = 0.002, [0.05, 0, 0], 0.01
        joint.actfrclimited, joint.actfrcrange = True, [-HAND_EFFORT, HAND_EFFORT]
    for actuator in hand.actuators:
        actuator.name = actuator.name.removesuffix("_act")
        actuator.set_to_position(kp=HAND_GAINS[0], kv=HAND_GAINS[1])
    for body in hand.bodies:
        body.gravcomp = float(body.name != "world")
    hand.body("palm").quat = [1, 0, 0, 0]
    return hand


def _hand_geom(hand: mujoco.MjSpec, geom: mujoco.MjsGeom) -> None:
    """Assigns a geom to the visual or collision group; a rubber tip needs both, so a visual copy is added."""
    if geom.contype == 0 and geom.conaffinity == 0:
        geom.group, geom.material = VISUAL_GROUP, "black"
        return
    tip = geom.name.endswith("_tip")
    geom.group, geom.solimp, geom.solref = COLLISION_GROUP, [0.9, 0.95, 0.001, 0.5, 2], [0.01, 1]
    geom.friction, geom.condim = ([1.0, 0.02, 0.002], 4) if tip else ([0.8, 0.02, 0.001], 3)
    if not tip:
        return
    if geom.name == "if_tip" and np.allclose(geom.pos, INDEX_TIP_FAULT):
        geom.pos = [0, 0, 0]
    geom.parent.add_geom(
        name=f"{geom.name}_visual",
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=f"{geom.meshname}_skin",
        contype=0,
        conaffinity=0,
        density=0,
        group=VISUAL_GROUP,
        material="white",
        pos=geom.pos,
    )


def _attach_hand(spec: mujoco.MjSpec, hand: mujoco.MjSpec) -> None:
    """Mounts the palm's lower edge on the flange with an adapter; prefixes the hand's names with `leap_`."""
    flange = spec.body("link7")
    cylinder = flange.add_geom(
        name="adapter_visual",
        type=mujoco.mjtGeom.mjGEOM_MESH,
        contype=0,
        conaffinity=0,
        density=0,
        group=VISUAL_GROUP,
        material="adapter",
        pos=[0, 0, FLANGE_TO_PALM / 2],
    )
    mesh = spec.add_mesh(name="adapter")
    mesh.make_cone(32, 0.999)
    mesh.scale = [0.034, 0.034, FLANGE_TO_PALM / 2]
    cylinder.meshname = "adapter"
    position = np.array([0, 0, FLANGE_TO_PALM]) - PALM_IN_FLANGE @ PALM_EDGE
    site = flange.add_site(name="hand_mount", pos=position, quat=quat_wxyz_from_rotation(PALM_IN_FLANGE), group=4)
    spec.attach(hand, prefix="leap_", site=site)
    for link in ("link6", "link7"):
        spec.add_exclude(bodyname1=link, bodyname2="leap_palm")
