"""Keyboard guidance: keys move the palm along the base frame's axes and open and close the hand. Enter ends."""

import sys
from collections.abc import Callable

import numpy as np

from lace.core.geometry import Array, axis_angle
from lace.core.kinematics import Kinematics
from policies.primitives.ik import ArmIK
from real_bridge.record.guide import GUIDES, Goal, Guide, Site

STEP_M, TURN_RAD, SHARE = 0.008, 0.05, 0.08
"""What one press does; held keys repeat about 30 times a second."""
KEYS: dict[str, tuple[float, ...]] = {
    "w": (1, 0, 0, 0, 0), "s": (-1, 0, 0, 0, 0), "a": (0, 1, 0, 0, 0), "d": (0, -1, 0, 0, 0),
    "r": (0, 0, 1, 0, 0), "f": (0, 0, -1, 0, 0), "q": (0, 0, 0, 1, 0), "e": (0, 0, 0, -1, 0),
    "c": (0, 0, 0, 0, 1), "o": (0, 0, 0, 0, -1),
}  # fmt: skip
"""Key -> steps along x, y, z, about z, and of closing the hand."""
HELP = "w s: away, near   a d: left, right   r f: up, down   q e: turn   c o: close, open the hand   Enter: end"


class Keyboard:
    """Implements Guide."""

    commands = True

    def __init__(self, site: Site, read: Callable[[], str]):
        """Reads keys of a person.

        Args:
            site: The robot.
            read: The keys pressed since the last call.
        """
        self._body, self._kinematics = site.embodiment, Kinematics(site.embodiment)
        self._ik, self._read = ArmIK(site.xml_path, site.embodiment), read
        self._palm = self._kinematics.link_index[site.embodiment.palm_link]
        self._share, self._arm, self._hand = 0.0, np.zeros(0), np.zeros(0)

    def begin(self, arm: Array, hand: Array) -> None:
        """See Guide."""
        self._arm, self._hand = arm, hand
        self._T = self._kinematics.link_poses(np.concatenate([arm, hand]))[self._palm]

    def next(self, arm: Array, hand: Array, dt: float) -> Goal | None:
        """See Guide. A step that the arm cannot reach is not made."""
        keys = self._read()
        if "\n" in keys or "\r" in keys:
            return None
        moves = np.sum([KEYS[key] for key in keys if key in KEYS], axis=0) if any(k in KEYS for k in keys) else None
        if moves is None:
            return Goal(self._arm, self._hand)
        T = self._T.copy()
        T[:3, 3] += STEP_M * moves[:3]
        T[:3, :3] = axis_angle([0, 0, 1], TURN_RAD * moves[3]) @ T[:3, :3]
        found = self._ik.solve(T, self._arm) if np.any(moves[:4]) else self._arm
        if found is not None:
            self._arm, self._T = found, T
        if moves[4]:
            self._share = float(np.clip(self._share + SHARE * moves[4], 0, 1))
            self._hand = self._body.hand_at(self._share)
        return Goal(self._arm, self._hand)

    def close(self) -> None:
        """See Guide."""


class Terminal:
    """Keys of the terminal as they are pressed, without Enter; puts the terminal back when it ends."""

    def __init__(self):
        import termios
        import tty

        self._before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)

    def read(self) -> str:
        """What was pressed since the last call."""
        import os
        import select

        return os.read(sys.stdin.fileno(), 64).decode() if select.select([sys.stdin], [], [], 0)[0] else ""

    def close(self) -> None:
        """Restores the terminal."""
        import termios

        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)


class _AtTerminal(Keyboard):
    def __init__(self, site: Site):
        self._terminal = Terminal()
        super().__init__(site, self._terminal.read)
        print(HELP)

    def close(self) -> None:
        self._terminal.close()


def make_keyboard(site: Site) -> Guide:
    """`keyboard`: keys of the terminal."""
    return _AtTerminal(site)


GUIDES.add("keyboard", make_keyboard)
