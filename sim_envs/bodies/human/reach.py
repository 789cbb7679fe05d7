"""A person's reach-and-grasp: the wrist on a minimum-jerk path, fingers pre-shaped, then closed until each touches."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assets.humans.hand import WRIST, HumanHand
from assets.humans.poses import POSES, Capsules
from lace.core.draws import generator
from lace.core.geometry import Array, axis_angle, invert, minimum_jerk, transform
from lace.core.keypoints import FINGERS, FINGERTIPS
from sim_envs.bodies.human.arm import DOWN_DEG, FLESH_M, pose_of
from sim_envs.bodies.object_distance import Standing
from sim_envs.scenes.state import BodyPose, SceneBatch

REACH_END, CLOSE_END, LIFT_START = 0.55, 0.76, 0.8
"""Shares of the motion at which the reach and the closing end and the lift begins."""
LIFT_M, START_BACK_M, START_UP_M = 0.12, 0.22, 0.10
"""Height of the lift, and how far behind and over the grasp the wrist starts."""
CANDIDATES, CLOSED_CANDIDATES = 40, 6
"""Wrist poses tried, and those whose fingers are then closed."""
SLIDES_M = np.linspace(0.10, -0.03, 27)
"""Distances from the nominal grasp along the way in."""
GAP_M = 0.002
"""Clearance of the open hand at the end of its way in."""
CONTACT_M = 0.003
"""A finger nearer to the object than this holds it."""
DEEPEST_M = 0.004
"""Motions with a vertex deeper in the object than this are refused; the documented bound is 5 mm."""
SELF_DEPTH_M = 0.002
"""Capsule depth that a closed hand may have."""
STEPS, BISECTIONS = 18, 5
CLEAR_OF_OTHERS_M = 0.008


@dataclass(frozen=True)
class Arm:
    """Orientation of the forearm at a wrist; angles [rad], arrays over candidates or times."""

    yaw: Array
    down: Array
    roll: Array

    def rotation(self) -> Array:
        """R_world_forearm (..., 3, 3)."""
        return axis_angle([0, 0, 1], self.yaw) @ axis_angle([0, 1, 0], self.down) @ axis_angle([1, 0, 0], self.roll)


@dataclass(frozen=True)
class HumanMotion:
    """Implements ReachMotion."""

    hand: HumanHand
    pose: BodyPose
    """Of one frame: the shape, sleeve and shoulder, which stay the same in the motion."""
    arms: tuple[Arm, Arm]
    """At the start and at the grasp, scalars."""
    hands: tuple[Array, Array, Array]
    """Angles (24,) at the start, before and after closing."""
    wrist: tuple[Array, Array, Array]
    """Start, point that draws the path, and grasp (3,) [m]."""
    T_world_target: Array
    T_wrist_target: Array

    def at(self, time: ArrayLike) -> tuple[BodyPose, Array, np.ndarray]:
        """See ReachMotion."""
        time = np.atleast_1d(np.asarray(time, float))
        reach = minimum_jerk(time / REACH_END)[:, None]
        shape_up = minimum_jerk(time / (0.75 * REACH_END))[:, None]
        close = minimum_jerk((time - REACH_END) / (CLOSE_END - REACH_END))[:, None]
        lift = LIFT_M * minimum_jerk((time - LIFT_START) / (1 - LIFT_START))
        start, preshape, grasp = self.hands
        q = start + shape_up * (preshape - start) + close * (grasp - preshape)
        q[:, :3] = start[:3] + reach * (grasp - start)[:3]
        position = (1 - reach) ** 2 * self.wrist[0] + 2 * reach * (1 - reach) * self.wrist[1] + reach**2 * self.wrist[2]
        position[:, 2] += lift
        first, last = self.arms
        arm = Arm(*(a + reach[:, 0] * (b - a) for a, b in zip(vars(first).values(), vars(last).values(), strict=True)))
        rows = np.zeros(len(time), int)
        shape = self.pose.known_shape[rows]
        T = wrist_poses(self.hand, q, shape, arm, position)
        extra = {name: value[rows] for name, value in self.pose.extra.items()}
        pose = pose_of(self.hand, q, shape, T, extra["shoulder"], extra["cut"])
        held = time >= LIFT_START
        return pose, np.where(held[:, None, None], T @ self.T_wrist_target, self.T_world_target), held


def wrist_poses(hand: HumanHand, q: Array, shape: np.ndarray, arm: Arm, position: Array) -> Array:
    """T_world_wrist (n, 4, 4) of hands at `position` (n, 3) on forearms turned as `arm` says."""
    T_wrist_bone = hand.skeleton(q, shape)[0]
    return transform((arm.rotation() @ invert(T_wrist_bone[:, 0])[:, :3, :3]), position)


def plan_grasp(capsules: Capsules, scene: SceneBatch) -> HumanMotion | None:
    """A motion onto the target of a scene of one frame; None where no tried hand grasps it cleanly."""
    target = scene.objects[0]
    standing = Standing(target.object_set.names[target.which[0]], target.T_world_object[0], float(target.scale[0]))
    height = float(target.object_set.height[target.which[0]]) * standing.scale
    rng = generator(int(scene.draws["hand.bank_entry"][0]))
    search = GraspSearch(capsules, scene.pose.known_shape[0], standing, height, scene.pose.extra["shoulder"][0], rng)
    for q_open, q_shut, arm, position in search.grasps():
        motion = _motion(scene, search, (q_open, q_shut), arm, position, rng)
        if _is_clean(capsules.hand, scene, standing, motion):
            return motion
    return None


def _motion(
    scene: SceneBatch,
    search: "GraspSearch",
    hands: tuple[Array, Array],
    arm: Arm,
    position: Array,
    rng: np.random.Generator,
) -> HumanMotion:
    """The motion to a grasp from a relaxed hand nearer to the shoulder."""
    start = POSES["relaxed"] + rng.uniform(-0.1, 0.1) * (POSES["fist"] - POSES["relaxed"])
    T = wrist_poses(
        search.hand,
        hands[1][None],
        search.shape[None],
        Arm(*(np.array([x]) for x in vars(arm).values())),
        position[None],
    )[0]
    back = (search.shoulder - position) * [1, 1, 0]
    back /= np.linalg.norm(back)
    begin = position + START_BACK_M * rng.uniform(0.8, 1.3) * back + [0, 0, START_UP_M * rng.uniform(0.5, 1.5)]
    entry = position - 0.10 * T[:3, :3] @ search.way_in
    entry[2] = max(entry[2], position[2]) + 0.02
    first = Arm(arm.yaw + rng.uniform(-0.3, 0.1), arm.down + rng.uniform(-0.1, 0.2), arm.roll * rng.uniform(0.4, 0.9))
    T_world_target = search.standing.T_world_object
    return HumanMotion(
        search.hand,
        scene.pose,
        (first, arm),
        (start, *hands),
        (begin, entry, position),
        T_world_target,
        invert(T) @ T_world_target,
    )


class GraspSearch:
    """Hands around an object: drawn, slid in until they almost touch, closed finger by finger."""

    def __init__(
        self,
        capsules: Capsules,
        shape: np.ndarray,
        standing: Standing,
        height: float,
        shoulder: Array,
        rng: np.random.Generator,
    ):
        self.capsules, self.hand, self.shape, self.standing, self.height = (
            capsules,
            capsules.hand,
            shape,
            standing,
            height,
        )
        self.shoulder, self.rng = shoulder, rng
        self.way_in = np.array([np.cos(0.6), 0, -np.sin(0.6)])
        """In the wrist's frame: fingers first, palm following."""
        self._bones = [[self.hand.bone_index[f"finger{f + 1}-{k}.R"] for k in (1, 2, 3)] for f in range(5)]

    def grasps(self):
        """Yields (open angles (24,), closed angles (24,), arm, wrist position (3,)), the best first."""
        n = CANDIDATES
        q, shut, arm = self._draw(n)
        shapes = np.tile(self.shape, (n, 1))
        T = wrist_poses(self.hand, q, shapes, arm, np.zeros((n, 3)))
        skin = self.hand.pose(q, shapes, T)[0].astype(float)
        centre = self.standing.T_world_object[:3, 3] + [0, 0, 1] * self.rng.uniform(0.45, 0.65, (n, 1)) * self.height
        palm = np.stack([self.rng.uniform(0.075, 0.11, n), self.rng.uniform(-0.012, 0.022, n), np.full(n, -0.05)], 1)
        nominal = centre - (T[:, :3, :3] @ palm[..., None])[..., 0]
        way = T[:, :3, :3] @ self.way_in
        slides = nominal[:, None] - SLIDES_M[:, None] * way[:, None]
        gap = np.stack([self.standing.near(skin + slides[:, s, None]).min(1) for s in range(len(SLIDES_M))], 1)
        free = np.logical_and.accumulate(gap > GAP_M, axis=1)
        last = free.sum(1) - 1
        lowest = skin[..., 2].min(1) + slides[np.arange(n), np.maximum(last, 0), 2]
        good = (last > 8) & (lowest > self.standing.T_world_object[2, 3] + 0.003)
        order = np.flatnonzero(good)[np.argsort(SLIDES_M[last[good]])][:CLOSED_CANDIDATES]
        closed = [(self._close(q[i], shut[i], _pick(arm, i), slides[i, last[i]]), i) for i in order]
        for (score, q_closed), i in sorted(closed, key=lambda item: item[0][0], reverse=True):
            if score > 0:
                yield q[i], q_closed, _pick(arm, i), slides[i, last[i]]

    def _draw(self, n: int) -> tuple[Array, Array, Arm]:
        """Open hands (n, 24) with the thumb opposed, what they close to, and arms from the shoulder to the object."""
        rng, names = self.rng, self.hand.joint_names
        q, shut = np.tile(POSES["reach"], (n, 1)), np.tile(POSES["fist"], (n, 1))
        opposed = {
            "forearm_pronation": (-15, 15),
            "wrist_flexion": (-25, 10),
            "wrist_deviation": (-12, 12),
            "thumb_abduction": (8, 45),
            "thumb_extension": (-5, 16),
            "thumb_mcp": (0, 10),
            "thumb_ip": (0, 8),
        }
        for name, (low, high) in opposed.items():
            q[:, names.index(name)] = np.deg2rad(rng.uniform(low, high, n))
        q[:, 8:] += np.deg2rad(rng.uniform(-8, 2, (n, 1))) * np.tile([0, 1, 1, 0.6], 4)
        thumb = slice(3, 6)
        shut[:, :3], shut[:, thumb] = q[:, :3], q[:, thumb]
        shut[:, names.index("thumb_extension")] -= np.deg2rad(24)
        shut[:, names.index("thumb_abduction")] += np.deg2rad(6)
        swings = [names.index(f"{finger}_swing") for finger in FINGERS[1:]]
        shut[:, swings] = q[:, swings]
        limits = self.hand.limits.T
        flat = self.standing.T_world_object[:2, 3] - self.shoulder[:2]
        yaw = np.arctan2(flat[1], flat[0]) + np.deg2rad(rng.uniform(-10, 45, n))
        down = np.deg2rad(rng.uniform(*DOWN_DEG, n))
        return np.clip(q, *limits), np.clip(shut, *limits), Arm(yaw, down, np.deg2rad(rng.uniform(15, 95, n)))

    def _gaps(self, q: Array, arm: Arm, position: Array) -> np.ndarray:
        """Least distance to the object (n, 5, 3) of each phalanx's skin, for angles (n, 24)."""
        n = len(q)
        shapes = np.tile(self.shape, (n, 1))
        arms = Arm(*(np.full(n, x) for x in vars(arm).values()))
        T = wrist_poses(self.hand, q, shapes, arms, np.tile(position, (n, 1)))
        skin = self.hand.pose(q, shapes, T)[0].astype(float)
        out = np.empty((n, 5, 3))
        for f, bones in enumerate(self._bones):
            for k, bone in enumerate(bones):
                out[:, f, k] = self.standing.near(skin[:, self.hand.dense_weights[:, bone] > 0.5]).min(1)
        return out

    def _close(self, q: Array, shut: Array, arm: Arm, position: Array) -> tuple[float, Array]:
        """Score of the grasp (0 or less: none) and its angles (24,): whole fingers close, then their outer joints."""
        q = q.copy()
        for inner in range(3):
            joints = [self._finger_joints(f)[inner:] for f in range(5)]
            shares = np.linspace(0, 1, STEPS + 1)
            paths = np.repeat(q[None], STEPS + 1, 0)
            for columns in joints:
                paths[:, columns] = q[columns] + shares[:, None] * (shut - q)[columns]
            low, high = self._first_contact(paths, joints, inner, shares, arm, position)
            for columns, share in zip(
                joints, self._refined(q, shut, joints, inner, low, high, arm, position), strict=True
            ):
                q[columns] += share * (shut - q)[columns]
        gaps = self._gaps(q[None], arm, position)[0].min(1)
        touching = gaps < CONTACT_M
        clear = self.capsules.depths(q[None], self.shape[None])[0] < SELF_DEPTH_M
        opposed = self._opposition(q, arm, position)
        score = (touching[0] and touching[1:4].sum() >= 2 and clear and opposed > 0.2) * (touching.sum() + opposed)
        return float(score), q

    def _finger_joints(self, finger: int) -> list[int]:
        """Columns of the flexion joints of a finger, root first."""
        return [4, 6, 7] if finger == 0 else [8 + 4 * (finger - 1) + k for k in (1, 2, 3)]

    def _first_contact(self, paths, joints, inner, shares, arm, position) -> tuple[Array, Array]:
        """For each finger, the last share before its moving phalanges touch, and the next (5,)."""
        gaps = self._gaps(paths, arm, position)[:, :, inner:].min(2)
        last = np.logical_and.accumulate(gaps > 0, axis=0).sum(0) - 1
        low = shares[np.maximum(last, 0)] * (last >= 0)
        return low, np.where(last >= 0, shares[np.minimum(last + 1, STEPS)], 0)

    def _refined(self, q, shut, joints, inner, low, high, arm, position) -> Array:
        """The shares (5,) at which the fingers touch, by bisection, all fingers at once."""
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            trial = q.copy()
            for columns, share in zip(joints, middle, strict=True):
                trial[columns] += share * (shut - q)[columns]
            free = self._gaps(trial[None], arm, position)[0, :, inner:].min(1) > 0
            low, high = np.where(free, middle, low), np.where(free, high, middle)
        return low

    def _opposition(self, q: Array, arm: Arm, position: Array) -> float:
        """How far thumb and fingertips pull apart around the object's axis: 1 from opposite sides, -1 from one."""
        T = wrist_poses(
            self.hand, q[None], self.shape[None], Arm(*(np.array([x]) for x in vars(arm).values())), position[None]
        )
        tips = self.hand.skeleton(q, self.shape[None], T)[2][0, list(FINGERTIPS)]
        out = tips[:, :2] - self.standing.T_world_object[:2, 3]
        out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)
        fingers = out[1:4].mean(0)
        return float(-out[0] @ fingers / max(np.linalg.norm(fingers), 1e-6))


def _pick(arm: Arm, i: int) -> Arm:
    return Arm(*(x[i] for x in vars(arm).values()))


def _is_clean(hand: HumanHand, scene: SceneBatch, standing: Standing, motion: HumanMotion, samples: int = 50) -> bool:
    """Whether the hand is within the allowed depth of the target, above the table, and clear of the other objects."""
    pose, T_world_target, _held = motion.at(np.linspace(0, 1, samples))
    skin = hand.pose(pose.q, pose.known_shape, pose.T_world_link[:, hand.bone_index[WRIST]])[0].astype(float)
    local = invert(T_world_target)
    still = standing.T_world_object @ local
    moved = skin @ still[:, :3, :3].swapaxes(1, 2) + still[:, None, :3, 3]
    close = standing.near(moved) < DEEPEST_M
    if close.any() and standing.exact(moved[close]).min() < -DEEPEST_M:
        return False
    top = standing.T_world_object[2, 3]
    if skin[..., 2].min() < top or pose.T_world_link[:, 0, 2, 3].min() < top + FLESH_M:
        return False
    for other in scene.objects[1:]:
        if other.which[0] < 0:
            continue
        flat = (
            np.linalg.norm(skin[..., :2] - other.T_world_object[0, :2, 3], axis=-1)
            - other.object_set.radius[other.which[0]] * other.scale[0]
        )
        over = skin[..., 2] - top - other.object_set.height[other.which[0]] * other.scale[0]
        if np.maximum(flat, over).min() < CLEAR_OF_OTHERS_M:
            return False
    return True
