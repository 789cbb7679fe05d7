"""The policy protocol: one observation in, two image points out, in simulation and on the real arm."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from lace.core.camera import PinholeCamera
from lace.core.registry import Registry


@dataclass(frozen=True)
class TwoPoints:
    """Image points of end effector and target object [px]; pixel centres are at half-integers."""

    end_effector: np.ndarray
    """(2,) u, v."""
    target: np.ndarray
    """(2,) u, v."""


@dataclass(frozen=True)
class Observation:
    """One observation of a robot cell. Time stamps are in seconds of one monotonic clock, taken at the source."""

    image: np.ndarray
    """RGB (height, width, 3) uint8."""
    camera: PinholeCamera
    """Intrinsics and T_world_cam; world is the robot's base frame."""
    joint_positions: np.ndarray
    """Measured (joints,) [rad], in the embodiment's order."""
    image_stamp_s: float
    state_stamp_s: float
    depth_m: np.ndarray | None = None
    """(height, width) along the camera axis [m], 0 where unknown."""
    truth: TwoPoints | None = None
    """Known in simulation only; only diagnostic policies (`oracle`, `noise`) may use it."""


@runtime_checkable
class Policy(Protocol):
    """Predicts two points from one image. Deterministic after `reset`."""

    name: str

    def reset(self, seed: int) -> None:
        """Starts a trial; everything random afterwards follows from `seed`."""
        ...

    def predict(self, observation: Observation) -> TwoPoints:
        """The two points of `observation` [px]."""
        ...


POLICIES: Registry[Callable[[str], Policy]] = Registry("policy", "lace.policies")
"""By name; each is built from the text after the colon of `NAME:ARGUMENT` ("" where there is none)."""
