"""A library of hand poses, random blends of them, and a capsule test against self-penetration."""

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from assets.humans.hand import HumanHand
from lace.core.draws import Draws
from lace.core.errors import InvalidValueError
from lace.core.geometry import Array
from lace.core.keypoints import FINGERS, FINGERTIPS

DEPTH_M = 0.002
"""Poses whose capsules penetrate deeper than this are redrawn. Stricter than the 3 mm allowed on the mesh, because a
capsule has the mean hand's radius. On the mesh, 2 of 500 random poses are then deeper than 3 mm."""
ATTEMPTS = 30
FIRST_PALM = 15
"""Capsules from here on are the metacarpals', those before three of each finger."""


def _pose(fingers: tuple, thumb: tuple, spread: float = 0, wrist: tuple = (0, 0, 0)) -> Array:
    """Angles (24,) [rad] from degrees.

    `wrist` is (pronation, flexion, deviation), `thumb` (abduction, extension, roll, mcp, ip), `fingers` (mcp, pip, dip)
    of index to little; `spread` abducts the index finger and the others in proportion.
    """
    swings = spread * np.array([1, 0.25, -0.5, -1.2])
    rows = [(swing, *finger) for swing, finger in zip(swings, fingers, strict=True)]
    return np.deg2rad(np.concatenate([wrist, thumb, *rows]))


POSES: dict[str, Array] = {
    "open": _pose(((0, 4, 3),) * 4, (-32, 14, 0, 0, -4), spread=9),
    "flat": _pose(((0, 2, 2),) * 4, (-34, 0, 0, 2, 0)),
    "relaxed": _pose(((16, 22, 12), (22, 28, 15), (28, 32, 17), (32, 34, 18)), (-14, -4, 0, 8, 14)),
    "reach": _pose(((16, 16, 8), (18, 18, 9), (20, 20, 10), (20, 22, 11)), (-2, 10, 0, 2, 6), 3, (0, -18, 0)),
    "pinch": _pose(((50, 60, 34), (34, 32, 18), (30, 30, 16), (26, 28, 14)), (-1, 2, -6, 42, 3), spread=-1),
    "power_grasp": _pose(((42, 46, 26), (46, 50, 28), (50, 52, 28), (52, 52, 28)), (8, 8, 0, 12, 22), 0, (0, -15, 0)),
    "fist": _pose(((72, 86, 42), (74, 88, 43), (72, 86, 40), (68, 80, 38)), (8, -8, -6, 27, 30), spread=-1),
    "point": _pose(((2, 5, 3), (74, 88, 43), (72, 86, 40), (68, 80, 38)), (9, -5, -4, 27, 26), spread=-1),
}
"""Common hand poses, adjusted by eye; thumb abduction is zero about 45 degrees out of the palm."""


def mixed(hand: HumanHand, draws: Draws) -> Array:
    """Angles (n, 24): a blend of two library poses with correlated noise, within the limits; may self-penetrate."""
    library = np.stack(list(POSES.values()))
    pair = draws.choice("hand_poses", len(library), size=2)
    share = draws.uniform("hand_pose_share", 0, 1)[:, None]
    q = (1 - share) * library[pair[:, 0]] + share * library[pair[:, 1]]
    together = draws.normal("hand_curl", np.deg2rad(6))[:, None]
    own = draws.normal("hand_joint_noise", np.deg2rad(3), size=24)
    curl = np.array([[0, 1, 1, 0.6][i % 4] if i >= 8 else 0 for i in range(24)])
    scale = np.array([8, 3, 1.5, 2, 1.2, 1, 1, 1] + [0.5, 1, 1, 0.5] * 4)
    q = q + together * curl + own * scale
    q[:, 11::4] = np.clip(q[:, 11::4], 0.3 * q[:, 10::4], 0.8 * np.maximum(q[:, 10::4], 0.05))  # DIP follows PIP
    return np.clip(q, *hand.limits.T)


class Capsules:
    """Fingers and palm as capsules along the bones, their radii measured on the mesh of the mean hand."""

    def __init__(self, hand: HumanHand):
        self.hand = hand
        names = [f"finger{f}-{k}.R" for f in range(1, 6) for k in (1, 2, 3)] + [f"metacarpal{f}.R" for f in range(1, 5)]
        self.bones = np.array([hand.bone_index[name] for name in names])
        rest, heads = hand.rest(np.zeros_like(hand.shapes[:1]))
        start, end = (part[0] for part in self.segments(hand.bone_poses(np.zeros(24), heads), rest[:, hand.tips]))
        self.radii = np.zeros(len(names))
        for i, bone in enumerate(self.bones):
            own = rest[0, hand.dense_weights[:, bone] > 0.5]
            if i >= FIRST_PALM:
                own = own[own[:, 2] < start[i, 2]]  # fingers touch the palm on its inner side
            axis = end[i] - start[i]
            along = np.clip((own - start[i]) @ axis / (axis @ axis), 0, 1)
            distance = np.linalg.norm(own - start[i] - along[:, None] * axis, axis=1)
            self.radii[i] = np.quantile(distance, 0.42 if i < FIRST_PALM else 0.5)
        self.pairs = np.array([(i, j) for i, j in combinations(range(len(names)), 2) if self._apart(i, j)])

    @staticmethod
    def _apart(i: int, j: int) -> bool:
        """Whether two capsules can meet: not of one finger, not neighbours in the web or the palm."""
        if i >= FIRST_PALM:
            return False
        if j >= FIRST_PALM:
            return i % 3 == 2
        first, second = i // 3, j // 3
        return first != second and not (i % 3 == j % 3 == 0) and not (first == 0 and i % 3 == 0)

    def segments(self, T_world_bone: Array, tips: np.ndarray) -> tuple[Array, Array]:
        """Starts and ends (n, capsules, 3), given fingertips (n, 5, 3).

        A distal phalanx ends a radius before its tip.
        """
        start = T_world_bone[:, self.bones][..., :3, 3]
        end = np.roll(start, -1, axis=1)
        distal = start[:, 2:15:3]
        end[:, 2:15:3] = distal + (tips - distal) * 0.75
        end[:, 15:] = start[:, 3:15:3]
        return start, end

    def depths(self, q: ArrayLike, shape: ArrayLike) -> Array:
        """Deepest self-penetration (n,) [m] of angles (n, 24); negative where nothing touches."""
        T, _, points = self.hand.skeleton(q, shape)
        start, end = self.segments(T, points[:, FINGERTIPS])
        i, j = self.pairs.T
        gap = segment_distance(start[:, i], end[:, i], start[:, j], end[:, j])
        return (self.radii[i] + self.radii[j] - gap).max(1)


def segment_distance(a: Array, b: Array, c: Array, d: Array) -> Array:
    """Distance (...) between segments a-b and c-d (..., 3) (Ericson 2005, Real-Time Collision Detection, 5.1.9)."""
    u, v, w = b - a, d - c, a - c
    uu, vv, uv, uw, vw = ((p * r).sum(-1) for p, r in ((u, u), (v, v), (u, v), (u, w), (v, w)))
    s = np.clip((uv * vw - vv * uw) / np.maximum(uu * vv - uv * uv, 1e-15), 0, 1)
    t = np.clip((uv * s + vw) / vv, 0, 1)
    s = np.clip((uv * t - uw) / uu, 0, 1)
    return np.linalg.norm(w + s[..., None] * u - t[..., None] * v, axis=-1)


def random_poses(capsules: Capsules, seed: int, index: ArrayLike, shape: ArrayLike) -> tuple[Array, np.ndarray]:
    """Angles (n, 24) without self-penetration, and the number of draws (n,); a function of (seed, index) alone.

    Args:
        capsules: The test.
        seed: Seed of the dataset.
        index: Frame indices (n,).
        shape: Shape coefficients (n, K) of each frame.
    """
    index, shape = np.atleast_1d(index), np.asarray(shape)
    q, attempts = np.zeros((len(index), 24)), np.zeros(len(index), int)
    open_rows = np.arange(len(index))
    for attempt in range(ATTEMPTS):
        trial = mixed(capsules.hand, Draws(seed, index[open_rows], attempt))
        good = capsules.depths(trial, shape[open_rows]) <= DEPTH_M
        q[open_rows[good]], attempts[open_rows] = trial[good], attempt + 1
        open_rows = open_rows[~good]
        if not len(open_rows):
            return q, attempts
    raise InvalidValueError(
        "drawing hand poses",
        f"frame {index[open_rows[0]]} penetrated itself {ATTEMPTS} times",
        f"at most {DEPTH_M * 1000:.0f} mm",
        f"check its shape and the library ({', '.join(FINGERS)})",
    )
