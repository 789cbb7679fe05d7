"""The robot as USD for Isaac Lab, converted from its MJCF by mujoco-usd-converter and cached."""

import shutil
import subprocess
import sys
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from assets.robots.robot import Robot, collision_spec
from lace.core.cache import built_folder
from lace.core.code_identity import code_of
from lace.core.content import content_of
from lace.core.errors import AssetError


def robot_usd(robot: Robot) -> Path:
    """The robot's USD file, converted on first use (about 1 s): links, joints, inertias, collision shapes.

    The conversion drops gains, gravity compensation and contact masks (excluded link pairs are kept): set them again
    in Isaac Lab. Actuators are omitted, because Isaac Lab adds its own to every joint; so are visual meshes.
    """
    code = code_of(_convert, version("mujoco-usd-converter"))
    digest = sha256(f"{content_of([robot.xml_path.parent])} {code}".encode()).hexdigest()[:16]
    name = robot.embodiment.name
    folder = built_folder(f"robots/{name}-usd-{digest}", lambda out: _convert(robot, out))
    return folder / "usd" / f"{name}.usda"


def _convert(robot: Robot, out: Path) -> None:
    spec = collision_spec(robot)
    for actuator in list(spec.actuators):
        spec.delete(actuator)
    spec.compile()
    shutil.copytree(robot.xml_path.parent / "meshes", out / "meshes")
    (out / "robot.xml").write_text(spec.to_xml())
    # In a separate process: OpenUSD ignores MuJoCo's schemas if they are registered after its first schema query.
    command = [sys.executable, "-m", "mujoco_usd_converter", str(out / "robot.xml"), str(out / "usd")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["nothing"]
        raise AssetError(
            f"converting {robot.embodiment.name} to USD",
            f"the converter ended with code {done.returncode}: {said[0]}",
            "a converted robot",
            "report this with the robot's description",
        )
