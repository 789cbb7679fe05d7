"""Rigid transforms as numpy arrays. `T_a_b` (..., 4, 4) maps points in b to points in a; metres and radians."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Triple = tuple[float, float, float]


def triple(values: ArrayLike) -> Triple:
    """Three numbers as plain floats."""
    a, b, c = np.asarray(values, float)
    return float(a), float(b), float(c)


def transform(rotation: ArrayLike | None = None, translation: ArrayLike | None = None) -> Array:
    """T (..., 4, 4) from a rotation (..., 3, 3) and a translation (..., 3) [m]; identity where not given."""
    R = np.eye(3) if rotation is None else np.asarray(rotation, float)
    t = np.zeros(3) if translation is None else np.asarray(translation, float)
    batch = np.broadcast_shapes(R.shape[:-2], t.shape[:-1])
    T = np.zeros((*batch, 4, 4))
    T[..., :3, :3], T[..., :3, 3], T[..., 3, 3] = R, t, 1.0
    return T


def invert(T_a_b: ArrayLike) -> Array:
    """T_b_a (..., 4, 4) of rigid transforms."""
    T = np.asarray(T_a_b, float)
    R_inv = np.swapaxes(T[..., :3, :3], -1, -2)
    return transform(R_inv, -(R_inv @ T[..., :3, 3:])[..., 0])


def apply(T_a_b: ArrayLike, points_b: ArrayLike) -> Array:
    """Points (..., n, 3) in b to points in a."""
    T, points = np.asarray(T_a_b, float), np.asarray(points_b, float)
    return points @ np.swapaxes(T[..., :3, :3], -1, -2) + T[..., None, :3, 3]


def axis_angle(axis: ArrayLike, angle: ArrayLike) -> Array:
    """Rotations (..., 3, 3) by `angle` (...) [rad] about the unit `axis` (3,) (Rodrigues' formula)."""
    x, y, z = np.asarray(axis, float)
    K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.asarray(angle, float)[..., None, None]
    return np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * (K @ K)


def rotation_from_quat_wxyz(quat_wxyz: ArrayLike) -> Array:
    """Rotations (..., 3, 3) from quaternions (..., 4), normalised first."""
    q = np.asarray(quat_wxyz, float)
    w, x, y, z = np.moveaxis(q / np.linalg.norm(q, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def quat_wxyz_from_rotation(R: ArrayLike) -> Array:
    """Unit quaternions (..., 4), w >= 0, from rotations (..., 3, 3); the largest component decides the branch."""
    R = np.asarray(R, float)
    m = R.reshape(-1, 3, 3)
    diagonal = np.einsum("nii->ni", m)
    trace = diagonal.sum(1, keepdims=True)
    squared = np.maximum(np.concatenate([1 + trace, 1 + 2 * diagonal - trace], 1), 0)  # 4 * component^2
    branch = squared.argmax(1)
    w_row = np.stack([squared[:, 0], m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]], 1)
    sums = m + np.swapaxes(m, 1, 2)
    rows = [w_row]
    for i in range(3):
        row = np.concatenate([w_row[:, i + 1 : i + 2], sums[:, i]], 1)
        row[:, i + 1] = squared[:, i + 1]
        rows.append(row)
    q = np.stack(rows, 1)[np.arange(len(m)), branch]
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    q *= np.where(q[:, :1] < 0, -1.0, 1.0)
    return q.reshape(*R.shape[:-2], 4)


def look_at(eye: ArrayLike, target: ArrayLike, roll: ArrayLike = 0.0) -> Array:
    """T_world_cam (..., 4, 4) of OpenCV cameras (x right, y down, z forward) at `eye` (..., 3) facing `target`.

    World z is up; `roll` (...) [rad] turns the camera about its viewing direction, clockwise in the image.
    """
    eye, target = np.asarray(eye, float), np.asarray(target, float)
    z = target - eye
    z = z / np.linalg.norm(z, axis=-1, keepdims=True)
    x = np.cross(z, np.array([0.0, 0.0, 1.0]))
    degenerate = np.linalg.norm(x, axis=-1, keepdims=True) < 1e-9
    x = np.where(degenerate, np.array([1.0, 0.0, 0.0]), x)
    x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    R = np.stack([x, np.cross(z, x), z], -1)
    return transform(R @ axis_angle([0, 0, 1], roll), eye)


def minimum_jerk(fraction: ArrayLike) -> Array:
    """Position along a minimum-jerk path for time fractions in [0, 1] (Flash and Hogan 1985, eq. 10)."""
    s = np.clip(np.asarray(fraction, float), 0, 1)
    return s**3 * (10 - 15 * s + 6 * s * s)
