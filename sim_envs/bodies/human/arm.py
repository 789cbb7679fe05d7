"""Human arm: forearm, elbow and upper arm of a hand that reaches over the table. Hand poses come from a bank."""

from dataclasses import dataclass

import numpy as np

from assets.humans.hand import HumanHand
from assets.humans.poses import Capsules, random_poses
from assets.humans.sleeve import UPPER_ARM
from lace.core.draws import generator
from lace.core.geometry import Array, axis_angle, invert, transform
from lace.core.limits import Range
from sim_envs.config.axes import ArmAxis
from sim_envs.scenes.randomization import AxisDraws
from sim_envs.scenes.state import BodyPose
from sim_envs.scenes.workspace import CLEARANCE

SHOULDER = np.array([[-0.25, -0.30, 0.30], [0.0, -0.10, 0.52]])
"""Box of the right shoulder of a person who sits or stands where a robot's base would be [m]: 0.3 to 0.5 m over the
table's edge, half a shoulder breadth to the right of the middle (our choice)."""
INWARD_DEG: Range = (-5, 45)
"""How far the forearm points across the body: the elbow lies outside the hand."""
DOWN_DEG: Range = (2, 40)
"""How far the forearm points down."""
ROLL_DEG: Range = (-15, 85)
"""Turn of the hand from palm down (0) to thumb up (90)."""
FLESH_M = 0.014
"""Least height of a keypoint over the plane through the base, for the flesh around it [m]."""


@dataclass(frozen=True)
class HumanBank:
    """Collision-free hands: angles (n, 24) [rad] with the shapes (n, K) that they were checked for."""

    q: Array
    shape: np.ndarray
    count: int


def build_human_bank(capsules: Capsules, seed: int, size: int) -> HumanBank:
    """`size` hands, the same for the same seed; shapes in an order of their own."""
    hand, index = capsules.hand, np.arange(size)
    order = generator(seed).permutation(len(hand.shapes))
    shape = hand.shapes[order[index % len(order)]]
    return HumanBank(random_poses(capsules, seed, index, shape)[0], shape, size)


def reach(
    hand: HumanHand, draws: AxisDraws[ArmAxis], q: Array, shape: np.ndarray, grasp_point: Array, box: Array
) -> Array:
    """T_world_wrist (n, 4, 4) of arms from a person's shoulder, with the grasp point over the table.

    Args:
        hand: The hand.
        draws: Of the arm's axis.
        q: (n, 24) [rad].
        shape: (n, K).
        grasp_point: (3,) in the wrist's frame [m].
        box: Corners (2, 3) of the box in which it is drawn [m].
    """
    axis, n = draws.axis, len(q)
    T_wrist_bone, _heads, points = hand.skeleton(q, shape)
    T_fore_wrist = invert(T_wrist_bone[:, 0])
    turn = np.deg2rad(draws.uniform("yaw_deg", *axis.yaw_deg))
    inward, down, roll = (
        np.deg2rad(draws.uniform(name, *limits))
        for name, limits in (("inward_deg", INWARD_DEG), ("down_deg", DOWN_DEG), ("roll_deg", ROLL_DEG))
    )
    share, span = draws.uniform("place", 0, 1, 3), box[1] - box[0]
    place = box[0] + span * share
    R_turn = axis_angle([0, 0, 1], turn)
    R = R_turn @ axis_angle([0, 0, 1], inward) @ axis_angle([0, 1, 0], down) @ axis_angle([1, 0, 0], roll)
    T_world_wrist = transform(R, np.zeros((n, 3))) @ T_fore_wrist
    T_world_wrist[:, :3, 3] = (R_turn @ place[..., None])[..., 0] - T_world_wrist[:, :3, :3] @ grasp_point
    lowest = (T_world_wrist[:, None, 2, :3] * points).sum(-1).min(1) + T_world_wrist[:, 2, 3]
    raised = np.maximum(CLEARANCE + FLESH_M - lowest, 0)
    T_world_wrist[:, 2, 3] += raised
    draws.record("place", share + raised[:, None] / span * [0, 0, 1])
    return T_world_wrist


def pose_of(
    hand: HumanHand, q: Array, shape: np.ndarray, T_world_wrist: Array, shoulder: Array, cut: np.ndarray
) -> BodyPose:
    """Hands at T_world_wrist (n, 4, 4) on arms that come from about a shoulder (n, 3), in a `cut` of sleeve (n,)."""
    T, heads, points = hand.skeleton(q, shape, T_world_wrist)
    T = np.concatenate([T, upper_arm(T, heads, shoulder)[:, None]], 1)
    return BodyPose(q, T, points, shape, {"cut": cut, "shoulder": shoulder})


def upper_arm(T_world_bone: Array, heads: Array, shoulder: Array) -> Array:
    """T_world_upper (n, 4, 4): at the elbow, turned so that the arm points towards a shoulder (n, 3) [m]."""
    elbow = T_world_bone[:, 0, :3, 3]
    straight = heads[:, 0] - heads[:, 2]
    straight = (T_world_bone[:, 0, :3, :3] @ straight[..., None])[..., 0]
    goal = shoulder - elbow
    R = _between(
        straight / np.linalg.norm(straight, axis=-1, keepdims=True), goal / np.linalg.norm(goal, axis=-1, keepdims=True)
    )
    return transform(R @ T_world_bone[:, 0, :3, :3], elbow)


def shoulder_of(T_world_upper: Array, heads: Array) -> Array:
    """Where the upper arm ends (n, 3) [m]."""
    return (
        T_world_upper[:, :3, 3]
        + UPPER_ARM * (T_world_upper[:, :3, :3] @ (heads[:, 0] - heads[:, 2])[..., None])[..., 0]
    )


def _between(a: Array, b: Array) -> Array:
    """Least rotations (n, 3, 3) that carry unit vectors a (n, 3) onto b; undefined where they are opposite."""
    v, c = np.cross(a, b), (a * b).sum(-1)[:, None, None]
    K = np.zeros((len(a), 3, 3))
    K[:, 0, 1], K[:, 0, 2], K[:, 1, 2] = -v[:, 2], v[:, 1], -v[:, 0]
    K -= K.swapaxes(1, 2)
    return np.eye(3) + K + K @ K / np.maximum(1 + c, 1e-6)
