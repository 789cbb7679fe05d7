"""The LEAP Hand in SI units: current-based position mode, motors found by joint name; our own client."""

import contextlib
import struct
import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np

from lace.core.errors import InvalidValueError
from lace.core.geometry import Array
from real_bridge.faults import DeviceFault
from real_bridge.hand import HandState
from real_bridge.leap_hand import motors
from real_bridge.leap_hand.motors import MOTOR_OF, SIDE_MOTORS
from real_bridge.leap_hand.serial_client import SerialClient

GAINS = {"P": 600, "I": 0, "D": 200}
SIDE_GAINS = {"P": 450, "I": 0, "D": 150}
"""As the hand's makers drive it (LEAP Hand API, README)."""
MOST_CURRENT_A = 0.55
"""The full hand's cap; the makers give 0.30 to 0.35 for the lite version."""
_STATUS = struct.Struct("<i6xhii8xhB")
"""STATUS: goal position, present current, velocity, position, voltage, temperature."""


class LeapHand:
    """Implements Hand."""

    def __init__(self, port: str, joint_names: Sequence[str], zeros: Mapping[str, float], patience_s: float = 0.1):
        """Opens the port and looks for the motors; moves nothing.

        Args:
            port: Serial port.
            joint_names: The hand's joints in the caller's order.
            zeros: Joint name -> motor angle beyond the nominal zero at joint angle zero [rad], from the calibration.
            patience_s: Longest wait for an answer [s]: see SerialClient.

        Raises:
            InvalidValueError: A joint that this hand does not have, or one that is missing.
            DeviceFault: The port or a motor does not answer.
        """
        if set(joint_names) != set(MOTOR_OF) or len(joint_names) != len(MOTOR_OF):
            raise InvalidValueError(
                "matching the hand's joints with its motors",
                f"the joints {list(joint_names)}",
                f"each once of {', '.join(MOTOR_OF)}",
                "use the embodiment that this hand belongs to",
            )
        self._names = tuple(joint_names)
        self._ids = [MOTOR_OF[name] for name in joint_names]
        self._zeros = np.array([zeros.get(name, 0.0) for name in joint_names])
        self._goals: dict[int, int] = {}
        self._gate, self._stopped = threading.Lock(), False
        self._commanded = False
        self._bus = SerialClient(port, patience_s)
        try:
            self.models = {name: self._bus.ping(motor) for name, motor in zip(self._names, self._ids, strict=True)}
        except DeviceFault:
            self._bus.close()
            raise

    def read(self) -> HandState:
        """See Hand."""
        found = self._bus.read_all(motors.STATUS, self._ids)
        rows = [found[motor] for motor in self._ids]
        goals, currents, velocities, positions, _volts, temperatures = zip(
            *(_STATUS.unpack(r) for r, _ in rows), strict=True
        )
        faults = [self._motor_fault(i) for i, (_row, alert) in enumerate(rows) if alert]
        lost = [self._names[i] for i, goal in enumerate(goals) if self._goals and goal != self._goals[self._ids[i]]]
        if lost and not faults:
            faults = [f"{', '.join(lost)}: the last goal did not arrive"]
        return HandState(
            motors.angles(np.array(positions), self._zeros),
            np.array(velocities) * motors.VELOCITY_UNIT,
            np.array(currents) * motors.CURRENT_UNIT_A,
            np.array(temperatures, float),
            time.monotonic(),
            "; ".join(faults),
        )

    def enable(self, current_cap_A: float) -> None:
        """See Hand."""
        if not 0 < current_cap_A <= MOST_CURRENT_A:
            raise InvalidValueError(
                "enabling the hand",
                f"a current cap of {current_cap_A} A",
                f"above 0 and at most {MOST_CURRENT_A} A",
                "choose a smaller one",
            )
        cap = round(current_cap_A / motors.CURRENT_UNIT_A)
        with self._gate:
            self._require_running()
            self._commanded = True
            for motor in self._ids:
                self._prepare(motor, cap)
            present = {
                m: _STATUS.unpack(row)[3] for m, (row, _alert) in self._bus.read_all(motors.STATUS, self._ids).items()
            }
            self._goals = {motor: int(np.clip(position, 0, motors.TICKS - 1)) for motor, position in present.items()}
            self._bus.write_all(motors.GOAL_POSITION, self._goals)
            for motor in self._ids:
                self._bus.write(motor, motors.TORQUE, 1)
            self._bus.write_all(motors.GOAL_POSITION, self._goals)
        fault = self.read().fault
        if fault:
            raise DeviceFault("enabling the hand", fault, "motors without errors that take goals", "look at the hand")

    def servo(self, positions: Array) -> None:
        """See Hand."""
        goals = dict(zip(self._ids, motors.ticks(positions, self._zeros).tolist(), strict=True))
        with self._gate:
            self._require_running()
            self._bus.write_all(motors.GOAL_POSITION, goals)
            self._goals = goals

    def freeze(self) -> None:
        """See Hand."""
        self._stopped = True

    def release(self) -> bool:
        """See Hand."""
        self._stopped = True
        with self._gate:
            self._bus.patience_s = 0.0  # sixteen silent motors must not hold up the end of the session
            left = list(self._ids)
            for _ in range(3):
                with contextlib.suppress(DeviceFault):  # first the one that needs no answer
                    self._bus.write_all(motors.TORQUE, dict.fromkeys(self._ids, 0))
                left = [motor for motor in left if not self._torque_off(motor)]
        return not left

    def close(self) -> None:
        """See Hand."""
        try:
            if self._commanded:  # who only looked does not drop what another program holds
                self.release()
        finally:
            self._commanded = False
            self._bus.close()

    def _prepare(self, motor: int, cap: int) -> None:
        """Torque off first: the mode is locked while it is on, and a change of mode resets gains and current."""
        gains, write = SIDE_GAINS if motor in SIDE_MOTORS else GAINS, self._bus.write
        write(motor, motors.TORQUE, 0)
        if self._bus.read(motor, motors.RETURN_DELAY):
            write(motor, motors.RETURN_DELAY, 0)
        write(motor, motors.MODE, motors.CURRENT_BASED_POSITION)
        wanted = {
            motors.GAIN_P: gains["P"],
            motors.GAIN_I: gains["I"],
            motors.GAIN_D: gains["D"],
            motors.GOAL_CURRENT: cap,
        }
        for register, value in wanted.items():
            write(motor, register, value)
        for register, value in {motors.MODE: motors.CURRENT_BASED_POSITION, **wanted}.items():
            there = self._bus.read(motor, register)
            if there != value:
                raise DeviceFault(
                    f"setting motor {motor} up",
                    f"register {register.address} holds {there}",
                    f"{value}",
                    "look at the motor",
                )

    def _motor_fault(self, index: int) -> str:
        status = self._bus.read(self._ids[index], motors.HARDWARE_ERROR)
        return f"{self._names[index]}: {motors.error_words(status)}"

    def _torque_off(self, motor: int) -> bool:
        try:
            self._bus.write(motor, motors.TORQUE, 0)
        except DeviceFault:
            return False
        return True

    def _require_running(self) -> None:
        if self._stopped:
            raise DeviceFault("moving the hand", "it was stopped", "a hand that was not stopped", "connect again")
