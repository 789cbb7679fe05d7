"""Sleeves: a tube over forearm, elbow and upper arm, bound to the skin so that it follows every body shape."""

import numpy as np

from assets.humans.hand import HumanHand
from assets.humans.skinned import Part, SkinnedMesh

ENDS = (0.97, 0.86, 0.7, 0.5)
"""Where sleeves end along the forearm (elbow 0, wrist 1)."""
LOOSENESS = (0.004, 0.010)
"""Gap between skin and cloth of tight and of loose sleeves [m]."""
UPPER_ARM = 0.186 / 0.146
"""Length of the upper arm over that of the forearm: segment lengths over stature by Drillis and Contini (1966), as
biomechanics textbooks repeat them; not checked against the report itself."""
SEGMENTS = 28
LINING = 0.0012
"""Gap between skin and the turned-in hem [m]."""
SKIN_BEGINS = 0.17
"""Closer to the elbow than this fraction of the forearm, the skin's last rings are reused."""


def _rings(end: float, loose: float) -> tuple[np.ndarray, np.ndarray]:
    """Places along the forearm and gaps [m] of the rings, from inside the hem, over its edge, to the shoulder."""
    hem = [
        (end - 0.08, LINING),
        (end - 0.01, LINING),
        (end + 0.004, 0.5 * loose),
        (end + 0.004, loose),
        (end - 0.012, loose),
    ]
    forearm = [(t, loose) for t in np.linspace(end - 0.03, 0.16, 18)]
    elbow = [(t, 1.2 * loose) for t in np.linspace(0.12, -0.2, 11)]
    upper = [(t, (1.2 - 0.9 * t) * loose + 0.004 * -t) for t in np.linspace(-0.27, -UPPER_ARM + 0.12, 10)]
    along, radius = np.array([*hem, *forearm, *elbow, *upper]).T
    return along, radius


def _folds(rng: np.random.Generator, t: np.ndarray, theta: np.ndarray, loose: float) -> np.ndarray:
    """Radial folds (rings, segments) [m]: diagonal waves that grow towards the elbow."""
    near_elbow = 0.25 + 0.75 * np.exp(-((t / 0.3) ** 2))[:, None]
    waves = sum(
        np.sin(2 * np.pi * (t[:, None] * rng.uniform(3, 7)) + rng.integers(1, 3) * theta + rng.uniform(0, 6))
        for _ in range(3)
    )
    return 0.22 * loose * near_elbow * waves


def sleeve_mesh(hand: HumanHand) -> SkinnedMesh:
    """One variant per combination of end and looseness; bone len(hand.bones) is the upper arm."""
    cuts = [_cut(hand, np.random.default_rng(i), end, loose) for i, (end, loose) in enumerate(_choices())]
    mean, basis, bones, weights = (np.stack(arrays) for arrays in zip(*(cut[:4] for cut in cuts), strict=True))
    rings, columns = cuts[0][4], SEGMENTS + 1
    number = np.arange(rings * columns).reshape(rings, columns)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]
    faces = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)])
    group = np.where(np.arange(columns) == SEGMENTS, 0, np.arange(columns)) + number[:, :1]
    around = np.linspace(0, 0.32, columns)
    along = np.cumsum([0.0, *np.linalg.norm(np.diff(mean[0].reshape(rings, columns, 3)[:, 0], axis=0), axis=-1)])
    uvs = np.stack(np.broadcast_arrays(around, along[:, None]), -1).reshape(-1, 2)
    part = Part("sleeve", 0, rings * columns, faces.astype(np.int32))
    return SkinnedMesh(mean, basis, bones, weights, uvs.astype(np.float32), group.ravel().astype(np.int32), (part,))


def _choices() -> list[tuple[float, float]]:
    return [(end, loose) for end in ENDS for loose in LOOSENESS]


def _cut(hand: HumanHand, rng: np.random.Generator, end: float, loose: float) -> tuple:
    """Mean (V, 3), basis (K, V, 3), bones (V, 6), weights (V, 6), number of rings."""
    t, gap = _rings(end, loose)
    theta = np.linspace(0, 2 * np.pi, SEGMENTS + 1)
    mean, basis = hand.linear_shape()
    heads, head_basis = hand.linear_heads()
    elbow, wrist = heads[0], heads[hand.bone_index["wrist.R"]]
    axis = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    up = np.cross(axis, np.cross([0.0, 0, 1], axis))
    up, side = up / np.linalg.norm(up), np.cross(axis, [0.0, 0, 1]) / np.linalg.norm(np.cross(axis, [0.0, 0, 1]))
    out = np.cos(theta)[:, None] * up + np.sin(theta)[:, None] * side
    share, centre = _binding(hand, mean - elbow, axis, float(np.linalg.norm(wrist - elbow)), up, side, t, theta)

    def bound(vertices: np.ndarray, points: np.ndarray) -> np.ndarray:
        """The tube without gap (rings * columns, 3), of vertices (V, 3) and bone heads (B, 3): linear in both."""
        e, w = points[0], points[hand.bone_index["wrist.R"]]
        radial = share @ vertices - (e + centre[:, None] * (w - e))
        flare = np.repeat(1 + 0.3 * np.clip(-t / UPPER_ARM, 0, 1) ** 0.7, len(theta))
        return e + np.repeat(t, len(theta))[:, None] * (w - e) + flare[:, None] * radial

    folds = _folds(rng, t, theta, loose) * (np.arange(len(t)) > 4)[:, None]
    folds[:, -1] = folds[:, 0]
    closing = (np.arange(len(t))[:, None] - len(t) + 4).clip(0) / 3  # the last rings contract to a rounded shoulder
    tube = bound(mean, heads)
    offset = ((gap[:, None] + folds)[..., None] * out).reshape(-1, 3)
    tubes = np.stack([tube + offset, *(bound(v, h) for v, h in zip(basis, head_basis, strict=True))])
    tubes = _rounded(tubes, t, closing[:, 0])
    bones, weights = _weights(hand, share, np.repeat(t, len(theta)))
    return tubes[0].astype(np.float32), tubes[1:].astype(np.float32), bones, weights, len(t)


def _rounded(tubes: np.ndarray, t: np.ndarray, closing: np.ndarray) -> np.ndarray:
    """Contracts the last rings to their centre along a quarter circle."""
    rings = tubes.reshape(len(tubes), len(t), SEGMENTS + 1, 3)
    centre = rings[:, :, :-1].mean(2, keepdims=True)
    return (centre + (rings - centre) * np.sqrt(1 - closing**2)[:, None, None]).reshape(tubes.shape)


def _binding(
    hand: HumanHand,
    mean: np.ndarray,
    axis: np.ndarray,
    length: float,
    up: np.ndarray,
    side: np.ndarray,
    t: np.ndarray,
    theta: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the skin vertices (columns) for each tube vertex (rows), and the position along the arm."""
    along = mean @ axis / length
    around = np.arctan2(mean @ side, mean @ up)
    forearm = hand.dense_weights[:, :2].sum(1) > 0.3
    nearest = np.maximum(t, SKIN_BEGINS)
    dt = (along[None] - np.repeat(nearest, len(theta))[:, None]) / 0.035
    dtheta = (around[None] - np.tile(theta, len(t))[:, None] + np.pi) % (2 * np.pi) - np.pi
    share = np.exp(-0.5 * (dt**2 + (dtheta / 0.22) ** 2)) * forearm + 1e-12 * forearm
    share /= share.sum(1, keepdims=True)
    return share, share @ along


def _weights(hand: HumanHand, share: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bones and weights (V, 6): the skin's, blended to the upper arm across the elbow."""
    s = np.clip((0.12 - t) / 0.26, 0, 1)
    upper = s * s * (3 - 2 * s)
    dense = np.concatenate([share @ hand.dense_weights * (1 - upper)[:, None], upper[:, None]], 1)
    bones = np.argsort(-dense, 1, kind="stable")[:, :6]
    weights = np.take_along_axis(dense, bones, 1)
    return bones.astype(np.int32), (weights / weights.sum(1, keepdims=True)).astype(np.float32)
