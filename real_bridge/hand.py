"""Interface of a hand driver: joint positions by name in and out, in SI units."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from lace.core.geometry import Array
from lace.core.registry import Registry


@dataclass(frozen=True)
class HandState:
    """One complete reading of all motors; arrays in the order of the requested joints."""

    positions: Array
    """(joints,) measured [rad]."""
    velocities: Array
    """(joints,) measured [rad/s]."""
    currents_A: Array
    """(joints,) measured, signed [A]."""
    temperatures_C: Array
    """(joints,) [degrees Celsius]."""
    stamp_s: float
    """Monotonic clock when the reading had arrived [s]."""
    fault: str = ""
    """Fault of a motor in words ("leap_if_pip: overload"); "" if there is none."""


@runtime_checkable
class Hand(Protocol):
    """One hand, one commander. Methods raise DeviceFault."""

    def read(self) -> HandState:
        """A new reading; never a cached value."""
        ...

    def enable(self, current_cap_A: float) -> None:
        """Sets mode, gains and current cap, reads them back, and switches the torque on with the goals where it is."""
        ...

    def servo(self, positions: Array) -> None:
        """Sends goals (joints,) [rad]. Refused after `freeze` or `release`."""
        ...

    def freeze(self) -> None:
        """Sends no further goals; the motors hold with their capped current. From any thread; never raises."""
        ...

    def release(self) -> bool:
        """Torque off on every motor; True once each of them has confirmed it. From any thread; never raises."""
        ...

    def close(self) -> None:
        """Switches the torque off if this object has enabled it, and frees the port; may be called twice."""
        ...


@dataclass(frozen=True)
class HandKind:
    """How to connect to one kind of hand."""

    connect: Callable[[str, Sequence[str], Mapping[str, float], float], Hand]
    """From the port, the names of the joints in the caller's order, each joint's calibrated zero by name [rad], and how
    long an answer may be in coming [s]."""
    releaser: str
    """ "module:function" of a function (port) that takes the torque away by the standard library alone."""


HANDS: Registry[HandKind] = Registry("hand", "lace.drivers:hand")
