"""The controller's state machine: modes, states, latched errors, the motion queue, and the next commanded position.

States: 1 moving, 2 ready, 3 paused, 4 stopped, 5 mode changed and not ready. Modes: 0 position, 1 servo, 2 hand-guided,
4 joint velocity, 5 tool velocity, 6 and 7 newest goal in joints and of the tool.
"""

from collections import deque
from collections.abc import Callable

import numpy as np

from lace.core.geometry import Array, transform
from real_bridge.emulator.arm import kinematics
from real_bridge.emulator.arm.kinematics import DOF, LIMITS, ToolKinematics
from real_bridge.emulator.arm.motions import (
    JointMove,
    LineMove,
    Pause,
    Request,
    Ticket,
    duration,
    line_duration,
)
from real_bridge.emulator.arm.settings import ControllerSettings

MOVING, READY, PAUSED, STOPPED, NOT_READY = 1, 2, 3, 4, 5
POSITION, SERVO, GUIDED, JOINT_VELOCITY, TOOL_VELOCITY, ONLINE_JOINTS, ONLINE_TOOL = 0, 1, 2, 4, 5, 6, 7
START, FINISH, TRIGGER = 1, 2, 4
DISCARDED = 2
ALL_MOTORS = 0x7F
MAX_JOINT_SPEED, MAX_TOOL_SPEED = np.pi, 1.0
"""[rad/s], [m/s]: the xArm7's data sheet."""
DEFAULT_JOINT_SPEED, DEFAULT_TOOL_SPEED = 0.35, 0.1
QUEUE = 2048
LIMIT_SLACK = 2e-3
"""Joint angles may be this far beyond a limit before C23 [rad]."""
E_STOP, KINEMATIC, SELF_COLLISION, JOINT_LIMIT, COLLISION, BOUNDARY = 2, 21, 22, 23, 31, 35
QUEUE_FULL, BAD_PARAMETER, UNKNOWN_COMMAND = 11, 12, 13
GUIDE_SPEED = 0.5
"""With which a person pushes the arm [rad/s]."""
TOOL_TURN_SPEED = 1.0
"""Of mode 7 [rad/s]: an assumption."""
COLLISION_N = {1: 120.0, 2: 90.0, 3: 60.0, 4: 45.0, 5: 30.0}
"""Force on the table at which C31 is raised, by sensitivity: assumptions around the simulated cell's 60 N."""


class Controller:
    """One arm. `tick` computes the next command; the other methods are requests of clients and events of the world."""

    def __init__(self, measured: Array, serial: str = "XI130506E8B1L0"):
        self.serial, self.settings = serial, ControllerSettings()
        self.mode, self.state, self.error, self.warning, self.enabled = POSITION, STOPPED, 0, 0, 0
        self.measured, self.velocity = measured.copy(), np.zeros(DOF)
        self.torque: Array = np.zeros(DOF)
        self.command, self.command_velocity = measured.copy(), np.zeros(DOF)
        self.queue: deque[Request] = deque()
        self.faults: list[tuple[int, int]] = []
        """(code, mode) of every error so far."""
        self.notify: Callable[[Ticket, int, int], None] = lambda ticket, event, code: None
        self.emergency = False
        """Whether the emergency button is pressed: nothing clears the error while it is."""
        self.guide: Array | None = None
        """Where a person pushes the arm while it is guided (7,) [rad]."""
        self.guide_speed = GUIDE_SPEED
        self._current: Request | None = None
        self._motion: JointMove | LineMove | Pause | None = None
        self._elapsed = self._time = 0.0
        self._goal: tuple[Array, float] | None = None
        self._speeds: Array | None = None
        self._speeds_end = 0.0
        self._count = 0
        self._braked: Array | None = None
        """Where the brakes hold the arm; None while its motors are on."""

    @property
    def tool(self) -> ToolKinematics:
        """Kinematics with the tool offset that is set."""
        return ToolKinematics(kinematics.from_xyz_rpy(self.settings.tool_offset))

    @property
    def waiting(self) -> int:
        """Motions in the queue and in hand."""
        return len(self.queue) + (self._current is not None)

    @property
    def ready(self) -> bool:
        """Whether a motion would be taken."""
        return self.state < STOPPED and not self.error and self.enabled == ALL_MOTORS

    # ---- what clients ask for

    def enable(self, mask: int, on: bool) -> None:
        """Motors on or off; stops, as documented."""
        self.enabled = self.enabled | mask if on else self.enabled & ~mask
        self.halt(STOPPED)

    def set_state(self, state: int) -> None:
        """0 makes ready, 3 pauses, 4 stops; ignored while an error is latched."""
        if state == 0 and not self.error:
            self.state = MOVING if self.waiting else READY
        elif state == PAUSED and self.state < PAUSED:
            self.state = PAUSED
        elif state == STOPPED:
            self.halt(STOPPED)

    def set_mode(self, mode: int) -> None:
        """A change of mode stops the arm and leaves it not ready."""
        if mode != self.mode:
            self.halt(NOT_READY if not self.error else STOPPED)
            self.mode = mode

    def clear_error(self) -> None:
        """Forgets the latched error, unless the emergency button is still pressed."""
        if not self.emergency:
            self.error = 0
        self.halt(STOPPED)

    def submit(self, request: Request) -> None:
        """Takes a motion into the queue, if motions are taken at all."""
        if not self.ready or self.mode not in (POSITION, 11):
            return
        if len(self.queue) >= QUEUE:
            self.warning = QUEUE_FULL
            return
        self._count += 1
        self.queue.append(request.numbered(self._count, self.settings.feedback))
        if self.state == READY:
            self.state = MOVING

    def servo(self, joints: Array) -> None:
        """A servo command: the arm goes there at once, only its speed is limited."""
        if not self.ready or self.mode != SERVO:
            return
        joints = np.where(np.isfinite(joints), joints, self.command)
        if self.violation(joints) == JOINT_LIMIT:
            self.fault(JOINT_LIMIT)
        else:
            self._goal, self.state = (joints, MAX_JOINT_SPEED), MOVING

    def servo_tool(self, T_base_tool: Array) -> None:
        """A servo command for the tool."""
        if not self.ready or self.mode != SERVO:
            return
        joints = self.tool.inverse(T_base_tool, self.command, 30)
        if joints is None:
            self.fault(KINEMATIC)
        else:
            self.servo(joints)

    def online(self, goal: Array, speed: float) -> None:
        """The newest goal of modes 6 (joints (7,)) and 7 (tool pose (4, 4))."""
        if self.ready:
            self._goal, self.state = (goal, speed), MOVING

    def move_at(self, speeds: Array, lasts_s: float) -> None:
        """Velocities of modes 4 (7,) [rad/s] and 5 (6,) [m/s, rad/s], which end after `lasts_s` unless that is 0.

        Those of the other mode have no effect.
        """
        if self.ready and {7: JOINT_VELOCITY, 6: TOOL_VELOCITY}[len(speeds)] == self.mode:
            self._speeds = speeds
            self._speeds_end = self._time + lasts_s if lasts_s > 0 else np.inf

    # ---- what the world does

    def fault(self, code: int) -> None:
        """Latches an error and stops; the first one counts."""
        if not self.error:
            self.error = code
            self.faults.append((code, self.mode))
            self.halt(STOPPED)

    def press_emergency(self) -> None:
        """The emergency button: stops, takes the motors' power, and holds the error until it is released."""
        self.emergency = True
        self.error = 0
        self.fault(E_STOP)
        self.enabled = 0

    def feel(self, table_N: float, self_contact: bool) -> None:
        """Contacts of this instant."""
        if table_N > COLLISION_N.get(self.settings.collision_sensitivity, np.inf):
            self.fault(COLLISION)
        elif self_contact and self.settings.self_collision:
            self.fault(SELF_COLLISION)

    def halt(self, state: int) -> None:
        """Drops every motion and notifies the clients that wait for one."""
        dropped = [self._current] if self._current is not None else []
        for request in [*dropped, *self.queue]:
            self._tell(request, FINISH, DISCARDED)
        self.queue.clear()
        self._current = self._motion = self._goal = self._speeds = None
        self.state = state

    def violation(self, joints: Array) -> int:
        """The error that these joint angles would raise, 0 for none."""
        low, high = (self.settings.reduced_joint_range if self.settings.reduced else LIMITS).T
        if (joints < low - LIMIT_SLACK).any() or (joints > high + LIMIT_SLACK).any():
            return JOINT_LIMIT
        watched = self.settings.fence or self.settings.reduced
        return BOUNDARY if watched and self.settings.outside(self.tool.tool(joints)[:3, 3]) else 0

    # ---- time

    def tick(self, measured: Array, velocity: Array, dt: float) -> None:
        """One control period: takes what was measured, sets `command` and `command_velocity`."""
        self.measured, self.velocity = measured, velocity
        self._time += dt
        before = self.command
        if self.enabled != ALL_MOTORS:
            if self._braked is None:
                self._braked = measured.copy()
            self.command = before = self._braked.copy()
        else:
            self._braked = None
            if self.state < PAUSED and not self.error:
                self._advance(dt)
        self.command_velocity = (self.command - before) / dt

    def _advance(self, dt: float) -> None:
        if self.mode in (POSITION, 11):
            self._run_queue(dt)
        elif self.mode == GUIDED and self.guide is not None:
            self._towards(self.guide, self.guide_speed, dt)
        elif self.mode in (SERVO, ONLINE_JOINTS) and self._goal is not None:
            self._towards(*self._goal, dt)
        elif self.mode == ONLINE_TOOL and self._goal is not None:
            self._tool_towards(*self._goal, dt)
        elif self.mode in (JOINT_VELOCITY, TOOL_VELOCITY) and self._speeds is not None:
            self._run_speeds(dt)

    def _run_queue(self, dt: float) -> None:
        if self._current is None and self.queue:
            self._current, self._elapsed = self.queue.popleft(), 0.0
            self._tell(self._current, START, 0)
            self._motion = self._plan(self._current)
        if self._motion is not None:
            self._elapsed += dt
            joints = self._motion.at(self._elapsed, self.command)
            self.fault(KINEMATIC) if joints is None else self._go(joints, dt)
            if self._motion is not None and self._current is not None and self._elapsed >= self._motion.duration_s:
                self._tell(self._current, FINISH, 0)
                self._current = self._motion = None
        if not self.error:
            self.state = MOVING if self.waiting else READY

    def _plan(self, request: Request) -> JointMove | LineMove | Pause | None:
        if request.joints is not None:
            goal = np.where(np.isfinite(request.joints), request.joints, 0 if request.relative else self.command)
            goal = goal + self.command if request.relative else goal
            if self.violation(goal) == JOINT_LIMIT:
                return self.fault(JOINT_LIMIT)
            limit = self.settings.reduced_joint_speed if self.settings.reduced else MAX_JOINT_SPEED
            speed = min(request.speed or DEFAULT_JOINT_SPEED, limit)
            time = duration(float(np.abs(goal - self.command).max()), speed, max(request.acceleration, 0.01))
            return JointMove(self.command.copy(), goal, time)
        if request.pose is not None:
            return self._plan_line(request, request.pose)
        return Pause(request.pause_s)

    def _plan_line(self, request: Request, pose: Array) -> LineMove | None:
        tool = self.tool
        start = tool.tool(self.command)
        goal = self._goal_pose(request, pose, start)
        if tool.inverse(goal, self.command) is None:
            return self.fault(KINEMATIC)
        limit = self.settings.reduced_tool_speed if self.settings.reduced else MAX_TOOL_SPEED
        speed = min(request.speed or DEFAULT_TOOL_SPEED, limit)
        return LineMove(start, goal, line_duration(start, goal, speed, max(request.acceleration, 1e-3)), tool)

    def _goal_pose(self, request: Request, pose: Array, start: Array) -> Array:
        matrix = kinematics.from_xyz_vector if request.as_vector else kinematics.from_xyz_rpy
        if request.relative or request.in_tool:
            change = matrix(np.where(np.isfinite(pose), pose, 0))
            return start @ change if request.in_tool else moved_in_base(start, change)
        here = kinematics.to_xyz_rpy(start)
        if request.as_vector:
            here[3:] = kinematics.rotation_vector(start[:3, :3])
        return matrix(np.where(np.isfinite(pose), pose, here))

    def _towards(self, goal: Array, speed: float, dt: float) -> None:
        gap = goal - self.command
        farthest = float(np.abs(gap).max())
        self._go(goal if farthest <= speed * dt else self.command + gap * speed * dt / farthest, dt)
        if not self.error:
            self.state = READY if np.allclose(self.command, goal, atol=1e-6) else MOVING

    def _tool_towards(self, goal: Array, speed: float, dt: float) -> None:
        tool = self.tool
        now = tool.tool(self.command)
        gap = goal[:3, 3] - now[:3, 3]
        turn = kinematics.rotation_vector(goal[:3, :3] @ now[:3, :3].T)
        shares = (speed * dt / max(np.linalg.norm(gap), 1e-12), TOOL_TURN_SPEED * dt / max(np.linalg.norm(turn), 1e-12))
        share = min(1.0, *shares)
        step = kinematics.from_xyz_vector(np.concatenate([share * gap, share * turn]))
        joints = tool.inverse(moved_in_base(now, step), self.command)
        if joints is None:
            self.fault(KINEMATIC)
            return
        self._go(joints, dt)
        if not self.error:
            self.state = READY if share >= 1 else MOVING

    def _run_speeds(self, dt: float) -> None:
        asked = self._speeds
        if asked is None or self._time > self._speeds_end:
            self._speeds, self.state = None, READY
            return
        speeds = asked
        if self.mode == TOOL_VELOCITY:
            J = self.tool.jacobian(self.command)
            speeds = J.T @ np.linalg.solve(J @ J.T + 1e-6 * np.eye(6), asked)
        self._go(self.command + speeds * dt, dt)
        if not self.error:
            self.state = MOVING if np.any(asked) else READY

    def _go(self, joints: Array, dt: float) -> None:
        """The next command, slowed to the speed limit; faults where it breaks a rule or is no number."""
        if not np.isfinite(joints).all():
            return self.fault(KINEMATIC)
        limit = self.settings.reduced_joint_speed if self.settings.reduced else MAX_JOINT_SPEED
        step = joints - self.command
        farthest = float(np.abs(step).max())
        if farthest > limit * dt * 1.001:
            joints = self.command + step * limit * dt / farthest
        code = self.violation(joints)
        if code:
            self.fault(code)
        else:
            self.command = np.array(joints, float)

    def _tell(self, request: Request, event: int, code: int) -> None:
        if request.ticket.feedback & event:
            self.notify(request.ticket, event, code)


def moved_in_base(T: Array, change: Array) -> Array:
    """`T` shifted and turned in place by `change` (4, 4), both seen in the base frame."""
    return transform(change[:3, :3] @ T[:3, :3], T[:3, 3] + change[:3, 3])
