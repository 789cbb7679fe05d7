"""A robot's reach-and-grasp: palm waypoints by inverse kinematics, fingers that close until they touch the target."""

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from assets.robots.robot import COLLISION_GROUP, Robot
from lace.core.embodiment import Embodiment
from lace.core.errors import InvalidValueError
from lace.core.geometry import Array, BoolArray, axis_angle, invert, minimum_jerk, transform
from lace.core.kinematics import Kinematics
from sim_envs.bodies.robot.poses import FINGERS_DOWN, arm_ik, pose_of
from sim_envs.scenes.state import BodyPose, Placed, SceneBatch

PHASES = (0.4, 0.55, 0.82, 1.0)
"""Shares of the motion at which the approach, the descent, the closing and the lift end."""
HOVER_M, LIFT_M = 0.12, 0.15
"""Height of the pre-grasp over the grasp, and of the lift."""
OPEN, CLOSED = 0.05, 1.1
"""How far the hand is closed when open and when fully closed; see Curl.at."""
TILT_RAD = 0.75
"""Lean of the palm over the target: fingers down and forwards."""
CLOSING_STEPS = 32
GRASP_HEIGHT = 0.6
"""Where the grasp point goes, as a share of the target's height."""
REACHED = 0.02
"""Largest difference of an entry of a reached palm pose from its goal [m or 1]."""


@dataclass(frozen=True)
class RobotMotion:
    """Implements ReachMotion."""

    kinematics: Kinematics
    arm: Array
    """(4, arm joints) [rad]: home, hover, grasp, lift."""
    open: Array
    closed: Array
    """Hand joints [rad]."""
    T_world_target: Array
    """(4, 4) before the lift."""
    T_palm_target: Array

    def joints(self, time: Array) -> tuple[Array, BoolArray]:
        """Joint positions (n, joints) [rad] and whether the target is held (n,), at times (n,) in [0, 1]."""
        starts = np.array([0.0, *PHASES[:-1]])
        phase = np.minimum(np.searchsorted(PHASES, time, side="right"), 3)
        share = minimum_jerk((time - starts[phase]) / (np.array(PHASES) - starts)[phase])[:, None]
        before, after = np.array([0, 1, 2, 2])[phase], np.array([1, 2, 2, 3])[phase]
        arm = self.arm[before] + share * (self.arm[after] - self.arm[before])
        grip = np.where(phase[:, None] == 2, share, (phase[:, None] == 3) * 1.0)
        hand = self.open + grip * (self.closed - self.open)
        return np.concatenate([arm, hand], 1), phase == 3

    def at(self, time: ArrayLike) -> tuple[BodyPose, Array, np.ndarray]:
        """See ReachMotion."""
        q, held = self.joints(np.asarray(time, float))
        pose = pose_of(self.kinematics, q)
        palm = self.kinematics.link_index[self.kinematics.embodiment.palm_link]
        carried = pose.T_world_link[:, palm] @ self.T_palm_target
        return pose, np.where(held[:, None, None], carried, self.T_world_target), held


def plan_grasp(robot: Robot, kinematics: Kinematics, scene: SceneBatch) -> RobotMotion | None:
    """A motion onto the target of a scene of one frame; None where the arm does not reach it.

    Raises:
        InvalidValueError: The robot has no fingers.
    """
    embodiment = robot.embodiment
    if not embodiment.fingers:
        raise InvalidValueError(
            "planning a demonstration",
            f"{embodiment.name} has no fingers to grasp with",
            "an embodiment with fingers",
            "leave out --demonstration and --demonstrations, or choose another --embodiment",
        )
    target = scene.objects[0]
    palm = kinematics.link_index[embodiment.palm_link]
    T_world_target = target.T_world_object[0]
    height = float(target.object_set.height[target.which[0]] * target.scale[0])
    T_goals = palm_waypoints(T_world_target, height, embodiment.grasp_point)
    q = _waypoints(kinematics, palm, T_goals)
    reached = kinematics.link_poses(q)[:, palm]
    if np.abs(reached - T_goals).max() > REACHED:
        return None
    arm = np.stack([embodiment.home, *q])[:, : embodiment.arm_dof]
    T_palm_target = invert(reached[1]) @ T_world_target
    return RobotMotion(kinematics, arm, *hands(robot, q[1], target), T_world_target, T_palm_target)


def _waypoints(kinematics: Kinematics, palm: int, T_goals: Array) -> Array:
    """Joint positions (n, joints) [rad] at palm poses (n, 4, 4), each found from the one before, without full turns.

    The result may miss a goal: check it.
    """
    q, found = kinematics.embodiment.home[None].copy(), []
    q[:, 0] = np.arctan2(T_goals[0, 1, 3], T_goals[0, 0, 3])
    for goal in T_goals[:, None]:
        q = arm_ik(kinematics, arm_ik(kinematics, q, palm, goal), palm, goal)
        if not found:
            q = _unwound(q, kinematics.embodiment)
        found.append(q[0])
    return np.array(found)


def _unwound(q: Array, embodiment: Embodiment) -> Array:
    """Joint positions (n, joints) less whole turns where that brings a joint nearer to home, within limits."""
    nearer = q - 2 * np.pi * np.round((q - embodiment.home) / (2 * np.pi))
    low, high = embodiment.limits.T
    return np.where((nearer >= low) & (nearer <= high), nearer, q)


def palm_waypoints(T_world_target: Array, height: float, grasp_point: tuple[float, float, float]) -> Array:
    """T_world_palm (3, 4, 4): hover, grasp, lift; fingers down and forwards, palm facing the target."""
    yaw = np.arctan2(T_world_target[1, 3], T_world_target[0, 3])
    R = axis_angle([0, 0, 1], yaw) @ axis_angle([0, 1, 0], -TILT_RAD) @ FINGERS_DOWN
    origin = T_world_target[:3, 3] + [0, 0, GRASP_HEIGHT * height] - R @ np.array(grasp_point)
    return transform(R, origin + np.array([[0, 0, HOVER_M], [0, 0, 0], [0, 0, LIFT_M]]))


def hands(robot: Robot, q: Array, target: Placed) -> tuple[Array, Array]:
    """Open and closed hand joints (hand joints,): each finger closes until its collision shapes meet the target."""
    embodiment = robot.embodiment
    arm, joints = q[: embodiment.arm_dof], embodiment.joints[embodiment.arm_dof :]
    hand_open, hand_shut = embodiment.hand_at(OPEN), embodiment.hand_at(CLOSED)
    model, data, obstacle = _contact_model(robot, target)
    closed = hand_open.copy()
    for finger in embodiment.fingers:
        moves = np.array([joint.child in finger for joint in joints])
        geoms = [
            g
            for g in range(model.ngeom)
            if model.geom_group[g] == COLLISION_GROUP and model.body(int(model.geom_bodyid[g])).name in finger
        ]
        for share in np.linspace(0, 1, CLOSING_STEPS):
            hand = np.where(moves, hand_open + share * (hand_shut - hand_open), closed)
            data.qpos[:] = np.concatenate([arm, hand])
            mujoco.mj_kinematics(model, data)
            if min(mujoco.mj_geomDistance(model, data, g, obstacle, 0.2, None) for g in geoms) < 0:
                break
            closed = hand
    return hand_open, closed


def _contact_model(robot: Robot, target: Placed) -> tuple[mujoco.MjModel, mujoco.MjData, int]:
    """A model of the robot and the target, the target as a cylinder of two thirds of its footprint."""
    spec = mujoco.MjSpec.from_file(str(robot.xml_path))
    which, scale = target.which[0], target.scale[0]
    half = float(target.object_set.height[which] * scale / 2)
    spec.worldbody.add_geom(
        name="target",
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[float(target.object_set.radius[which] * scale * 0.67), half, 0],
        pos=target.T_world_object[0, :3, 3] + [0, 0, half],
    )
    model = spec.compile()
    return model, mujoco.MjData(model), model.geom("target").id
