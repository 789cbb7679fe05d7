"""The emulator's one process and one event loop: physics, the controller's ports, the hand's line, the test access."""

import asyncio
import os
import pty
import time
import tty
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assets.robots import ROBOTS
from lace.core.errors import LaceError
from real_bridge.emulator.arm.controller import Controller
from real_bridge.emulator.arm.server import ArmServer
from real_bridge.emulator.command_log import CommandLog
from real_bridge.emulator.evidence import Witness
from real_bridge.emulator.faults import (
    ControllerError,
    ControllerWarning,
    DroppedConnection,
    EmergencyStop,
    Fault,
    FaultBoard,
    FrozenState,
    Overheating,
)
from real_bridge.emulator.leap import control_table
from real_bridge.emulator.leap.bus import Bus
from real_bridge.emulator.leap.motor import Drive, Motor
from real_bridge.emulator.scene import plain_scene
from real_bridge.emulator.simulated_devices import DT, MOTOR_JOINTS, SimulatedDevices
from sim_envs.physics.protocol import PhysicsScene

CATCH_UP = 25
"""Steps done in a row after a pause of the process (a busy machine): what is beyond is not made up for."""
MOVING_RAD_S = 0.02
"""A commanded joint speed above this counts as movement for fault plans [rad/s]."""
GUIDED_STIFFNESS, GUIDED_DAMPING, GUIDED_TORQUE = 4.0, 0.15, 0.95
"""With which a person bends a finger whose motor is off: as the simulated hand."""


class EmulatorError(LaceError):
    """The emulator cannot start, or did not."""


@dataclass(frozen=True)
class EmulatorConfig:
    """Where the emulator listens and what it starts with."""

    host: str = "127.0.0.1"
    """IPv4 address of the arm; its ports are fixed by the vendor, so another emulator needs another 127.x.y.z."""
    hand: Path | None = None
    """A link to make to the hand's serial device; its own name otherwise."""
    log: Path | None = None
    """File for every command that arrives, line by line as JSON."""
    seed: int = 0
    """Of everything random (which checksums break)."""
    hand_strength: float = 1.0
    """Torque of a motor's current, as a multiple of the XC330's."""


class Emulator:
    """The devices around one simulated cell; `run` serves them until it is cancelled."""

    def __init__(self, settings: EmulatorConfig, scene: PhysicsScene | None = None):
        self.settings = settings
        self.devices = SimulatedDevices(
            ROBOTS["xarm7_leap"](None), scene or plain_scene(ROBOTS["xarm7_leap"](None).embodiment)
        )
        self.faults, self.log = FaultBoard(self._begin_fault), CommandLog(settings.log)
        self.controller = Controller(self.devices.arm_positions)
        self.server = ArmServer(self.controller, self.faults, self.log)
        self.motors = [Motor(i, settings.hand_strength) for i in range(len(MOTOR_JOINTS))]
        self.bus = Bus(self.motors, self.faults, self.log, settings.seed)
        self.listening = asyncio.Event()
        """Set when all ports are open."""
        self.guided_fingers: np.ndarray | None = None
        """Where a person holds the fingers whose motors are off (16,) [rad] of the model."""
        self.start(self.devices.scene)
        self._master, self._slave = pty.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        self.hand_path = Path(os.ttyname(self._slave))

    def start(self, scene: PhysicsScene) -> None:
        """A scene from its beginning, all devices as after power-on: no faults, nothing latched, motors off."""
        self.devices.start_scene(scene)
        self.witness = Witness(self.devices)
        self.faults.clear()
        self.server.controller = self.controller = Controller(self.devices.arm_positions)
        self.controller.notify = self.server.notify
        for motor in self.motors:
            motor.__init__(motor.ident, motor.strength)
        self.guided_fingers = None
        self._sense_hand()

    async def run(self) -> None:
        """Serves until cancelled; EmulatorError where a port is taken or not allowed."""
        try:
            await self.server.open(self.settings.host)
        except OSError as error:
            raise EmulatorError(
                f"opening the arm's ports on {self.settings.host}", f"{error.strerror or error}",
                "ports 502, 503 and 30000 to 30003 free, and the right to open ports below 1024",
                "take another --host 127.x.y.z, or run as root or under `unshare -rn`",
            ) from error  # fmt: skip
        asyncio.get_running_loop().add_reader(self._master, self._hand_speaks)
        self._link_hand()
        self.listening.set()
        try:
            await self._step_forever()
        finally:
            asyncio.get_running_loop().remove_reader(self._master)
            await self.server.close()
            self.log.close()
            if self.settings.hand is not None:
                self.settings.hand.unlink(missing_ok=True)

    def _link_hand(self) -> None:
        link = self.settings.hand
        if link is not None:
            temporary = link.with_name(f"{link.name}.{os.getpid()}")
            temporary.symlink_to(self.hand_path)
            temporary.replace(link)

    async def _step_forever(self) -> None:
        due = time.monotonic()
        while True:
            for _ in range(CATCH_UP):
                if due > time.monotonic():
                    break
                self.step()
                due += DT
            else:
                due = time.monotonic()
            await asyncio.sleep(max(DT / 8, due - time.monotonic()))

    def step(self) -> None:
        """One control period of everything."""
        controller, devices = self.controller, self.devices
        frozen = self.faults.find(FrozenState)
        measured = controller.measured if frozen else devices.arm_positions
        controller.tick(measured, devices.arm_velocities, DT)
        controller.torque = devices.arm_torques
        devices.drive_hand([self._drive(motor) for motor in self.motors])
        state = devices.step(controller.command)
        controller.feel(float(state.robot_table_N), controller.settings.self_collision and devices.arm_touches_itself())
        self.witness.watch(state)
        self._sense_hand()
        moving = float(np.abs(controller.command_velocity).max()) > MOVING_RAD_S
        self.faults.tick(time.monotonic(), moving)

    def _drive(self, motor: Motor) -> Drive:
        drive = motor.drive()
        if self.guided_fingers is None or drive.max_torque > 0:
            return drive
        i = motor.ident
        goal = self.guided_fingers[i] + np.pi + self.devices.hand_offset[i]
        return Drive(float(goal), GUIDED_STIFFNESS, GUIDED_DAMPING, GUIDED_TORQUE)

    def _sense_hand(self) -> None:
        for motor, *measured in zip(self.motors, *self.devices.motor_states(), strict=True):
            motor.sense(*measured, DT)
        for fault in self.faults.all_of(Overheating):
            self.motors[fault.motor].temperature_c = fault.temperature_c

    def _begin_fault(self, fault: Fault) -> None:
        if isinstance(fault, ControllerError):
            self.controller.fault(fault.code)
        elif isinstance(fault, ControllerWarning):
            self.controller.warning = fault.code
        elif isinstance(fault, EmergencyStop):
            self.controller.press_emergency()
        elif isinstance(fault, DroppedConnection):
            self.server.drop_clients()
        elif isinstance(fault, Overheating):
            self.motors[fault.motor].shut_down(control_table.OVERHEATED)

    def release_emergency(self) -> None:
        """Releases the emergency button; the error stays until it is cleared."""
        self.controller.emergency = False
        self.faults.clear(EmergencyStop.kind)

    def _hand_speaks(self) -> None:
        with suppress(BlockingIOError):
            answer = self.bus.receive(os.read(self._master, 4096))
            if answer:
                os.write(self._master, answer)
