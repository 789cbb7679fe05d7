"""Interface between a scene and its robot or human body."""

from typing import Protocol

from lace.core.embodiment import Embodiment
from lace.core.geometry import Array
from sim_envs.rendering.library import Library
from sim_envs.rendering.slot_table import SlotTable
from sim_envs.scenes.randomization import SceneDraws
from sim_envs.scenes.slots import BodyParts
from sim_envs.scenes.state import BodyPose, ReachMotion, SceneBatch


class Body(Protocol):
    """A robot or a human in a scene."""

    embodiment: Embodiment
    link_names: tuple[str, ...]
    parts: BodyParts

    def bytes_per_world(self) -> int:
        """Device memory [bytes] of the meshes that deform, of which every world has a copy."""
        ...

    def register(self, library: Library, worlds: int) -> None:
        """Adds the body's meshes and textures to the library, once, before the library is uploaded."""
        ...

    def draw(self, draws: SceneDraws) -> BodyPose:
        """One pose for each frame, from the draws of the axes."""
        ...

    def apply(self, table: SlotTable, slots: slice, pose: BodyPose, draws: SceneDraws) -> None:
        """Fills the body's slots: meshes, colours, textures, and poses as `set_pose` does."""
        ...

    def set_pose(self, table: SlotTable, slots: slice, pose: BodyPose) -> None:
        """Moves the body's slots to a pose."""
        ...

    def marks(self, table: SlotTable, slots: slice, pose: BodyPose) -> Array:
        """Keypoints (n, 21, 3) [m] of the body in the slots, for the marker test; NaN where absent."""
        ...

    def mount(self, table: SlotTable, slot: int, top: Array) -> None:
        """Fills a slot with what the body stands on, for table tops at height `top` (n,) [m]."""
        ...

    def deform(self, pose: BodyPose) -> None:
        """Updates the meshes that deform with the pose; row i is world i. Called before the slots are uploaded."""
        ...

    def volume(self, pose: BodyPose) -> Array:
        """Points (n, m, 3) [m] inside the body, from which objects keep a distance."""
        ...

    def palm(self, pose: BodyPose) -> Array:
        """T_world_palm (n, 4, 4)."""
        ...

    def plan_grasp(self, scene: SceneBatch) -> ReachMotion | None:
        """A motion that grasps and lifts the target of a scene of one frame; None if it cannot."""
        ...
