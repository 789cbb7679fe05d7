"""Importing this fills PHYSICS with every engine; Isaac Lab is imported when it is asked for."""

from sim_envs import mujoco_physics
from sim_envs.physics import PHYSICS, Physics

__all__ = ["PHYSICS", "isaac", "mujoco_physics"]


def isaac() -> Physics:
    """Isaac Lab on Newton MJWarp, on CUDA where there is one."""
    import torch

    from sim_envs.isaac_physics import IsaacPhysics

    return IsaacPhysics(device="cuda:0" if torch.cuda.is_available() else "cpu")


PHYSICS.add("isaac", isaac)
