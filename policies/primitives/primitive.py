"""The primitive protocol: a checked plan from two image points and an observation."""

from dataclasses import dataclass
from typing import Protocol

from lace.core.geometry import Array
from policies.cell import RobotCell
from policies.outcome import Phase
from policies.path import CheckedPath
from policies.policy import Observation, TwoPoints


@dataclass(frozen=True)
class ArmMove:
    """The arm follows a path."""

    phase: Phase
    path: CheckedPath

    def run(self, cell: RobotCell) -> None:
        """Moves `cell`."""
        cell.follow(self.path)


@dataclass(frozen=True)
class HandMove:
    """The hand's targets move."""

    phase: Phase
    targets: Array
    """(hand joints,) [rad]."""
    duration_s: float

    def run(self, cell: RobotCell) -> None:
        """Moves `cell`."""
        cell.hand(self.targets, self.duration_s)


@dataclass(frozen=True)
class Plan:
    """Checked moves in order, and their goal."""

    moves: tuple[ArmMove | HandMove, ...]
    target_world: Array
    """(3,) estimated centre of the target [m]."""


class Primitive(Protocol):
    """Turns two image points into a motion."""

    needs_depth: bool

    def plan(self, observation: Observation, points: TwoPoints, table_z: float) -> Plan:
        """The whole motion, checked before anything moves.

        Raises:
            SafetyStop: The end-effector point disagrees with forward kinematics, or the goal leaves the workspace.
            PlanRefused: No path passes the checks; the message says which check failed.
        """
        ...
