"""A grasp: where the palm goes over a thing on a table, and how the hand closes."""

from dataclasses import dataclass

from lace.core.errors import InvalidValueError
from lace.core.geometry import Array


@dataclass(frozen=True)
class Grasp:
    """Works whichever way the object faces: its frame stands on the table under the object's middle, z up.

    The frame's x axis is the heading, which the planner is free to choose.
    """

    embodiment: str
    """Whose palm and joints these are."""
    target: str
    """What it was found for: an object, or "default" for unknown shapes."""
    T_table_palm: Array
    """(4, 4)."""
    open: Array
    """(hand joints,) before the grasp [rad]."""
    closed: Array
    """(hand joints,) targets that press on the object [rad]."""
    trials: int
    """How often it was tried in the search's last, independent test."""
    successes: int
    """How often it lifted the object there."""

    def __post_init__(self):
        if self.T_table_palm.shape != (4, 4) or self.open.shape != self.closed.shape:
            raise InvalidValueError(
                f"reading a grasp of {self.target!r}",
                f"shapes {self.T_table_palm.shape}, {self.open.shape}, {self.closed.shape}",
                "(4, 4) and two equal hand poses",
                "make the grasp file again (tools/grasp_search.py)",
            )
