"""The controller's own kinematics of the xArm7: nominal modified DH parameters, metres and radians.

A real controller carries the calibrated parameters of its arm; the nominal ones agree with the MuJoCo model to microns.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from lace.core.geometry import Array, transform

DOF = 7
_A = np.array([0, 0, 0, 0.0525, 0.0775, 0, 0.076])
_ALPHA = np.pi / 2 * np.array([0, -1, 1, 1, 1, 1, -1])
_D = np.array([0.267, 0, 0.293, 0, 0.3425, 0, 0.097])
"""UFACTORY xarm_description: link lengths [m] and twists [rad] of the xArm7, Craig's convention."""
LIMITS = np.array(
    [
        (-2 * np.pi, 2 * np.pi), (-2.042035, 2.024581), (-2 * np.pi, 2 * np.pi), (-0.10472, 3.92699),
        (-2 * np.pi, 2 * np.pi), (-1.692969, np.pi), (-2 * np.pi, 2 * np.pi),
    ]
)  # fmt: skip
"""Joint limits of arms with serial numbers from 1305 on [rad], as the vendor's SDK lists them."""
LEAST_DAMPING = 1e-6


def frames(q: Array) -> Array:
    """T_base_link (7, 4, 4) of the seven moving links."""
    c, s, ca, sa = np.cos(q), np.sin(q), np.cos(_ALPHA), np.sin(_ALPHA)
    steps = np.zeros((DOF, 4, 4))
    steps[:, 0] = np.stack([c, -s, 0 * c, _A], -1)
    steps[:, 1] = np.stack([s * ca, c * ca, -sa, -sa * _D], -1)
    steps[:, 2] = np.stack([s * sa, c * sa, ca, ca * _D], -1)
    steps[:, 3, 3] = 1
    for i in range(1, DOF):
        steps[i] = steps[i - 1] @ steps[i]
    return steps


def from_xyz_rpy(pose: Array) -> Array:
    """T (4, 4) of x, y, z [m] and roll, pitch, yaw [rad] about the fixed axes x, y, z in turn."""
    return transform(Rotation.from_euler("xyz", pose[3:6]).as_matrix(), pose[:3])


def from_xyz_vector(pose: Array) -> Array:
    """T (4, 4) of x, y, z [m] and a rotation vector [rad]."""
    return transform(Rotation.from_rotvec(pose[3:6]).as_matrix(), pose[:3])


def to_xyz_rpy(T: Array) -> Array:
    """(6,) x, y, z [m], roll, pitch, yaw [rad]; at a pitch of +-90 degrees yaw is 0."""
    R = T[:3, :3]
    pitch = np.arctan2(-R[2, 0], np.hypot(R[0, 0], R[1, 0]))
    if abs(np.cos(pitch)) < 1e-9:
        return np.array([*T[:3, 3], np.arctan2(-R[1, 2], R[1, 1]), pitch, 0.0])
    return np.array([*T[:3, 3], np.arctan2(R[2, 1], R[2, 2]), pitch, np.arctan2(R[1, 0], R[0, 0])])


def rotation_vector(R: Array) -> Array:
    """(3,) axis times angle [rad] of a rotation (3, 3)."""
    return Rotation.from_matrix(R).as_rotvec()


class ToolKinematics:
    """Poses of the tool centre point, which `T_flange_tool` (4, 4) puts on the last link."""

    def __init__(self, T_flange_tool: Array):
        self.T_flange_tool = T_flange_tool

    def tool(self, q: Array) -> Array:
        """T_base_tool (4, 4)."""
        return frames(q)[-1] @ self.T_flange_tool

    def jacobian(self, q: Array) -> Array:
        """(6, 7) of the tool's velocity in the base frame: metres and radians per radian."""
        links = frames(q)
        point, axes = (links[-1] @ self.T_flange_tool)[:3, 3], links[:, :3, 2]
        return np.concatenate([np.cross(axes, point - links[:, :3, 3]).T, axes.T])

    def inverse(self, T_base_tool: Array, start: Array, iterations: int = 60) -> Array | None:
        """Joint angles (7,) near `start` that reach the pose, by damped least squares; None where none was found."""
        q = np.array(start, float)
        for _ in range(iterations):
            error = self._error(T_base_tool, q)
            if np.abs(error).max() < 1e-6:
                return q
            J = self.jacobian(q)
            step = J.T @ np.linalg.solve(J @ J.T + LEAST_DAMPING * np.eye(6), error)
            q = np.clip(q + np.clip(step, -0.3, 0.3), LIMITS[:, 0], LIMITS[:, 1])
        return q if np.linalg.norm(self._error(T_base_tool, q)) < 2e-4 else None

    def _error(self, goal: Array, q: Array) -> Array:
        now = self.tool(q)
        return np.concatenate([goal[:3, 3] - now[:3, 3], rotation_vector(goal[:3, :3] @ now[:3, :3].T)])
