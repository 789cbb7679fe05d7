"""Interface of physics engines: worlds built from engine-free scenes, moved by joint commands, read out as states.

Implementations: MuJoCo C (`sim_envs/physics/mujoco.py`), Isaac Lab on Newton MJWarp. All step at 250 Hz or finer with
elliptic friction cones. The world frame is the robot's base frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lace.core.geometry import Array

STEP_HZ = 250
"""Coarsest allowed stepping: at 120 Hz one grasp in seven fails in both engines (docs/grasping.md)."""


@dataclass(frozen=True)
class RigidObject:
    """A free body as a union of convex parts."""

    name: str
    """Unique in its scene ("target", "distractor_2")."""
    hulls: tuple[Array, ...]
    """Vertices (k, 3) of each convex part in the object's frame [m], as large as it is here."""
    mass_kg: float
    friction: float
    """Sliding friction against everything."""
    T_world_object: Array
    """(4, 4) at the start."""


@dataclass(frozen=True)
class PhysicsScene:
    """The initial state of one world: a robot, a table and objects on it."""

    table_z: float
    """Height of the table's top [m]."""
    joint_positions: Array
    """(joints,) of the robot at rest, in the embodiment's order [rad]; also its first targets."""
    objects: tuple[RigidObject, ...]


@dataclass(frozen=True)
class WorldState:
    """All worlds at one moment. `objects` is the largest number in any world; missing ones are NaN."""

    time_s: float
    """Since the start."""
    joint_positions: Array
    """(n, joints) [rad]."""
    joint_velocities: Array
    """(n, joints) [rad/s]."""
    T_world_object: Array
    """(n, objects, 4, 4)."""
    robot_table_N: Array
    """(n,) normal force between robot and table, 0 without contact."""
    robot_object_N: Array
    """(n, objects) normal force between robot and object."""
    object_table_N: Array
    """(n, objects)."""


@dataclass(frozen=True)
class StateSequence:
    """States of all worlds every `stride` steps: the arrays of WorldState with a second axis, `frames`."""

    time_s: Array
    """(frames,) since the start."""
    joint_positions: Array
    """(n, frames, joints) [rad]."""
    joint_velocities: Array
    """(n, frames, joints) [rad/s]."""
    T_world_object: Array
    """(n, frames, objects, 4, 4)."""
    robot_table_N: Array
    """(n, frames)."""
    robot_object_N: Array
    """(n, frames, objects)."""
    object_table_N: Array
    """(n, frames, objects)."""


class Worlds(Protocol):
    """A batch of running worlds; the same scenes and commands give the same states."""

    count: int
    timestep_s: float
    """At most 1 / STEP_HZ."""

    def state(self) -> WorldState:
        """The current state."""
        ...

    def roll(
        self, commands: Array, stride: int = 10, worlds: Sequence[int] | np.ndarray | None = None
    ) -> StateSequence:
        """Steps worlds along position targets and reports their states.

        Args:
            commands: (n, steps, joints) targets for each step [rad].
            stride: Steps between reported states; the last step is always reported.
            worlds: Which worlds move (n of them); all by default. Others stand still and keep their time.

        Raises:
            InvalidValueError: A command is not finite.
            IntegrityError: A world diverged.
        """
        ...

    def restart(self, worlds: Sequence[int] | np.ndarray, scenes: Sequence[PhysicsScene]) -> None:
        """Resets `worlds` to time 0, each with a scene of its own; the others keep their state."""
        ...

    def close(self) -> None:
        """Frees the engine."""
        ...


class Physics(Protocol):
    """Opens worlds of one robot. An engine may hold only one batch of worlds: opening another ends the earlier one."""

    name: str

    def open(self, scenes: Sequence[PhysicsScene]) -> Worlds:
        """One world for each scene. Raises InvalidValueError for a scene that the engine cannot hold."""
        ...


def stack(states: list[WorldState]) -> StateSequence:
    """A sequence of states in order of time."""
    arrays = {
        name: np.stack([getattr(state, name) for state in states], 1) for name in vars(states[0]) if name != "time_s"
    }
    return StateSequence(time_s=np.array([state.time_s for state in states]), **arrays)
