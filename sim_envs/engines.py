"""Importing this fills PHYSICS with every engine."""

from sim_envs import mujoco_physics
from sim_envs.physics import PHYSICS

__all__ = ["PHYSICS", "mujoco_physics"]
