"""Which motor turns which joint of the LEAP Hand, and in what units; addresses of the XC330's control table.

The motors are numbered index 0-3, middle 4-7, ring 8-11, thumb 12-15, in each finger side, forward, PIP, DIP (the
maker's assembly guide). Our model lists forward before side. So joints and motors are matched by name alone.
"""

from dataclasses import dataclass

import numpy as np

from lace.core.geometry import Array

MOTOR_OF = {
    "leap_if_rot": 0,
    "leap_if_mcp": 1,
    "leap_if_pip": 2,
    "leap_if_dip": 3,
    "leap_mf_rot": 4,
    "leap_mf_mcp": 5,
    "leap_mf_pip": 6,
    "leap_mf_dip": 7,
    "leap_rf_rot": 8,
    "leap_rf_mcp": 9,
    "leap_rf_pip": 10,
    "leap_rf_dip": 11,
    "leap_th_cmc": 12,
    "leap_th_axl": 13,
    "leap_th_mcp": 14,
    "leap_th_ipl": 15,
}
"""Joint name -> motor id."""
SIDE_MOTORS = (0, 4, 8)
"""Motors that spread the fingers; the maker gives them softer gains."""

TICKS = 4096
"""Positions of one turn."""
ZERO_RAD = np.pi
"""Motor angle at joint angle zero: the makers assemble the hand with the motors in the middle of their turn."""
VELOCITY_UNIT = 0.229 * 2 * np.pi / 60
"""[rad/s] (XC330 manual, present velocity)."""
CURRENT_UNIT_A = 1e-3
"""[A] (XC330 manual, present current: about 1.0 mA)."""


@dataclass(frozen=True)
class Register:
    """One entry of the control table."""

    address: int
    size: int


MODE = Register(11, 1)
RETURN_DELAY = Register(9, 1)
TORQUE = Register(64, 1)
HARDWARE_ERROR = Register(70, 1)
GAIN_D, GAIN_I, GAIN_P = Register(80, 2), Register(82, 2), Register(84, 2)
CURRENT_LIMIT = Register(38, 2)
GOAL_CURRENT = Register(102, 2)
GOAL_POSITION = Register(116, 4)
STATUS = Register(116, 31)
"""From the goal position to the temperature: one read gives the command and the state of a motor."""

CURRENT_BASED_POSITION = 5
"""Operating mode: goes to a position with a capped current."""

HARDWARE_ERRORS = {0: "input voltage", 2: "overheating", 3: "encoder", 4: "electrical shock", 5: "overload"}
"""Bit of the hardware error status -> words (XC330 manual)."""


def ticks(angles: Array, zeros: Array) -> np.ndarray:
    """Motor positions (n,) of joint angles (n,) [rad]; ValueError outside one turn, where bytes would need stuffing."""
    values = np.round((np.asarray(angles, float) + zeros + ZERO_RAD) * TICKS / (2 * np.pi))
    if not np.isfinite(values).all() or (values < 0).any() or (values >= TICKS).any():
        raise ValueError(f"joint angles {angles} lie outside the motors' turn [rad]")
    return values.astype(int)


def angles(motor_ticks: Array, zeros: Array) -> Array:
    """Joint angles (n,) [rad] of motor positions (n,)."""
    return np.asarray(motor_ticks, float) * 2 * np.pi / TICKS - ZERO_RAD - zeros


def error_words(status: int) -> str:
    """A hardware error status in words."""
    return " and ".join(words for bit, words in HARDWARE_ERRORS.items() if status >> bit & 1) or f"status {status:#x}"
