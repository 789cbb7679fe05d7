"""A bank of robot poses: within limits, free of self-collision, above the table; reaching or free. Seeded."""

from dataclasses import dataclass

import mujoco
import numpy as np

from assets.robots.robot import Robot
from lace.core.draws import Draws
from lace.core.embodiment import Embodiment
from lace.core.errors import IntegrityError
from lace.core.geometry import Array, BoolArray, axis_angle
from lace.core.kept import kept
from lace.core.kinematics import Kinematics
from sim_envs.scenes.state import BodyPose
from sim_envs.scenes.workspace import CLEARANCE, GRASP_BOX

FINGERS_DOWN = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], float)
"""Rotation of the palm in the world with its fingers (x) down and its face (-z) towards the base."""
IK_STEPS, IK_DAMPING = 40, 0.05
REACHED = 0.01
"""Largest position error of an accepted solution [m]."""


@dataclass(frozen=True)
class PoseBank:
    """Joint positions (n, joints) [rad] with their grasp points; the yaw of joint 1 is free to add."""

    q: Array
    count: int


def pose_of(kinematics: Kinematics, q: Array) -> BodyPose:
    """Links and keypoints at joint positions (n, joints) [rad]."""
    T_world_link = kinematics.link_poses(q)
    return BodyPose(q, T_world_link, kinematics.keypoints(T_world_link))


def arm_ik(kinematics: Kinematics, q: Array, palm: int, T_goal: Array) -> Array:
    """Damped least squares for the arm's joints, whole batch at once.

    Args:
        kinematics: Of the robot.
        q: Start (n, joints) [rad].
        palm: Index of the link that shall reach the goal.
        T_goal: (n, 4, 4).

    Returns:
        Joint positions (n, joints), clipped to the limits; check the result, not every goal can be reached.
    """
    body, q = kinematics.embodiment, q.copy()
    arm = body.arm_dof
    children = [kinematics.link_index[joint.child] for joint in body.joints[:arm]]
    axes = np.array([joint.axis for joint in body.joints[:arm]])
    limits = body.limits[:arm]
    for _ in range(IK_STEPS):
        T = kinematics.link_poses(q)
        z = np.einsum("njab,jb->nja", T[:, children][..., :3, :3], axes)
        lever = T[:, palm, None, :3, 3] - T[:, children][..., :3, 3]
        J = np.concatenate([np.cross(z, lever), z], -1).swapaxes(1, 2)  # (n, 6, arm)
        R = T_goal[:, :3, :3] @ T[:, palm, :3, :3].swapaxes(1, 2)
        turn = 0.5 * np.stack([R[:, 2, 1] - R[:, 1, 2], R[:, 0, 2] - R[:, 2, 0], R[:, 1, 0] - R[:, 0, 1]], -1)
        error = np.concatenate([T_goal[:, :3, 3] - T[:, palm, :3, 3], turn], -1)
        A = J @ J.swapaxes(1, 2) + IK_DAMPING**2 * np.eye(6)
        step = (J.swapaxes(1, 2) @ np.linalg.solve(A, error[..., None]))[..., 0]
        q[:, :arm] = np.clip(q[:, :arm] + np.clip(step, -0.3, 0.3), limits[:, 0], limits[:, 1])
    return q


def palm_goals(draws: Draws, grasp_point: Array, box: Array = GRASP_BOX) -> Array:
    """T_world_palm (n, 4, 4): fingers downwards and forwards, palm turned and tilted, grasp point in a box (2, 3)."""
    yaw = draws.uniform("bank.yaw", -1.6, 1.6)
    tilt = draws.uniform("bank.tilt", 0.0, 1.25)
    turn = draws.uniform("bank.turn", -0.7, 0.7)
    R = axis_angle([0, 0, 1], yaw) @ axis_angle([0, 1, 0], -tilt) @ axis_angle([1, 0, 0], turn) @ FINGERS_DOWN
    point = box[0] + (box[1] - box[0]) * draws.unit("bank.point", 3)
    T = np.tile(np.eye(4), (draws.count, 1, 1))
    T[:, :3, :3], T[:, :3, 3] = R, point - R @ grasp_point
    return T


def hand_poses(draws: Draws, body: Embodiment) -> Array:
    """Hand joints (n, hand joints) [rad]: a common curl, the thumb's apart, and noise per joint.

    Raises:
        IntegrityError: The embodiment has no curl range for a joint of its hand.
    """
    joints = body.joints[body.arm_dof :]
    low, high = body.limits[body.arm_dof :].T
    curl, thumb = draws.unit("bank.curl")[:, 0], draws.unit("bank.thumb")[:, 0]
    noise = draws.normal("bank.noise", 0.12, max(len(joints), 1))
    share = np.zeros((draws.count, len(joints)))
    for i, joint in enumerate(joints):
        if joint.curl is None:
            raise IntegrityError(
                f"drawing hands of {body.name}",
                f"its joint {joint.name} has no curl",
                "a curl for every joint of the hand",
                "check the robot's description",
            )
        share[:, i] = joint.curl.at(thumb if joint.curl.thumb else curl) + joint.curl.noise * noise[:, i]
    return low + (high - low) * np.clip(share, 0.02, 0.98)


def is_free(robot: Robot, q: Array, tolerance_m: float = 1e-3) -> BoolArray:
    """(n,) whether each pose is free of self-collision deeper than `tolerance_m`, by MuJoCo's collision shapes."""
    model = mujoco.MjModel.from_xml_path(str(robot.xml_path))
    data = mujoco.MjData(model)
    free = np.zeros(len(q), bool)
    for i, pose in enumerate(q):
        data.qpos[:] = pose
        mujoco.mj_kinematics(model, data)
        mujoco.mj_collision(model, data)
        free[i] = data.ncon == 0 or data.contact.dist.min() > -tolerance_m
    return free


def build_bank(robot: Robot, kinematics: Kinematics, seed: int, size: int, box: Array = GRASP_BOX) -> PoseBank:
    """`size` poses with grasp points in `box` (2, 3) [m] that pass every check, the same for the same seed.

    Raises:
        IntegrityError: Too few candidates pass, which points to an error in the robot's description.
    """
    body, arm = robot.embodiment, robot.embodiment.arm_dof
    palm, grasp = kinematics.link_index[body.palm_link], np.array(body.grasp_point)
    kept: list[Array] = []
    for batch in range(8):
        draws = Draws(seed, np.arange(2 * size) + 2 * size * batch)
        q = np.tile(body.home, (draws.count, 1))
        q[:, :arm] += draws.normal("bank.start", 0.3, arm)
        q[:, arm:] = hand_poses(draws, body)
        goal = palm_goals(draws, grasp, box)
        q[:, 0] = np.arctan2(goal[:, 1, 3], goal[:, 0, 3])
        q = arm_ik(kinematics, q, palm, goal)
        T = kinematics.link_poses(q)
        points = kinematics.keypoints(T)[:, body.present]
        ok = np.linalg.norm(T[:, palm, :3, 3] - goal[:, :3, 3], axis=-1) < REACHED
        ok &= (points[..., 2].min(-1) > CLEARANCE) & (T[:, 1:][..., 2, 3].min(-1) > 2 * CLEARANCE)
        q = q[ok]
        kept.append(q[is_free(robot, q)])
        if sum(map(len, kept)) >= size:
            return PoseBank(np.concatenate(kept)[:size], size)
    raise IntegrityError(
        f"filling the bank of {body.name} poses",
        f"only {sum(map(len, kept))} of {16 * size} candidates pass",
        f"{size} collision-free poses",
        "check --workspace-x and --workspace-y, the robot's description and its collision shapes",
    )


def kept_bank(robot: Robot, kinematics: Kinematics, seed: int, size: int, box: Array = GRASP_BOX) -> PoseBank:
    """As `build_bank`, from the cache after the first time; the robot counts by what its folder was built from."""
    name = robot.xml_path.parent.name
    inputs = (name, robot.embodiment, seed, size, box)
    return PoseBank(kept("poses", lambda: build_bank(robot, kinematics, seed, size, box).q, build_bank, *inputs), size)
