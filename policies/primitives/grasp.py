"""The grasp primitive: from two image points to approach, close, lift and retreat (paper, sec. 5.3)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from lace.core.embodiment import Embodiment
from lace.core.geometry import Array, axis_angle, transform
from lace.core.grasp import Grasp
from lace.core.kinematics import Kinematics
from policies.outcome import Phase, PlanRefused, SafetyStop, TrialStopped
from policies.path import through
from policies.policy import Observation, TwoPoints
from policies.primitives.checker import PathChecker, Workspace
from policies.primitives.ik import ArmIK
from policies.primitives.lifting import by_depth, by_plane, end_effector_point
from policies.primitives.primitive import ArmMove, HandMove, Plan

HEADINGS = np.deg2rad([0, 20, -20, 40, -40, 60, -60, 80, -80, 100, -100])
"""Palm headings relative to the direction of the base, in the order in which they are tried [rad]."""
IK = "solving the inverse kinematics"
LEAST_S, PERIOD_S = 0.3, 0.02
"""Shortest duration of a path, and time between its samples [s]."""


@dataclass(frozen=True)
class GraspConfig:
    """Settings of grasp planning and of its safety limits."""

    lift_by: Literal["plane", "depth"] = "plane"
    """How the target is localised in 3D: by the table plane or by the depth image."""
    correction: Literal["absolute", "relative"] = "absolute"
    """"absolute" uses the camera's calibration; "relative" moves the hand by the vector between the two points, where
    a calibration error cancels and an error of the end-effector point does not."""
    target_height_m: float = 0.12
    """Height of the target, which the hand stays above while approaching."""
    target_radius_m: float = 0.03
    """Distance from the target's surface to its centre."""
    seen_height_m: float = 0.045
    """Height over the table at which the ray through the middle of the target's box passes the target's axis. Over 160
    random views of the doll this height has no bias (0.2 mm); half its height, 0.055 m, is 12 mm short."""
    disagreement_m: float = 0.10
    """Largest distance of the end-effector point from forward kinematics at its depth: half a hand."""
    hover_m: float = 0.12
    """Height of the pre-grasp over the grasp."""
    lift_m: float = 0.15
    """Lift height."""
    arm_speed: float = 1.5
    """Largest joint speed [rad/s]; the xArm7 itself allows pi."""
    clearance_m: float = 0.002
    """Distance kept from the table."""
    open_s: float = 0.4
    close_s: float = 0.7
    """Time for the hand to take its pre-grasp, and to close [s]."""
    hold_s: float = 0.3
    """The hand stays closed for this long before the lift [s]."""
    workspace: Workspace = Workspace()


class GraspPrimitive:
    """The grasp primitive of one robot and one grasp; implements `Primitive`, not thread-safe."""

    def __init__(self, embodiment: Embodiment, xml_path: Path, grasp: Grasp, config: GraspConfig = GraspConfig()):  # noqa: B008
        if grasp.embodiment != embodiment.name:
            raise PlanRefused(
                "preparing the grasp primitive",
                f"a grasp of {grasp.embodiment}",
                f"one of {embodiment.name}",
                "search grasps for this hand (`lace assets find-grasp`)",
            )
        self.embodiment, self.grasp, self.config = embodiment, grasp, config
        self.needs_depth = config.lift_by == "depth"
        self.kinematics = Kinematics(embodiment)
        self.ik = ArmIK(xml_path, embodiment)
        size = (config.target_radius_m, config.target_height_m)
        self.checker = PathChecker(xml_path, embodiment, config.workspace, config.arm_speed, config.clearance_m, size)

    def plan(self, observation: Observation, points: TwoPoints, table_z: float) -> Plan:
        """See Primitive."""
        target = self.locate(observation, points, table_z)
        if not self.config.workspace.holds(target):
            raise SafetyStop(
                "locating the target",
                f"it would be at {np.round(target, 3).tolist()} m, outside the workspace",
                f"between {self.config.workspace.low} and {self.config.workspace.high}",
                "check the prediction",
            )
        stops: list[TrialStopped] = []
        for heading in HEADINGS:
            try:
                return Plan(self._moves(observation.joint_positions, target, float(heading), table_z), target)
            except TrialStopped as stop:  # this heading fails: keep its reason and try the next one
                stops.append(stop)
        raise max(stops, key=_progress)

    def locate(self, observation: Observation, points: TwoPoints, table_z: float) -> Array:
        """The target's middle (3,) [m] in the robot's base frame, after the safety check of the end-effector point."""
        config, camera = self.config, observation.camera
        keypoints = self.kinematics.keypoints(self.kinematics.link_poses(observation.joint_positions))
        seen, depth = end_effector_point(keypoints, camera)
        real, predicted = camera.unproject(np.stack([seen, points.end_effector]), np.full(2, depth))
        gap = float(np.linalg.norm(real - predicted))
        if not gap <= config.disagreement_m:
            raise SafetyStop(
                "comparing the end-effector point with forward kinematics",
                f"they are {1000 * gap:.0f} mm apart",
                f"at most {1000 * config.disagreement_m:.0f} mm",
                "check the prediction, or recalibrate the camera",
            )
        if config.lift_by == "depth":
            if observation.depth_m is None:
                raise PlanRefused(
                    "locating the target", "no depth image", "a depth image", "lift by the table plane instead"
                )
            target = by_depth(camera, points.target, observation.depth_m, config.target_radius_m)
        else:
            target = by_plane(camera, points.target, table_z + config.seen_height_m)
        return target + (real - predicted) * (config.correction == "relative")

    def _moves(self, start: Array, target: Array, heading: float, table_z: float) -> tuple[ArmMove | HandMove, ...]:
        config, dof = self.config, self.embodiment.arm_dof
        yaw = np.arctan2(target[1], target[0]) + np.pi + heading
        T_grasp = transform(axis_angle([0, 0, 1], yaw), [*target[:2], table_z]) @ self.grasp.T_table_palm
        rise = np.linspace(0, max(config.hover_m, config.lift_m), 5, dtype=np.float64)
        column = self._column(T_grasp, rise, self._seed(target))
        above = np.array([np.interp(config.hover_m, rise, q) for q in column.T])
        descent = np.concatenate([above[None], column[rise < config.hover_m - 1e-6][::-1]])
        ascent = column[rise <= config.lift_m + 1e-6]
        keep_out = np.array([*target[:2], table_z + config.target_height_m / 2])
        return (
            *self._transit(start, above, table_z, keep_out),
            self._arm(Phase.APPROACH, descent, self.grasp.open, table_z),
            HandMove(Phase.CLOSE, self.grasp.closed, config.close_s),
            HandMove(Phase.CLOSE, self.grasp.closed, config.hold_s),
            self._arm(Phase.LIFT, ascent, self.grasp.open, table_z),
            self._arm(Phase.RETREAT, [ascent[-1], self.embodiment.home[:dof]], self.grasp.open, table_z),
        )

    def _transit(self, start: Array, above: Array, table_z: float, keep_out: Array) -> tuple[ArmMove | HandMove, ...]:
        """From the start to the pre-grasp: directly, else upwards first, else via the home pose."""
        dof, opened = self.embodiment.arm_dof, HandMove(Phase.APPROACH, self.grasp.open, self.config.open_s)
        arm, hand = start[:dof], np.clip(start[dof:], *self.embodiment.limits[dof:].T)
        try:
            return opened, self._arm(Phase.APPROACH, [arm, above], self.grasp.open, table_z, keep_out)
        except TrialStopped as stop:
            first = stop
        T_palm = self.kinematics.link_poses(start)[self.kinematics.link_index[self.embodiment.palm_link]]
        raised = self.ik.solve(transform(None, [0, 0, self.config.hover_m]) @ T_palm, arm)
        for via in (raised, self.embodiment.home[:dof]):
            try:
                if via is not None:
                    out = self._arm(Phase.APPROACH, [arm, via], hand, table_z)
                    return out, opened, self._arm(Phase.APPROACH, [via, above], self.grasp.open, table_z, keep_out)
            except TrialStopped:
                continue
        raise first

    def _arm(self, phase: Phase, way: ArrayLike, hand: Array, table_z: float, keep_out: Array | None = None) -> ArmMove:
        path = through(np.array(way), self.config.arm_speed, LEAST_S, PERIOD_S)
        return ArmMove(phase, self.checker.check(path, hand, table_z, keep_out))

    def _seed(self, target: Array) -> Array:
        seed = self.embodiment.home[: self.embodiment.arm_dof].copy()
        seed[0] = np.arctan2(target[1], target[0])
        return seed

    def _column(self, T_grasp: Array, rise: Array, seed: Array) -> Array:
        """Arm joints (n, arm) that hold the palm at T_grasp raised by each of `rise` (n,) [m]."""
        rows = []
        for height in rise:
            goal = T_grasp.copy()
            goal[2, 3] += height
            q = self.ik.solve(goal, rows[-1] if rows else seed)
            if q is None:
                where = np.round(goal[:3, 3], 3).tolist()
                raise PlanRefused(
                    IK,
                    f"the palm does not reach {where} m as the grasp requires",
                    "a target within the arm's reach",
                    "move the target",
                )
            rows.append(q)
        return np.array(rows)


def _progress(stop: TrialStopped) -> bool:
    """Ranks failures: a plan that fails on its path ranks above one whose goal is unreachable."""
    return stop.doing != IK
