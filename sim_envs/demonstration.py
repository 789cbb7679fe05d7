"""One smooth reach-and-grasp motion in one scene, from which all frames are sampled (paper, sec. 5.1: 100 frames)."""

from dataclasses import replace

import mujoco
import numpy as np

from lace.core.draws import Draws
from lace.core.errors import IntegrityError
from lace.core.geometry import Array, axis_angle, invert, minimum_jerk, transform
from sim_envs.compose import Composer, SceneBatch
from sim_envs.poses import FINGERS_DOWN, arm_ik

PHASES = (0.45, 0.65, 0.8, 1.0)
"""Shares of the motion at which the approach, the descent, the closing and the lift end."""
HOVER_M, LIFT_M = 0.12, 0.15
"""Height of the pre-grasp over the grasp, and of the lift."""
OPEN, CLOSED = 0.18, 0.8
"""Shares of each flexion joint's range when open and when fully closed."""
TILT_RAD = 0.75
"""Lean of the palm over the target: fingers down and forwards."""
CLOSING_STEPS = 32
GRASP_HEIGHT = 0.6
"""Where the grasp point goes, as a share of the target's height."""
MAX_SCENES = 60
IN_VIEW = 0.7
"""Least share of keypoints inside the image over the whole motion."""


class Demonstration:
    """A motion over a fixed scene: the first that is reachable and in view, counted from the seed."""

    def __init__(self, composer: Composer):
        self.composer = composer
        for attempt in range(MAX_SCENES):
            if self._plan(attempt):
                return
        raise IntegrityError(
            "planning the demonstration", f"none of {MAX_SCENES} scenes is reachable and in view",
            "a target that the arm reaches and the camera sees", "change the seed, or widen the camera and target axes",
        )  # fmt: skip

    def _plan(self, attempt: int) -> bool:
        composer = self.composer
        self.scene = composer.compose(np.zeros(1, int), np.array([attempt]))
        self.attempt = attempt
        target = self.scene.objects[0]
        if target.which[0] < 0:
            return False
        body, kinematics = composer.robot.embodiment, composer.kinematics
        palm = kinematics.link_index[body.palm_link]
        height = float(target.wares.height[target.which[0]] * target.scale[0])
        T_goals = self._palm_waypoints(target.T_world_object[0], height)
        q = np.tile(body.home, (3, 1))
        q[:, 0] = np.arctan2(target.T_world_object[0, 1, 3], target.T_world_object[0, 0, 3])
        q = arm_ik(kinematics, arm_ik(kinematics, q, palm, T_goals), palm, T_goals)
        reached = kinematics.link_poses(q)[:, palm]
        if np.abs(reached - T_goals).max() > 0.02:
            return False
        self.arm = np.stack([composer.robot.embodiment.home, *q])[:, :7]
        self.open, self.closed = self._hand(q[1], target)
        self.T_palm_target = invert(reached[1]) @ target.T_world_object[0]
        return self._in_view() >= IN_VIEW

    def _palm_waypoints(self, T_world_target: Array, height: float) -> Array:
        """T_world_palm (3, 4, 4): hover, grasp, lift; fingers down and forwards, palm facing the target."""
        yaw = np.arctan2(T_world_target[1, 3], T_world_target[0, 3])
        R = axis_angle([0, 0, 1], yaw) @ axis_angle([0, 1, 0], -TILT_RAD) @ FINGERS_DOWN
        grasp = T_world_target[:3, 3] + [0, 0, GRASP_HEIGHT * height]
        origin = grasp - R @ np.array(self.composer.robot.embodiment.grasp_point)
        lifts = np.array([[0, 0, HOVER_M], [0, 0, 0], [0, 0, LIFT_M]])
        return transform(R, origin + lifts)

    def _hand(self, q: Array, target) -> tuple[Array, Array]:
        """Open and closed hand joints (16,): each finger closes until its collision shapes meet the target."""
        composer = self.composer
        limits = composer.robot.embodiment.limits[7:]
        names = composer.robot.embodiment.joint_names[7:]
        swing = np.array([name.endswith("_rot") for name in names])
        hand_open = np.where(swing, 0, limits[:, 0] + OPEN * np.ptp(limits, axis=1))
        hand_shut = np.where(swing, 0, limits[:, 0] + CLOSED * np.ptp(limits, axis=1))
        model, data, obstacle = self._contact_model(target)
        closed = hand_open.copy()
        for finger in ("if", "mf", "rf", "th"):
            joints = np.array([f"leap_{finger}_" in name for name in names])
            geoms = [
                g for g in range(model.ngeom)
                if model.geom_group[g] == 3 and f"leap_{finger}_" in model.body(int(model.geom_bodyid[g])).name
            ]  # fmt: skip
            for share in np.linspace(0, 1, CLOSING_STEPS):
                hand = np.where(joints, hand_open + share * (hand_shut - hand_open), closed)
                data.qpos[:] = np.concatenate([q[:7], hand])
                mujoco.mj_kinematics(model, data)
                if min(mujoco.mj_geomDistance(model, data, g, obstacle, 0.2, None) for g in geoms) < 0:
                    break
                closed = hand
        return hand_open, closed

    def _contact_model(self, target) -> tuple[mujoco.MjModel, mujoco.MjData, int]:
        """The robot with the target standing where it is, as a cylinder of two thirds of its footprint."""
        spec = mujoco.MjSpec.from_file(str(self.composer.robot.xml_path))
        which = target.which[0]
        scale = target.scale[0]
        half = float(target.wares.height[which] * scale / 2)
        spec.worldbody.add_geom(
            name="target", type=mujoco.mjtGeom.mjGEOM_CYLINDER,
            size=[float(target.wares.radius[which] * scale * 0.67), half, 0],
            pos=target.T_world_object[0, :3, 3] + [0, 0, half],
        )  # fmt: skip
        model = spec.compile()
        return model, mujoco.MjData(model), model.geom("target").id

    def pose(self, time: Array) -> tuple[Array, np.ndarray]:
        """Joint positions (n, joints) [rad] and whether the target is held (n,), at times (n,) in [0, 1]."""
        starts = np.array([0.0, *PHASES[:-1]])
        phase = np.minimum(np.searchsorted(PHASES, time, side="right"), 3)
        share = minimum_jerk((time - starts[phase]) / (np.array(PHASES) - starts)[phase])[:, None]
        before, after = np.array([0, 1, 2, 2])[phase], np.array([1, 2, 2, 3])[phase]
        arm = self.arm[before] + share * (self.arm[after] - self.arm[before])
        grip = np.where(phase[:, None] == 2, share, (phase[:, None] == 3) * 1.0)
        hand = self.open + grip * (self.closed - self.open)
        return np.concatenate([arm, hand], 1), phase == 3

    def _in_view(self) -> float:
        kinematics = self.composer.kinematics
        q, _held = self.pose(np.linspace(0, 1, 12))
        points = kinematics.keypoints(kinematics.link_poses(q))[:, self.composer.robot.embodiment.present]
        camera = self.scene.camera
        uv, depth = camera.project(points)
        inside = ((uv >= 0) & (uv < [camera.width, camera.height])).all(-1) & (depth > 0)
        return float(inside.mean())

    def compose(self, indices: np.ndarray, attempts: np.ndarray, total: int) -> SceneBatch:
        """Scenes at evenly spread times of the motion; only the robot, the held target and the noise differ."""
        base, composer, n = self.scene, self.composer, len(indices)
        q, held = self.pose(indices / max(total - 1, 1))
        T_world_link = composer.kinematics.link_poses(q)
        rows = np.zeros(n, int)
        table = type(base.table)(**{name: value[rows] for name, value in vars(base.table).items()})
        composer.pose_robot(table, T_world_link)
        palm = composer.kinematics.link_index[composer.robot.embodiment.palm_link]
        target = base.objects[0]
        T = np.where(held[:, None, None], T_world_link[:, palm] @ self.T_palm_target, target.T_world_object[rows])
        table.T[:, composer.layout.target] = T
        objects = [
            replace(p, which=p.which[rows], T_world_object=p.T_world_object[rows], scale=p.scale[rows])
            for p in base.objects
        ]
        objects[0] = replace(objects[0], T_world_object=T)
        draws = {name: value[rows] for name, value in base.draws.items()}
        fresh = Draws(composer.config.seed, indices, attempts)
        for name in ("sensor.offset_x", "sensor.offset_y"):
            draws[name] = fresh.choice(name, 512)
        draws["demonstration.time"] = indices / max(total - 1, 1)
        camera = replace(base.camera, K=base.camera.K[rows], T_world_cam=base.camera.T_world_cam[rows])
        lighting = type(base.lighting)(**{name: value[rows] for name, value in vars(base.lighting).items()})
        keypoints = composer.kinematics.keypoints(T_world_link)
        return SceneBatch(
            table, camera, lighting, base.gain[rows], q, T_world_link, keypoints, objects, base.rooms * n, draws
        )
