"""The hand alone on a vertical slide over an object: it descends open, closes and lifts."""

import mujoco
import numpy as np

from assets.robots.robot import Robot, collision_spec
from lace.core.embodiment import Embodiment
from lace.core.geometry import Array, quat_wxyz_from_rotation
from lace.core.grasp import Grasp
from lace.core.kinematics import Kinematics
from sim_envs.physics.mujoco import add_object, add_table
from sim_envs.physics.protocol import STEP_HZ, RigidObject

HOVER_M, LIFT_M = 0.12, 0.15
DOWN_S, CLOSE_S, UP_S, HOLD_S = 0.5, 0.7, 0.8, 0.4
FLANGE_Z = 0.13
"""Least height over the table of the arm's last link that leaves room for the wrist [m]."""


def T_palm_of(body: Embodiment, link: str) -> Array:
    """Pose (4, 4) of a link in the palm's frame, at joint angles zero."""
    kinematics = Kinematics(body)
    poses = kinematics.link_poses(np.zeros(len(body.joints)))
    return np.linalg.inv(poses[kinematics.link_index[body.palm_link]]) @ poses[kinematics.link_index[link]]


def _alone(robot: Robot) -> mujoco.MjSpec:
    """The robot's collision model with what belongs to the arm alone left out, and the arm's last joint held."""
    spec, body = collision_spec(robot), robot.embodiment
    hand_joints, last = set(body.joint_names[body.arm_dof :]), body.joints[body.arm_dof - 1]
    moved = {last.child} | {found.name for found in spec.body(last.child).find_all("body")}
    for actuator in [actuator for actuator in spec.actuators if actuator.target not in hand_joints]:
        spec.delete(actuator)
    for exclude in [pair for pair in spec.excludes if not {pair.bodyname1, pair.bodyname2} <= moved]:
        spec.delete(exclude)
    spec.delete(spec.joint(last.name))
    return spec


class HandOnSlide:
    """The hand over one object at one size."""

    def __init__(self, robot: Robot, hulls: tuple[Array, ...]):
        body = robot.embodiment
        self.hand_joints = list(body.joint_names[body.arm_dof :])
        hand, last = _alone(robot), body.joints[body.arm_dof - 1].child
        self.flange = T_palm_of(body, last)
        root = hand.body(last)
        root.pos, root.quat = self.flange[:3, 3], quat_wxyz_from_rotation(self.flange[:3, :3])
        spec = mujoco.MjSpec()
        spec.option.timestep, spec.option.impratio = 1 / STEP_HZ, 10
        spec.option.cone, spec.option.integrator = (
            mujoco.mjtCone.mjCONE_ELLIPTIC,
            mujoco.mjtIntegrator.mjINT_IMPLICITFAST,
        )
        slide = spec.worldbody.add_body(
            name="slide",
            mass=0.5,
            inertia=[0.01] * 3,
            explicitinertial=True,
            gravcomp=1,
        )
        slide.add_joint(name="slide", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[0, 0, 1], armature=5)
        motor = spec.add_actuator(name="slide", target="slide", trntype=mujoco.mjtTrn.mjTRN_JOINT)
        motor.set_to_position(kp=5000, kv=500)
        slide.add_frame().attach_body(root, "", "")
        add_table(spec, 0.0)
        add_object(spec, RigidObject("target", hulls, 1.0, 1.0, np.eye(4)))
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self._find()

    def _find(self) -> None:
        model = self.model
        self._qpos = np.array([model.joint(name).qposadr[0] for name in self.hand_joints])
        self._motors = np.array([model.actuator(name).id for name in self.hand_joints])
        self._lift, self._object = model.actuator("slide").id, int(model.joint("target").qposadr[0])
        self._slide, self._target = model.body("slide").id, model.body("target").id
        self._mass, self._inertia = model.body_mass[self._target], model.body_inertia[self._target].copy()
        owner = model.geom_bodyid
        self._target_geoms = np.flatnonzero(owner == self._target)
        self._is_hand = (owner != 0) & (owner != self._target)
        self._table = model.geom("table").id

    def start(self, grasp: Grasp, T_object: Array, mass_kg: float, friction: float) -> None:
        """The open hand over the object."""
        model, data = self.model, self.data
        mujoco.mj_resetData(model, data)
        R, position = grasp.T_table_palm[:3, :3], grasp.T_table_palm[:3, 3]
        model.body_quat[self._slide], model.body_pos[self._slide] = quat_wxyz_from_rotation(R), position
        model.jnt_axis[model.joint("slide").id] = R.T @ [0, 0, 1]
        model.body_mass[self._target], model.body_inertia[self._target] = mass_kg, self._inertia * mass_kg
        model.geom_friction[self._target_geoms, 0] = friction
        data.qpos[self._object : self._object + 3] = T_object[:3, 3]
        data.qpos[self._object + 3 : self._object + 7] = quat_wxyz_from_rotation(T_object[:3, :3])
        data.qpos[self._qpos] = data.ctrl[self._motors] = grasp.open
        data.qpos[0] = data.ctrl[self._lift] = HOVER_M

    def is_clear(self, grasp: Grasp) -> bool:
        """Whether the open hand descends without touching table or object, and the arm has clearance."""
        if (grasp.T_table_palm @ self.flange)[2, 3] < FLANGE_Z:
            return False
        self.start(grasp, np.eye(4), 0.1, 1.0)
        for height in (0.0, 0.03, 0.06, 0.09):
            self.data.qpos[0] = height
            mujoco.mj_kinematics(self.model, self.data)
            mujoco.mj_collision(self.model, self.data)
            if self._touches(-1e-3):
                return False
        return True

    def _touches(self, depth_m: float) -> bool:
        """Whether the hand touches anything else, or itself deeper than 2 mm."""
        contact = self.data.contact
        hand = self._is_hand[contact.geom]
        one = hand.any(1) & ~hand.all(1) & (contact.dist < depth_m)
        return bool(one.any() or (hand.all(1) & (contact.dist < -2e-3)).any())

    def lifts(self, grasp: Grasp) -> bool:
        """Runs the grasp from `start`; returns whether the object is lifted."""
        data = self.data
        z0 = data.qpos[self._object + 2]
        self._ramp(DOWN_S, HOVER_M, 0.0, grasp.open, grasp.open)
        contact = data.contact
        if (self._is_hand[contact.geom].any(1) & (contact.geom == self._table).any(1)).any():
            return False
        self._ramp(CLOSE_S, 0.0, 0.0, grasp.open, grasp.closed)
        self._ramp(UP_S / 2, 0.0, LIFT_M / 2, grasp.closed, grasp.closed)
        if data.qpos[self._object + 2] - z0 < LIFT_M / 4:
            return False
        self._ramp(UP_S / 2, LIFT_M / 2, LIFT_M, grasp.closed, grasp.closed)
        self._ramp(HOLD_S, LIFT_M, LIFT_M, grasp.closed, grasp.closed)
        return bool(data.qpos[self._object + 2] - z0 > 0.8 * LIFT_M)

    def _ramp(self, seconds: float, z0: float, z1: float, hand0: Array, hand1: Array) -> None:
        steps = int(seconds * STEP_HZ)
        for share in (np.arange(steps) + 1) / steps:
            self.data.ctrl[self._motors] = hand0 + share * (hand1 - hand0)
            self.data.ctrl[self._lift] = z0 + share * (z1 - z0)
            mujoco.mj_step(self.model, self.data)
