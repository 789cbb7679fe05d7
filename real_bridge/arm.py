"""What an arm of the bridge is: joint positions in, joint positions out, in SI units, every reading asked for anew."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from lace.core.geometry import Array
from lace.core.registry import Registry


@dataclass(frozen=True)
class ArmState:
    """One reading of the arm, complete or not there at all."""

    positions: Array
    """(joints,) measured [rad]."""
    velocities: Array
    """(joints,) measured [rad/s]."""
    T_base_flange: Array
    """(4, 4) where the controller itself believes its tool centre point to be; the flange where no tool is set [m]."""
    stamp_s: float
    """Monotonic clock when the reading was asked for [s]: it is not older than that."""
    span_s: float = 0.0
    """How long the reading took [s]: joints and pose may be so far apart in time."""
    fault: str = ""
    """What keeps the arm from moving, in words; "" where it is ready or merely not enabled."""
    ready: bool = False
    """Whether the arm would follow a command now: enabled, in the servo mode, no error."""


@dataclass(frozen=True)
class ArmSetup:
    """What the arm's controller is told before it may move."""

    load_kg: float = 0.7
    """Mass of the hand with its mount: the LEAP Hand's maker gives 0.595 kg without; weigh yours."""
    load_centre_m: tuple[float, float, float] = (0.0, 0.0, 0.08)
    """Its centre of mass in the flange's frame [m]."""
    collision_sensitivity: int = 3
    """0 to 5 on UFACTORY arms; 0 would switch the detection off and is refused."""
    fence_low_m: tuple[float, float, float] = (-0.25, -0.70, -0.10)
    fence_high_m: tuple[float, float, float] = (0.85, 0.70, 1.00)
    """Box that the controller itself keeps the flange in, a second line behind ours [m]."""


@runtime_checkable
class Arm(Protocol):
    """One arm, one commander. Methods raise DeviceFault; only `clear` clears an error."""

    def read(self) -> ArmState:
        """A reading asked for now; never a value kept from before."""
        ...

    def enable(self, setup: ArmSetup) -> None:
        """Sets the controller up and puts it into the servo mode, then reads back that it is.

        Raises:
            DeviceFault: An error is latched, or the controller is not ready afterwards.
        """
        ...

    def servo(self, positions: Array) -> None:
        """Sends one step: joint positions (joints,) [rad] for the next period. Refused after `stop`."""
        ...

    def stop(self) -> bool:
        """Stops all motion by a way of its own, from any thread; True once the controller says that it stands.

        Never raises, never waits for a command under way. Afterwards `servo` and `enable` refuse.
        """
        ...

    def clear(self) -> None:
        """Clears latched errors and warnings. For `lace bridge clear`, after a person's word; never called by a run."""
        ...

    def close(self) -> None:
        """Stops if it was ever enabled from here, and frees the connection; may be called twice."""
        ...


@dataclass(frozen=True)
class ArmKind:
    """How arms of one kind are reached."""

    connect: Callable[[str, float], Arm]
    """From the address, and how long an answer may be in coming [s]."""
    stopper: str
    """ "module:function" of a function (address) -> object with `stop() -> bool` and `close()`, which needs nothing but
    the standard library: the guardian, a process of its own, stops the arm by it (`real_bridge.stoppers.named`)."""
    joints: int
    embodiment: str
    """Of assets.robots.ROBOTS: the robot whose first joints these are."""


ARMS: Registry[ArmKind] = Registry("arm", "lace.drivers:arm")


def require_joints(positions: Array, count: int) -> Array:
    """`positions` as (count,) finite floats that look like radians, else ValueError: a driver's last look."""
    q = np.asarray(positions, float)
    if q.shape != (count,) or not np.isfinite(q).all() or np.abs(q).max() > 2 * np.pi + 0.01:
        raise ValueError(f"an arm of {count} joints takes {count} finite angles within a turn [rad], not {positions}")
    return q
