"""Engines by name; each is imported when it is first used."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from lace.core.registry import Registry
from sim_envs.physics.protocol import Physics

if TYPE_CHECKING:
    from assets.robots.robot import Robot

PHYSICS: Registry[Callable[["Robot", str], Physics]] = Registry("physics")
"""Each builds an engine for a robot on a device ("cpu", "cuda:0")."""


@PHYSICS.register("mujoco")
def mujoco(robot: "Robot", _device: str) -> Physics:
    """MuJoCo C, always on the CPU."""
    from sim_envs.physics.mujoco import MujocoPhysics

    return MujocoPhysics(robot)


@PHYSICS.register("isaac")
def isaac(robot: "Robot", device: str) -> Physics:
    """Isaac Lab on Newton MJWarp."""
    from sim_envs.physics.isaac.physics import IsaacPhysics

    return IsaacPhysics(robot, device)


def fastest(device: str) -> str:
    """Isaac Lab on CUDA, where it steps all worlds at once; MuJoCo C on a CPU, where it is many times faster."""
    return "mujoco" if device == "cpu" else "isaac"
