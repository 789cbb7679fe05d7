"""The robot as USD for Isaac Lab, made from its MJCF by mujoco-usd-converter and cached."""

import shutil
from hashlib import sha256
from pathlib import Path

import mujoco

from assets.cache import built_folder
from assets.robots.robot import VISUAL_GROUP, Robot

USD_VERSION = 1
"""Raise when this file changes what it writes: the cache is keyed by it."""


def robot_usd(robot: Robot) -> Path:
    """The robot's USD file, converted on first use (a second): links, joints, inertias, collision shapes.

    Conversion loses what Isaac Lab must set again: gains, gravity compensation, and contact masks (excluded pairs of
    links stay). Actuators are left out, for Isaac Lab adds its own to every joint, and so is what is only drawn.
    """
    digest = sha256(robot.xml_path.read_bytes()).hexdigest()[:12]
    name = robot.embodiment.name
    folder = built_folder(f"robots/{name}-usd-{USD_VERSION}-{digest}", lambda out: _convert(robot, out))
    return folder / "usd" / f"{name}.usda"


def collision_spec(robot: Robot) -> mujoco.MjSpec:
    """The robot without what is only drawn: it compiles in milliseconds."""
    spec = mujoco.MjSpec.from_file(str(robot.xml_path))
    for geom in [geom for geom in spec.geoms if geom.group == VISUAL_GROUP]:
        spec.delete(geom)
    used = {geom.meshname for geom in spec.geoms}
    for mesh in [mesh for mesh in spec.meshes if mesh.name not in used]:
        spec.delete(mesh)
    return spec


def _convert(robot: Robot, out: Path) -> None:
    from mujoco_usd_converter import Converter

    spec = collision_spec(robot)
    for actuator in list(spec.actuators):
        spec.delete(actuator)
    spec.compile()
    shutil.copytree(robot.xml_path.parent / "meshes", out / "meshes")
    (out / "robot.xml").write_text(spec.to_xml())
    Converter().convert(str(out / "robot.xml"), str(out / "usd"))
