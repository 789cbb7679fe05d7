"""The state of a batch of scenes: poses, objects, lights and cameras, without any engine."""

from collections.abc import Callable
from dataclasses import dataclass, field, is_dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from lace.core.camera import PinholeCamera
from lace.core.geometry import Array, BoolArray
from sim_envs.rendering.slot_table import SlotTable


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

    @property
    def known_shape(self) -> np.ndarray:
        """`shape` of a body that varies; TypeError for one that does not."""
        if self.shape is None:
            raise TypeError("this body does not vary: its poses have no shape")
        return self.shape


class ReachMotion(Protocol):
    """A reach-and-grasp motion in one scene, over time in [0, 1]."""

    def at(self, time: ArrayLike) -> tuple[BodyPose, Array, BoolArray]:
        """Poses (n), T_world_target (n, 4, 4), and whether the target is held (n,), at times (n,)."""
        ...


@dataclass(frozen=True)
class ObjectSet:
    """Objects of one role; arrays over objects."""

    names: tuple[str, ...]
    families: tuple[str, ...]
    mesh: np.ndarray
    """(n,) numbers in the library."""
    textures: np.ndarray
    """(n, LOOKS) numbers in the library."""
    radius: np.ndarray
    """(n,) footprint radius at scale 1 [m]."""
    height: np.ndarray
    """(n,) at scale 1 [m]."""
    scale: np.ndarray
    """(n, 2) range of factors that keep the height in the object's own range."""


@dataclass(frozen=True)
class Lighting:
    """Linear colours (n, 3) and shadow strength (n,); see raytrace.Lights."""

    key_direction: Array
    key_colour: Array
    sky_colour: Array
    ground_colour: Array
    shadow: Array


@dataclass(frozen=True)
class SensorDraw:
    """What the camera does to each picture; arrays over the batch."""

    gain: Array
    """(n, 3) of linear light: exposure times white balance."""
    noise: Array
    """(n,) standard deviation in mid-grey, share of full scale."""
    blur: Array
    """(n,) weight of each neighbour in the 3-tap filter."""
    jpeg_quality: np.ndarray
    """(n,) integers."""
    noise_offset: np.ndarray
    """(n, 2) row and column in the tile of noise."""


@dataclass
class Placed:
    """One object per frame; arrays over the batch. `which` is -1 where it was left out."""

    name: str
    role: str
    object_set: ObjectSet
    which: np.ndarray
    T_world_object: Array
    scale: Array


@dataclass
class SceneBatch:
    """A batch of scenes, complete: everything drawn and everything labelled comes from here."""

    table: SlotTable
    camera: PinholeCamera
    lighting: Lighting
    sensor: SensorDraw
    backdrop: Array
    """(n, 3) in [0, 1): which part of a backdrop is shown, see `assets.backdrops`."""
    pose: BodyPose
    objects: list[Placed]
    rooms: np.ndarray
    """(n,) names."""
    draws: dict[str, np.ndarray]

    def rows(self, index: np.ndarray) -> "SceneBatch":
        """The frames `index`, copied."""
        return _mapped(lambda array: array[index], self)

    @classmethod
    def concatenated(cls, batches: list["SceneBatch"]) -> "SceneBatch":
        """The frames of all batches."""
        return _mapped(lambda *arrays: np.concatenate(arrays), *batches)


def _mapped(change: Callable, *values: Any) -> Any:
    """The first value with every array over frames changed, given those of all values; object_set stays as it is."""
    first = values[0]
    if isinstance(first, np.ndarray):
        return change(*values)
    if isinstance(first, dict):
        return {key: _mapped(change, *(value[key] for value in values)) for key in first}
    if isinstance(first, list):
        return [_mapped(change, *items) for items in zip(*values, strict=True)]
    if is_dataclass(first) and not isinstance(first, ObjectSet):
        fields = {name: _mapped(change, *(getattr(value, name) for value in values)) for name in vars(first)}
        return replace(first, **fields)
    return first
