"""One motor: its memory, the rules for writing to it, and the torque law of its joint."""

from dataclasses import dataclass

import numpy as np

from real_bridge.emulator.leap import control_table as table
from real_bridge.emulator.leap.control_table import FIELDS

TICKS_PER_RAD = 4096 / (2 * np.pi)
RPM_UNIT = 0.229
"""Speed unit [rpm]."""
TORQUE_PER_A = 0.95 / 1.75
"""[N m / A]: the simulated hand's largest torque (XC330-M288 stall torque) at the largest current."""
STIFFNESS_PER_P, DAMPING_PER_D = 4.0 / 600, 0.15 / 200
"""Gains of the simulated joint [N m / rad], [N m s / rad] per unit of the P and D registers: at LEAP's own gains of 600
and 200 the joint is as stiff as the simulated hand's. An assumption; the real one runs through the motor's voltage."""
DEFAULT_DAMPING = 0.05
"""Of a motor whose D gain is 0: its gearbox's [N m s / rad]. An assumption."""
AMBIENT_C, HEATING_C_PER_A2, SETTLES_S = 30.0, 40.0, 300.0
"""Temperature: what a current of 1 A adds in the long run, and how long that takes. Assumptions."""
WATCHDOG, LENGTH, RANGE, ACCESS = 4, 5, 6, 7
"""Error numbers of status packets."""


@dataclass(frozen=True)
class Drive:
    """What a motor does to its joint."""

    goal: float
    """[rad] in the motor's own angle, where tick 0 is 0."""
    stiffness: float
    damping: float
    max_torque: float
    """0 where the torque is off."""


class Motor:
    """A motor on the bus; the simulation sets its measured position."""

    def __init__(self, ident: int, strength: float = 1.0):
        self.ident, self.strength, self.temperature_c = ident, strength, AMBIENT_C
        self._torque_per_A = strength * TORQUE_PER_A
        self.memory = bytearray(table.SIZE)
        self.silence_s = 0.0
        """Since the last instruction on the bus."""
        self._drive: Drive | None = None
        self.registered: tuple[int, bytes] | None = None
        """A write that waits for the ACTION instruction."""
        for address, field in FIELDS.items():
            self.put(address, field.default)
        self.put(table.IDENT, ident)

    def reboot(self) -> None:
        """Resets to the state after power-on: EEPROM and measurements stay, the rest takes its defaults."""
        measured = self.get(table.PRESENT_POSITION)
        for address, field in FIELDS.items():
            if address >= table.EEPROM_END:
                self.put(address, field.default)
        self.put(table.PRESENT_POSITION, measured)
        self.put(table.GOAL_POSITION, measured)

    def put(self, address: int, value: int) -> None:
        """Sets a field without checking write access."""
        size = FIELDS[address].size
        if address < table.MOVING:  # beyond lies what is measured
            self._drive = None
        self.memory[address : address + size] = (int(value) & (256**size - 1)).to_bytes(size, "little")

    def get(self, address: int) -> int:
        """A field; signed where its range is."""
        field = FIELDS[address]
        return int.from_bytes(self.memory[address : address + field.size], "little", signed=field.low < 0)

    @property
    def alert(self) -> int:
        """Bit that every status packet carries while there is a hardware error."""
        return 0x80 if self.memory[table.HARDWARE_ERROR] else 0

    def read(self, address: int, size: int) -> bytes | None:
        """Bytes of the memory, None beyond its end."""
        return bytes(self.memory[address : address + size]) if address + size <= table.SIZE else None

    def write(self, address: int, data: bytes) -> int:
        """Writes fields in a row; the error number, 0 for none. What comes before a fault is written."""
        while data:
            field = FIELDS.get(address)
            locked = address < table.EEPROM_END and self.memory[table.TORQUE_ENABLE]
            if field is None or not field.writable or locked:
                return ACCESS
            if len(data) < field.size:
                return LENGTH
            value = int.from_bytes(data[: field.size], "little", signed=field.low < 0)
            if address in table.GOALS and self.get(table.BUS_WATCHDOG) == table.WATCHDOG_EXPIRED:
                return WATCHDOG
            if not self._in_range(address, value):
                return RANGE
            self._set(address, value)
            address, data = address + field.size, data[field.size :]
        return 0

    def _in_range(self, address: int, value: int) -> bool:
        low, high = FIELDS[address].low, FIELDS[address].high
        if address == table.BUS_WATCHDOG:
            low = 0
        if address == table.GOAL_POSITION and self.get(table.OPERATING_MODE) == table.POSITION_MODE:
            low, high = self.get(table.MIN_POSITION), self.get(table.MAX_POSITION)
        if address == table.GOAL_CURRENT:
            low, high = -self.get(table.CURRENT_LIMIT), self.get(table.CURRENT_LIMIT)
        return low <= value <= high

    def _set(self, address: int, value: int) -> None:
        if address == table.OPERATING_MODE:  # X series: a new mode takes the default gains and goals (e-manual)
            for reset in (table.P_GAIN, table.I_GAIN, table.D_GAIN):
                self.put(reset, FIELDS[reset].default)
            self.put(table.GOAL_CURRENT, self.get(table.CURRENT_LIMIT))
        if address == table.TORQUE_ENABLE and self.memory[table.HARDWARE_ERROR]:
            value = 0  # a motor that is shut down stays so until it is rebooted
        self.put(address, value)
        if address in (table.OPERATING_MODE, table.TORQUE_ENABLE):
            self.put(table.GOAL_POSITION, self.get(table.PRESENT_POSITION))

    def drive(self) -> Drive:
        """What it does now."""
        if self._drive is None:
            self._drive = self._read_drive()
        return self._drive

    def _read_drive(self) -> Drive:
        mode, on = self.get(table.OPERATING_MODE), bool(self.memory[table.TORQUE_ENABLE])
        moves = on and mode in (table.POSITION_MODE, table.EXTENDED_MODE, table.CURRENT_POSITION_MODE)
        limited = mode == table.CURRENT_POSITION_MODE
        current = abs(self.get(table.GOAL_CURRENT if limited else table.CURRENT_LIMIT)) / 1000
        return Drive(
            self.get(table.GOAL_POSITION) / TICKS_PER_RAD,
            self.get(table.P_GAIN) * STIFFNESS_PER_P,
            max(self.get(table.D_GAIN) * DAMPING_PER_D, DEFAULT_DAMPING),
            current * self._torque_per_A if moves else 0.0,
        )

    def sense(self, angle: float, speed: float, torque: float, dt: float) -> None:
        """What the simulation measured: [rad], [rad/s], [N m]; heats and shuts down where it must."""
        current = torque / self._torque_per_A
        self.put(table.PRESENT_POSITION, round(angle * TICKS_PER_RAD))
        self.put(table.PRESENT_VELOCITY, round(speed * 60 / (2 * np.pi) / RPM_UNIT))
        self.put(table.PRESENT_CURRENT, round(1000 * current))
        self.put(table.MOVING, abs(speed) > 0.05)
        settled = AMBIENT_C + HEATING_C_PER_A2 * current**2
        self.temperature_c += (settled - self.temperature_c) * dt / SETTLES_S
        self.put(table.PRESENT_TEMPERATURE, min(round(self.temperature_c), 100))
        self._watch_bus(dt)
        if self.temperature_c > self.get(table.TEMPERATURE_LIMIT):
            self.shut_down(table.OVERHEATED)

    def _watch_bus(self, dt: float) -> None:
        """Stops where it is when the bus has been silent longer than the watchdog allows (e-manual, "Bus Watchdog")."""
        self.silence_s += dt
        allowed = self.get(table.BUS_WATCHDOG) * table.WATCHDOG_UNIT_S
        if allowed > 0 and self.silence_s > allowed:
            self.put(table.BUS_WATCHDOG, table.WATCHDOG_EXPIRED)
            self.put(table.GOAL_POSITION, self.get(table.PRESENT_POSITION))

    def shut_down(self, bit: int) -> None:
        """A hardware error: the torque goes off."""
        self.put(table.HARDWARE_ERROR, self.memory[table.HARDWARE_ERROR] | bit)
        self.put(table.TORQUE_ENABLE, 0)
