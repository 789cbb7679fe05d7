"""A recording in memory, whatever file it comes from; joints at the moments of the images by interpolation."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lace.core.camera import PinholeCamera
from lace.core.counting import counted
from lace.core.embodiment import Embodiment
from lace.core.errors import DatasetError
from lace.core.geometry import Array

LONGEST_GAP_S = 0.1
"""Images between joint states farther apart than this get no labels: interpolation would guess."""


@dataclass(frozen=True)
class Recording:
    """Images and joint angles, each with stamps of its own; both clocks are seconds."""

    name: str
    """Where it comes from, for reports and sources."""
    joint_names: tuple[str, ...]
    image_stamps_s: Array
    """(n,) increasing."""
    image: Callable[[int], np.ndarray]
    """RGB (height, width, 3) uint8 of image i, without distortion."""
    state_stamps_s: Array
    """(m,) increasing."""
    joint_positions: Array
    """(m, joints) [rad], measured."""
    camera: PinholeCamera
    """The camera's pose in the robot's base frame."""

    def __post_init__(self):
        images, states = self.image_stamps_s, self.state_stamps_s
        problem = (
            f"{counted(len(images), 'image')} and {counted(len(states), 'joint state')}"
            if len(images) < 1 or len(states) < 2
            else "stamps that do not increase" if (np.diff(images) <= 0).any() or (np.diff(states) <= 0).any()
            else f"joint states of shape {self.joint_positions.shape} for {len(self.joint_names)} joints"
            if self.joint_positions.shape != (len(states), len(self.joint_names))
            else "joint angles that are not finite" if not np.isfinite(self.joint_positions).all()
            else ""
        )  # fmt: skip
        if problem:
            raise DatasetError(
                f"reading the recording {self.name}",
                problem,
                "at least one image and two joint states, with increasing stamps and one finite angle for each joint",
                "record again, or leave the damaged part out",
            )

    def joints_at(self, stamps_s: Array) -> Array:
        """Joint angles (n, joints) at stamps (n,), straight between states; NaN outside or in a gap."""
        states = self.state_stamps_s
        q = np.stack([np.interp(stamps_s, states, column) for column in self.joint_positions.T], -1)
        after = np.clip(np.searchsorted(states, stamps_s), 1, len(states) - 1)
        known = (stamps_s >= states[0]) & (stamps_s <= states[-1])
        q[~known | (states[after] - states[after - 1] > LONGEST_GAP_S)] = np.nan
        return q

    def in_order_of(self, body: Embodiment) -> "Recording":
        """The same with its joints as `body` has them; DatasetError where one is missing."""
        missing = [name for name in body.joint_names if name not in self.joint_names]
        if missing:
            raise DatasetError(
                f"reading the recording {self.name}",
                f"no joint {', '.join(missing)}; it has {', '.join(self.joint_names)}",
                f"all joints of {body.name}",
                "name them with --joint THEIRS=ours",
            )
        order = [self.joint_names.index(name) for name in body.joint_names]
        return replace(self, joint_names=body.joint_names, joint_positions=self.joint_positions[:, order])
