"""Makes it an error that contacts or constraints did not fit.

MJWarp drops those for which it has no room, prints a line and goes on, and things fall through each other.
"""

import numpy as np
from mujoco_warp import Data, OverflowType

from lace.core.errors import IntegrityError

DROPPED = (
    OverflowType.NEFC
    | OverflowType.NJMAX_NNZ
    | OverflowType.BROADPHASE
    | OverflowType.NARROWPHASE
    | OverflowType.CCD
    | OverflowType.EPA_HORIZON
)
"""Overflows that lose contacts or constraints; iteration limits, which the solver also notes there, lose none."""


def require_room(data: Data) -> None:
    """Raises IntegrityError if any world has overflowed since `forget_overflow`: the engine's marks stay until then."""
    marks = data.overflow.numpy() & int(DROPPED)
    if marks.any():
        names = OverflowType(int(np.bitwise_or.reduce(marks))).name
        raise IntegrityError(
            "stepping Isaac Lab",
            f"worlds {np.flatnonzero(marks).tolist()} had no room for all contacts ({names})",
            f"at most {data.naconmax // data.nworld} contacts and {data.njmax} constraint rows a world",
            "raise NCONMAX or NJMAX in sim_envs/physics/isaac/physics.py, or give objects fewer convex parts",
        )


def forget_overflow(data: Data) -> None:
    """Takes the engine's marks back, where worlds begin: before that all joints are at 0 and the hand is inside itself.

    Of worlds that go on beside them nothing is forgotten: every motion ends with `require_room`.
    """
    data.overflow.zero_()
