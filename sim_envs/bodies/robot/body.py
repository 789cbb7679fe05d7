"""A robot in a scene: rigid meshes on links, poses from a bank of collision-free ones."""

import numpy as np

from assets.robots import ROBOTS
from assets.robots.robot import Robot
from lace.core.embodiment import Embodiment
from lace.core.geometry import Array, invert, transform
from lace.core.kinematics import Kinematics
from sim_envs.bodies.robot.poses import kept_bank, pose_of
from sim_envs.bodies.robot.reach import plan_grasp
from sim_envs.config.scene import SceneConfig
from sim_envs.rendering.library import Library
from sim_envs.rendering.slot_table import SlotTable
from sim_envs.scenes.randomization import SceneDraws, body_points
from sim_envs.scenes.slots import BodyParts
from sim_envs.scenes.state import BodyPose, ReachMotion, SceneBatch
from sim_envs.scenes.workspace import grasp_box

GLOSS = 0.25


def robot_parts(robot: Robot) -> BodyParts:
    """Parts of a robot: each link is one."""
    body = robot.embodiment
    arm = [link for link in body.links if link not in body.hand_links]
    return BodyParts(
        "robot",
        (*arm, *body.hand_links),
        len(body.hand_links),
        tuple(visual.link for visual in robot.visuals),
        {link: link for link in body.links},
    )


def chain_to(embodiment: Embodiment, link: str) -> list[str]:
    """Links from the root to `link`."""
    parent = {joint.child: joint.parent for joint in embodiment.joints} | {child: p for p, child, _ in embodiment.fixed}
    chain = [link]
    while chain[0] in parent:
        chain.insert(0, parent[chain[0]])
    return chain


class RobotBody:
    """Implements `sim_envs.scenes.body.Body` for every registered robot."""

    def __init__(self, name: str, config: SceneConfig):
        self.config = config
        self.robot = ROBOTS[name](config.assets)
        self.embodiment = body = self.robot.embodiment
        self.kinematics = Kinematics(body)
        self.link_names = body.links
        self.parts = robot_parts(self.robot)
        box = grasp_box(config.axes.table)
        self.bank = kept_bank(self.robot, self.kinematics, config.seed, config.axes.hand.poses, box)
        self._visual_links = [self.kinematics.link_index[visual.link] for visual in self.robot.visuals]
        self._visual_poses = np.stack([visual.T_link_mesh for visual in self.robot.visuals])
        self.visual_colours = np.array([visual.colour for visual in self.robot.visuals])
        self._palm = self.kinematics.link_index[body.palm_link]
        self._chain = [self.kinematics.link_index[link] for link in chain_to(body, body.palm_link)]

    def bytes_per_world(self) -> int:
        """Nothing bends."""
        return 0

    def register(self, library: Library, worlds: int) -> None:
        """Adds the rigid meshes of the links, which all worlds share."""
        self._meshes = np.array([library.add_mesh(visual.mesh) for visual in self.robot.visuals])

    def draw(self, draws: SceneDraws) -> BodyPose:
        """Entries of the bank, turned about the first joint."""
        arm, axes = draws.arm, self.config.axes
        q = self.bank.q[arm.choice("bank_entry", self.bank.count)].copy()
        q[:, 0] += np.deg2rad(arm.uniform("yaw_deg", *axes.arm.yaw_deg))
        if not axes.hand.on:
            q[:, self.embodiment.arm_dof :] = self.embodiment.home[self.embodiment.arm_dof :]
        limits = self.embodiment.limits
        return self.pose(np.clip(q, limits[:, 0], limits[:, 1]))

    def pose(self, q: Array) -> BodyPose:
        """The pose of joint positions (n, joints) [rad]."""
        return pose_of(self.kinematics, q)

    def apply(self, table: SlotTable, slots: slice, pose: BodyPose, draws: SceneDraws) -> None:
        """The robot's meshes in its own colours, tinted."""
        tint = draws.tint
        brightness = tint.uniform("brightness", *tint.axis.brightness)
        hue = tint.uniform("hue", -tint.axis.hue, tint.axis.hue, 3)
        table.source[:, slots], table.scale[:, slots], table.gloss[:, slots] = self._meshes, 1.0, GLOSS
        table.colour[:, slots] = np.clip(self.visual_colours * (brightness[:, None] + hue)[:, None], 0, 1)
        self.set_pose(table, slots, pose)

    def set_pose(self, table: SlotTable, slots: slice, pose: BodyPose) -> None:
        """Moves each mesh with its link."""
        table.T[:, slots] = pose.T_world_link[:, self._visual_links] @ self._visual_poses

    def marks(self, table: SlotTable, slots: slice, pose: BodyPose) -> Array:
        """Keypoints from the poses of the links' meshes in the table."""
        T_world_link = pose.T_world_link.copy()
        T_world_link[:, self._visual_links] = table.T[:, slots] @ invert(self._visual_poses)
        return self.kinematics.keypoints(T_world_link)

    def mount(self, table: SlotTable, slot: int, top: Array) -> None:
        """The pedestal under the arm's base."""
        table.source[:, slot], table.texture[:, slot] = -1, -1
        table.scale[:, slot] = np.stack([np.full_like(top, 0.11), np.full_like(top, 0.1), (0.02 - top) / 2], 1)
        table.T[:, slot] = transform(None, np.stack([0 * top, 0 * top, (top - 0.02) / 2 - 1e-3], 1))
        table.colour[:, slot] = (0.42, 0.43, 0.45)

    def deform(self, pose: BodyPose) -> None:
        """Nothing bends."""

    def volume(self, pose: BodyPose) -> Array:
        """Link origins, points between them, and keypoints."""
        return body_points(pose.T_world_link, pose.keypoints_world[:, self.embodiment.present], self._chain)

    def palm(self, pose: BodyPose) -> Array:
        """T_world_palm (n, 4, 4)."""
        return pose.T_world_link[:, self._palm]

    def plan_grasp(self, scene: SceneBatch) -> ReachMotion | None:
        """See `bodies/robot/reach.py`."""
        return plan_grasp(self.robot, self.kinematics, scene)
