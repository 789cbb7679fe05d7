"""The seam between a scene and whose hand is in it: robots and humans pose, dress and measure themselves behind it."""

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
        """Device memory of what bends, of which every world has a copy."""
        ...

    def register(self, library: Library, worlds: int) -> None:
        """Adds what the body is drawn as to the library, once, before it is uploaded."""
        ...

    def draw(self, draws: SceneDraws) -> BodyPose:
        """A pose for every frame of the axes' draws."""
        ...

    def apply(self, table: SlotTable, slots: slice, pose: BodyPose, draws: SceneDraws) -> None:
        """Fills the body's slots: meshes, colours, textures, and poses as `set_pose` does."""
        ...

    def set_pose(self, table: SlotTable, slots: slice, pose: BodyPose) -> None:
        """Moves the body's slots to a pose."""
        ...

    def marks(self, table: SlotTable, slots: slice, pose: BodyPose) -> Array:
        """Keypoints (n, 21, 3) [m] of the body that stands in the slots, for the marker test; NaN where absent."""
        ...

    def mount(self, table: SlotTable, slot: int, top: Array) -> None:
        """What the body stands on, in a slot of the table whose top has height `top` (n,) [m]; nothing by default."""
        ...

    def deform(self, pose: BodyPose) -> None:
        """Rewrites meshes that bend with the pose; row i is world i. Called before the worlds are dressed."""
        ...

    def volume(self, pose: BodyPose) -> Array:
        """Points (n, m, 3) [m] that stand for the body where objects must not be."""
        ...

    def palm(self, pose: BodyPose) -> Array:
        """T_world_palm (n, 4, 4)."""
        ...

    def plan_grasp(self, scene: SceneBatch) -> ReachMotion | None:
        """A motion that grasps and lifts the target of a scene of one frame; None if it cannot."""
        ...
