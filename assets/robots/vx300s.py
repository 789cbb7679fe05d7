"""ViperX 300 S: larger than the WidowX 250, same manufacturer and gripper, with standard fingers.

No wheel with a permissive licence contains the WidowX 250 of the paper's section 5.6 (Open X-Embodiment's bridge).
"""

from pathlib import Path

import mujoco
import numpy as np

from assets.robots.meshes import decimate_all, export_hull, position_servo, write_model
from assets.robots.recipe import Recipe
from assets.robots.robot import COLLISION_GROUP, VISUAL_GROUP
from lace.core.embodiment import Curl, Keypoint, Provenance
from lace.core.geometry import quat_wxyz_from_rotation
from lace.core.wheels import WheelAsset

WHEEL = WheelAsset(
    name="vx300s",
    package="gym-aloha",
    version="0.1.5",
    sha256="1794dd9a1146268a9b56f4a4931bcba69ca27714c2ac9ac146e471801bf0c7b3",
    folder="gym_aloha/assets",
    licence="Apache-2.0",
    licence_file="gym_aloha-0.1.5.dist-info/licenses/LICENSE",
    size_mb=1,
    probe="vx300s_right.xml",
)
SCENE = """<mujoco model="vx300s">
  <include file="vx300s_dependencies.xml"/>
  <worldbody><include file="vx300s_right.xml"/></worldbody>
</mujoco>"""
"""The manufacturer's files are fragments; this makes a model of one of ALOHA's four arms."""
FACES, HULL_FACES, HULL = 2500, 120, "{}_hull"
BLACK = (0.11, 0.11, 0.12, 1)
EFFORT = (10.6, 21.2, 21.2, 10.6, 10.6, 4.1, 76.0, 76.0)
"""[N m, last two N] stall torques at 12 V of one or two XM540-W270 and of an XM430-W350 (Dynamixel e-manual); the
fingers share the last one's torque on its 27 mm crank (vx300s_8_gripper_prop.stl)."""
GAINS = ((200.0, 20.0),) * 6 + ((1000.0, 50.0),) * 2
"""(stiffness, damping): plausible, not tuned; this robot's physics is not simulated yet."""
FINGER = "vx300s_10_gripper_finger"
"""The standard finger. ALOHA's fingers, which the fragments refer to, have another shape."""
FINGER_OFFSET = (-0.0404, 0.0575)
"""Along the finger and across it [m]; with it the pads face each other across the gripper's centre."""
SHARED = "shared with the index finger, beside which it opposes the thumb: "
LEFT = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], float)
RIGHT = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], float)
"""Rotations of the finger's mesh in its link: the mesh's z axis is along the finger, x across it."""


def build(folders: dict[str, Path], out: Path) -> None:
    """Builds one arm at the origin from the fragments: standard fingers, decimated meshes, collision hulls, servos."""
    folder = folders["vx300s"]
    fragments = {name: (folder / name).read_bytes() for name in ("vx300s_dependencies.xml", "vx300s_right.xml")}
    spec = mujoco.MjSpec.from_string(SCENE, include=fragments)
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    for element in (*spec.sites, *spec.cameras, spec.body("vx300s_right/camera_focus")):
        spec.delete(element)
    for element in (*spec.bodies[1:], *spec.joints, *spec.geoms):
        element.name = element.name.removeprefix("vx300s_right/")
    root = spec.body("vx300s_right")
    root.name, root.pos, root.quat = "base_link", [0, 0, 0], [1, 0, 0, 0]
    root.alt.type = mujoco.mjtOrientation.mjORIENTATION_QUAT
    _standard_fingers(spec)
    decimate_all(spec, folder, out / "meshes", FACES)
    spec.add_material(name="black", rgba=BLACK)
    for geom in list(spec.geoms):
        _draw_and_collide(spec, geom, folder, out / "meshes")
    spec.add_exclude(bodyname1="base_link", bodyname2="shoulder_link")  # the turntable's hull overlaps the base's
    for body in spec.bodies[1:]:
        body.gravcomp = 1
    for joint, effort, gains in zip(spec.joints, EFFORT, GAINS, strict=True):
        position_servo(spec, joint, effort, *gains)
    write_model(spec, out)


def _standard_fingers(spec: mujoco.MjSpec) -> None:
    for side in ("left", "right"):
        spec.delete(spec.mesh(f"vx300s_10_gripper_finger_{side}"))
    spec.add_mesh(name=FINGER, file=f"{FINGER}.stl", scale=[1e-3] * 3)
    for side, turn, sign in (("left", LEFT, -1), ("right", RIGHT, 1)):
        geom = spec.geom(f"10_{side}_gripper_finger")
        geom.meshname, geom.pos = FINGER, [FINGER_OFFSET[0], sign * FINGER_OFFSET[1], 0]
        geom.alt.type, geom.quat = mujoco.mjtOrientation.mjORIENTATION_QUAT, quat_wxyz_from_rotation(turn)


def _draw_and_collide(spec: mujoco.MjSpec, geom: mujoco.MjsGeom, folder: Path, meshes: Path) -> None:
    geom.group, geom.contype, geom.conaffinity, geom.density = VISUAL_GROUP, 0, 0, 0
    geom.material, hull = "black", HULL.format(geom.meshname)
    if spec.mesh(hull) is None:
        export_hull(folder / f"{geom.meshname}.stl", meshes / f"{hull}.obj", HULL_FACES)
        spec.add_mesh(name=hull, file=f"{hull}.obj", scale=[1e-3] * 3)
    geom.parent.add_geom(
        name=f"{geom.name}_collision",
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=hull,
        group=COLLISION_GROUP,
        density=0,
        pos=geom.pos,
        quat=geom.quat,
    )


def _finger(finger: str, side: str, sign: int, joints: tuple[str, ...], why: str = "") -> tuple[Keypoint, ...]:
    """A rigid sliding finger: its base, two points along it and its tip represent a human finger's four joints."""
    link, pad = f"{side}_finger_link", -sign * 0.009
    places = (0.0, 0.02, 0.04, 0.062)
    reasons = (
        "where the finger leaves its carriage; it slides there instead of turning",
        "a third along the finger, which is rigid",
        "two thirds along the finger, which is rigid",
        "5 mm inside the fingertip",
    )
    return tuple(
        Keypoint(f"{finger}_{joint}", link, (x, pad, 0), 0.03, (link, "gripper_link"), why + reason)
        for joint, x, reason in zip(joints, places, reasons, strict=True)
    )


VX300S = Recipe(
    name="vx300s",
    wheels=(WHEEL,),
    build=build,
    home={"shoulder": -0.6, "elbow": 0.7, "wrist_angle": 1.0, "left_finger": 0.04, "right_finger": -0.04},
    keypoints=(
        Keypoint(
            "wrist",
            "gripper_link",
            (0, 0, 0),
            0.04,
            ("gripper_link", "wrist_link"),
            "where the gripper's body meets the arm's last servo",
        ),
        *_finger("thumb", "left", 1, ("cmc", "mcp", "ip", "tip")),
        *_finger("index", "right", -1, ("mcp", "pip", "dip", "tip")),
        *_finger("middle", "right", -1, ("mcp", "pip", "dip", "tip"), SHARED),
    ),
    hand_root="gripper_link",
    grasp_point=(0.115, 0.0, 0.0),
    provenance=(
        Provenance(
            "ViperX 300 S kinematics, masses, limits, meshes",
            "gym-aloha 0.1.5 wheel, vx300s_right.xml (from Trossen's interbotix descriptions by way of ALOHA)",
            "Apache-2.0, MIT",
        ),
        Provenance("servo torques", "Dynamixel e-manual, XM540-W270 and XM430-W350", "facts"),
    ),
    curls={"left_finger": Curl(1.0, 0.0, noise=0.0), "right_finger": Curl(0.0, 1.0, noise=0.0)},
    figure_pose={"left_finger": 0.05, "right_finger": -0.05},
)
"""The finger at +y is the thumb: seen from the back of the gripper it is on the left, as on a right hand."""
