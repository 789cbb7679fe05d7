"""A plan as joint targets at a fixed rate, for environments and engine comparisons that have no cell."""

import numpy as np

from lace.core.geometry import Array
from policies.primitives.primitive import ArmMove, Plan


def joint_targets(plan: Plan, start: Array, rate_hz: float, settle_s: float = 0.0) -> Array:
    """Targets (k, joints) [rad], the first one period after the start.

    Args:
        plan: Arm and hand moves in order; while one moves, the other holds its last target.
        start: (joints,) [rad] before the plan.
        rate_hz: Targets per second.
        settle_s: Settling time of the arm after each of its moves [s].
    """
    rows = [start]
    for move in plan.moves:
        is_arm = isinstance(move, ArmMove)
        duration = move.path.duration_s + settle_s if is_arm else move.duration_s
        times = np.arange(1, max(int(np.ceil(duration * rate_hz - 1e-9)), 1) + 1) / rate_hz
        targets = np.tile(rows[-1], (len(times), 1))
        if is_arm:
            arm = move.path.at(times)
            targets[:, : arm.shape[1]] = arm
        else:
            dof = len(start) - len(move.targets)
            targets[:, dof:] += (times / times[-1])[:, None] * (move.targets - targets[:, dof:])
        rows += list(targets)
    return np.array(rows[1:])
