"""The XC330's control table: addresses, sizes, access, ranges (ROBOTIS e-manual; ranges of XC330-M288 from memory).

Positions are 4096 ticks a turn, speeds 0.229 rpm, currents about 1 mA, temperatures whole degrees.
"""

from dataclasses import dataclass

MODEL_NUMBER, FIRMWARE_VERSION = 1240, 46
"""XC330-M288-T. Not confirmed on hardware."""
SIZE = 147
EEPROM_END = 64
"""Addresses below are locked while the torque is on."""
MAX_CURRENT = 1750
"""[mA]: the stall current of 1.8 A at 5 V, rounded as the table has it."""

IDENT, OPERATING_MODE, TEMPERATURE_LIMIT, CURRENT_LIMIT, MAX_POSITION, MIN_POSITION = 7, 11, 31, 38, 48, 52
TORQUE_ENABLE, STATUS_LEVEL, HARDWARE_ERROR, D_GAIN, I_GAIN, P_GAIN = 64, 68, 70, 80, 82, 84
BUS_WATCHDOG, GOAL_PWM, GOAL_CURRENT, GOAL_VELOCITY, GOAL_POSITION = 98, 100, 102, 104, 116
MOVING, PRESENT_CURRENT, PRESENT_VELOCITY, PRESENT_POSITION = 122, 126, 128, 132
PRESENT_VOLTAGE, PRESENT_TEMPERATURE = 144, 146
GOALS = (GOAL_PWM, GOAL_CURRENT, GOAL_VELOCITY, GOAL_POSITION)
WATCHDOG_UNIT_S, WATCHDOG_EXPIRED = 0.02, -1
POSITION_MODE, EXTENDED_MODE, CURRENT_POSITION_MODE = 3, 4, 5
OVERHEATED, OVERLOADED = 0x04, 0x20
"""Bits of the hardware error status."""


@dataclass(frozen=True)
class Field:
    """One row."""

    size: int
    writable: bool
    default: int
    low: int
    high: int


FIELDS: dict[int, Field] = {
    0: Field(2, False, MODEL_NUMBER, 0, 65535),
    2: Field(4, False, 0, 0, 0),
    6: Field(1, False, FIRMWARE_VERSION, 0, 255),
    IDENT: Field(1, True, 0, 0, 252),
    8: Field(1, True, 6, 0, 7),
    9: Field(1, True, 250, 0, 254),
    10: Field(1, True, 0, 0, 13),
    OPERATING_MODE: Field(1, True, 3, 0, 16),
    13: Field(1, True, 2, 1, 2),
    20: Field(4, True, 0, -1044479, 1044479),
    TEMPERATURE_LIMIT: Field(1, True, 70, 0, 100),
    32: Field(2, True, 70, 31, 70),
    34: Field(2, True, 35, 31, 70),
    36: Field(2, True, 885, 0, 885),
    CURRENT_LIMIT: Field(2, True, MAX_CURRENT, 0, MAX_CURRENT),
    44: Field(4, True, 445, 0, 2047),
    MAX_POSITION: Field(4, True, 4095, 0, 4095),
    MIN_POSITION: Field(4, True, 0, 0, 4095),
    63: Field(1, True, 0x34, 0, 63),
    TORQUE_ENABLE: Field(1, True, 0, 0, 1),
    65: Field(1, True, 0, 0, 1),
    STATUS_LEVEL: Field(1, True, 2, 0, 2),
    HARDWARE_ERROR: Field(1, False, 0, 0, 255),
    76: Field(2, True, 1600, 0, 16383),
    78: Field(2, True, 180, 0, 16383),
    D_GAIN: Field(2, True, 0, 0, 16383),
    I_GAIN: Field(2, True, 0, 0, 16383),
    P_GAIN: Field(2, True, 400, 0, 16383),
    88: Field(2, True, 0, 0, 16383),
    90: Field(2, True, 0, 0, 16383),
    BUS_WATCHDOG: Field(1, True, 0, -1, 127),
    GOAL_PWM: Field(2, True, 0, -885, 885),
    GOAL_CURRENT: Field(2, True, MAX_CURRENT, -MAX_CURRENT, MAX_CURRENT),
    GOAL_VELOCITY: Field(4, True, 0, -445, 445),
    108: Field(4, True, 0, 0, 32767),
    112: Field(4, True, 0, 0, 32767),
    GOAL_POSITION: Field(4, True, 0, -1048575, 1048575),
    120: Field(2, False, 0, 0, 32767),
    MOVING: Field(1, False, 0, 0, 1),
    123: Field(1, False, 0, 0, 255),
    124: Field(2, False, 0, -885, 885),
    PRESENT_CURRENT: Field(2, False, 0, -MAX_CURRENT, MAX_CURRENT),
    PRESENT_VELOCITY: Field(4, False, 0, -9999, 9999),
    PRESENT_POSITION: Field(4, False, 2048, -(2**31), 2**31 - 1),
    136: Field(4, False, 0, 0, 0),
    140: Field(4, False, 0, 0, 0),
    PRESENT_VOLTAGE: Field(2, False, 50, 0, 160),
    PRESENT_TEMPERATURE: Field(1, False, 32, 0, 100),
}
