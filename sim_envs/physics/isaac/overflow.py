"""Raises an error when contacts or constraints exceed MJWarp's buffers.

MJWarp drops the excess, prints a line and continues; then objects fall through each other.
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
    """Raises IntegrityError if any world has overflowed since `forget_overflow`; its flags stay set until then."""
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
    """Clears the engine's overflow flags when worlds start.

    Before the start all joints are at 0, where the hand collides with itself. Overflow of other, running worlds is not
    lost: every motion ends with `require_room`.
    """
    data.overflow.zero_()
