"""A grasp: pose of the palm over an object on a table, and how the hand closes."""

from dataclasses import dataclass

from lace.core.errors import InvalidValueError
from lace.core.geometry import Array


@dataclass(frozen=True)
class Grasp:
    """A grasp for any heading of the object: its frame is on the table under the object's centre, z up.

    The planner chooses the heading, the frame's x axis.
    """

    embodiment: str
    """Embodiment of the palm and joints."""
    target: str
    """Object that it was found for, or "default" for unknown shapes."""
    T_table_palm: Array
    """(4, 4)."""
    open: Array
    """(hand joints,) before the grasp [rad]."""
    closed: Array
    """(hand joints,) joint targets that press on the object [rad]."""
    trials: int
    """Trials of the search's last, independent test."""
    successes: int
    """Trials of it that lifted the object."""

    def __post_init__(self):
        if self.T_table_palm.shape != (4, 4) or self.open.shape != self.closed.shape:
            raise InvalidValueError(
                f"reading a grasp of {self.target!r}",
                f"shapes {self.T_table_palm.shape}, {self.open.shape}, {self.closed.shape}",
                "(4, 4) and two equal hand poses",
                "search it again with lace assets find-grasp",
            )
