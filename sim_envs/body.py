"""The seam between a scene and whose hand is in it: robots and humans pose, dress and measure themselves behind it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lace.core.embodiment import Embodiment
from lace.core.geometry import Array
from sim_envs.library import Library
from sim_envs.randomization import AxisDraws
from sim_envs.slots import BodyParts, SlotTable

if TYPE_CHECKING:
    from sim_envs.compose import SceneBatch


@dataclass
class BodyPose:
    """A batch of poses of one body; arrays over frames."""

    q: Array
    """(n, joints) [rad]."""
    T_world_link: Array
    """(n, links, 4, 4), links in the order of the body's `link_names`."""
    keypoints_world: Array
    """(n, 21, 3) [m], NaN where absent."""
    shape: np.ndarray | None = None
    """(n, K) shape coefficients, of bodies that vary."""
    extra: dict[str, np.ndarray] = field(default_factory=dict)
    """Further arrays over frames that a body needs to draw itself."""


class Motion(Protocol):
    """A reach-and-grasp motion in one scene, over time in [0, 1]."""

    def at(self, time: Array) -> tuple[BodyPose, Array, np.ndarray]:
        """Poses (n), T_world_target (n, 4, 4), and whether the target is held (n,), at times (n,)."""
        ...


class Body(Protocol):
    """A robot or a human in a scene."""

    embodiment: Embodiment
    link_names: tuple[str, ...]
    parts: BodyParts

    def bytes_per_world(self) -> int:
        """Device memory of what bends, of which every world has a copy."""
        ...

    def wear(self, library: Library, worlds: int) -> None:
        """Adds what the body is drawn as to the library, once, before it is uploaded."""
        ...

    def draw(self, draws: dict[str, AxisDraws]) -> BodyPose:
        """A pose for every frame of the axes' draws."""
        ...

    def dress(self, table: SlotTable, slots: slice, pose: BodyPose, draws: dict[str, AxisDraws]) -> None:
        """Fills the body's slots: meshes, colours, textures, and poses as `place` does."""
        ...

    def place(self, table: SlotTable, slots: slice, pose: BodyPose) -> None:
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

    def plan_grasp(self, scene: "SceneBatch") -> Motion | None:
        """A motion that grasps and lifts the target of a scene of one frame; None if it cannot."""
        ...
