"""The simulated cell of the emulator: one MuJoCo world that is moved by the emulated controller and motors."""

import mujoco
import numpy as np

from assets.robots.robot import Robot
from lace.core.geometry import Array
from real_bridge.emulator.leap.motor import Drive
from sim_envs.physics.mujoco import MujocoPhysics
from sim_envs.physics.protocol import STEP_HZ, PhysicsScene, WorldState

DT = 1 / STEP_HZ
"""One step: the control period of the arm, and of the physics with which the grasps were found [s]."""
SMOOTH_S = 0.02
"""Time constant of the two low-pass filters of the arm's commands [s]: servo commands arrive one by one, each a step,
and a real controller moves smoothly through them. Unsmoothed steps and their speed, as feed-forward, shook the arm so
that a hand capped to 0.19 N m lost what it held. An assumption."""
HAND_ZERO = np.pi
"""A LEAP motor stands at this angle where the model's joint is at 0 [rad] (LEAP_Hand_API)."""
FINGER_MOTORS = tuple(
    f"leap_{finger}_{joint}" for finger in ("if", "mf", "rf") for joint in ("rot", "mcp", "pip", "dip")
)
MOTOR_JOINTS = (*FINGER_MOTORS, "leap_th_cmc", "leap_th_axl", "leap_th_mcp", "leap_th_ipl")
"""The model's joint of each motor 0 to 15: the maker counts sideways before forward, the model the other way round."""


class SimulatedDevices:
    """One robot over one scene. All arrays of arm joints are (7,), of hand joints in the order of the motors (16,)."""

    def __init__(self, robot: Robot, scene: PhysicsScene):
        self.robot = robot
        self._physics = MujocoPhysics(robot)
        self.hand_offset: Array = np.zeros(len(MOTOR_JOINTS))
        """How far each motor's zero is off what it should be [rad]: for tests of the calibration."""
        self.start_scene(scene)

    def start_scene(self, scene: PhysicsScene) -> None:
        """Starts a scene with everything at its initial pose, at rest."""
        self.scene = scene
        self._world = self._physics.world(scene)
        model, body = self._world.model, self.robot.embodiment
        self._arm = np.array([model.joint(name).qposadr[0] for name in body.joint_names[: body.arm_dof]])
        self._hand = np.array([model.joint(name).qposadr[0] for name in MOTOR_JOINTS])
        actuator = {model.actuator_trnid[a, 0]: a for a in range(model.nu)}
        self._arm_actuators = np.array([actuator[model.joint(n).id] for n in body.joint_names[: body.arm_dof]])
        self._hand_actuators = np.array([actuator[model.joint(n).id] for n in MOTOR_JOINTS])
        model.actuator_ctrllimited[self._hand_actuators] = 0
        model.actuator_forcelimited[self._hand_actuators] = 1
        gains = model.actuator_gainprm[self._arm_actuators, 0], model.actuator_biasprm[self._arm_actuators, 2]
        self._lead_s = -gains[1] / gains[0]
        """With this much of its speed added a moving target is followed without lag [s]."""
        self._arm_ids = {model.body(link).id for link in body.links if link not in body.hand_links}
        self._smooth = np.tile(self._world.data.qpos[self._arm], (2, 1))
        self.state = self._world.state()

    @property
    def time_s(self) -> float:
        """Simulated time since the scene began."""
        return float(self._world.data.time)

    @property
    def arm_positions(self) -> Array:
        """[rad]."""
        return self._world.data.qpos[self._arm].copy()

    @property
    def arm_velocities(self) -> Array:
        """[rad/s]; the robot's joints are hinges, so velocities lie where positions do."""
        return self._world.data.qvel[self._arm].copy()

    @property
    def arm_torques(self) -> Array:
        """Torques that contacts put on the joints [N m]."""
        return self._world.data.qfrc_constraint[self._arm].copy()

    @property
    def joint_positions(self) -> Array:
        """(23,) in the embodiment's order [rad]."""
        return self.state.joint_positions

    def motor_states(self) -> tuple[Array, Array, Array]:
        """Angles as the motors see them [rad], speeds [rad/s] and torques [N m], each (16,)."""
        data = self._world.data
        angles = data.qpos[self._hand] + HAND_ZERO + self.hand_offset
        return angles, data.qvel[self._hand].copy(), data.actuator_force[self._hand_actuators].copy()

    def drive_hand(self, drives: list[Drive]) -> None:
        """What the motors do until the next call."""
        model, data, which = self._world.model, self._world.data, self._hand_actuators
        on = np.array([drive.max_torque > 0 for drive in drives])
        stiffness = np.array([drive.stiffness for drive in drives]) * on
        model.actuator_gainprm[which, 0], model.actuator_biasprm[which, 1] = stiffness, -stiffness
        model.actuator_biasprm[which, 2] = -np.array([drive.damping for drive in drives]) * on
        limit = np.array([drive.max_torque for drive in drives])
        model.actuator_forcerange[which] = np.stack([-limit, limit], 1)
        data.ctrl[which] = np.array([drive.goal for drive in drives]) - HAND_ZERO - self.hand_offset

    def step(self, arm_command: Array) -> WorldState:
        """One step towards the arm command [rad]; a command of constant speed is followed without lag."""
        once, twice = self._smooth
        once += (arm_command - once) * DT / SMOOTH_S
        speed = (once - twice) / SMOOTH_S
        twice += speed * DT
        self._world.data.ctrl[self._arm_actuators] = twice + (self._lead_s + 2 * SMOOTH_S) * speed
        mujoco.mj_step(self._world.model, self._world.data)
        self.state = self._world.state()
        return self.state

    def arm_touches_itself(self) -> bool:
        """Whether a link of the arm presses on another link of the robot."""
        model, contact = self._world.model, self._world.data.contact
        pairs = model.geom_bodyid[contact.geom[contact.efc_address >= 0]]
        robot = len(self.robot.embodiment.links)
        return any((pair <= robot).all() and (pair > 0).all() and self._arm_ids & set(pair.tolist()) for pair in pairs)
