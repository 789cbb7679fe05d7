"""A robot of your own, without editing the repository: the xArm7 with a rod, registered here, then frames of it.

python examples/custom_embodiment.py runs/rod
"""

import sys
from pathlib import Path

import numpy as np

from assets.robots import ROBOTS
from assets.robots.meshes import write_model
from assets.robots.recipe import Recipe
from assets.robots.ur5e_rod import ROD_M, add_rod
from assets.robots.xarm7_leap import HOME, XARM7
from assets.robots.xarm7_leap_build import xarm7
from lace.core.embodiment import Keypoint, Provenance

X_ALONG_Z = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]], float)


def build(folders: dict[str, Path], out: Path) -> None:
    """Writes robot.xml (MJCF) and meshes/: the maker's arm and a rod along the flange's axis."""
    spec = xarm7(folders["xarm7"], out / "meshes")
    add_rod(spec, spec.body("link7"), (0, 0, 0), X_ALONG_Z)
    write_model(spec, out)


WRIST = Keypoint("wrist", "link7", (0, 0, -0.01), 0.05, ("link7", "rod"), "the flange that holds the rod")
TIP = Keypoint("index_tip", "rod", (ROD_M - 0.005, 0, 0), 0.02, ("rod",), "the end that touches first")
MADE = (Provenance("arm", "gym-xarm 0.1.1 wheel", "Apache-2.0"), Provenance("rod", "made here", "Apache-2.0"))
ROD = Recipe("rod", (XARM7,), build, (WRIST, TIP), "rod", grasp_point=(ROD_M, 0.0, 0.0), provenance=MADE, home=HOME)


def main(out: Path, frames: int = 24, size: int = 224) -> int:
    """Generates frames of the rod; returns the exit code."""
    if "rod" not in ROBOTS:
        ROBOTS.add("rod", ROD)
    from sim_envs.config.generate import GenerateConfig
    from sim_envs.frames import generate

    return generate.main(GenerateConfig(embodiment="rod", out=out, frames=frames, width=size, height=size), "robot")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
