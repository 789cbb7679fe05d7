"""Interface of an arm driver: joint positions in and out, in SI units; every reading is a new query."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol, runtime_checkable

import numpy as np

from lace.core.geometry import Array
from lace.core.limits import Within
from lace.core.registry import Registry


@dataclass(frozen=True)
class ArmState:
    """One complete reading of the arm."""

    positions: Array
    """(joints,) measured [rad]."""
    velocities: Array
    """(joints,) measured [rad/s]."""
    T_base_flange: Array
    """(4, 4) tool centre point as the controller computes it; the flange if no tool is set [m]."""
    stamp_s: float
    """Monotonic clock when the query was sent [s]: a lower bound of the reading's time."""
    span_s: float = 0.0
    """Duration of the query [s]: an upper bound of the time between joints and pose."""
    fault: str = ""
    """Why the arm cannot move, in words; "" if it is ready or only not enabled."""
    ready: bool = False
    """Whether the arm accepts commands: enabled, in servo mode, no error."""


@dataclass(frozen=True)
class ArmSetup:
    """Settings that are written to the arm's controller before motion."""

    load_kg: Annotated[float, Within(0, 20)] = 0.7
    """Mass of the hand with its mount: the LEAP Hand's maker gives 0.595 kg without; weigh yours."""
    load_centre_m: Annotated[tuple[float, float, float], Within(-1, 1)] = (0.0, 0.0, 0.08)
    """Its centre of mass in the flange's frame [m]."""
    collision_sensitivity: Annotated[int, Within(0)] = 3
    """0 to 5 on UFACTORY arms; 0 would switch the detection off and is refused."""
    fence_low_m: Annotated[tuple[float, float, float], Within(-10, 10)] = (-0.25, -0.70, -0.10)
    fence_high_m: Annotated[tuple[float, float, float], Within(-10, 10)] = (0.85, 0.70, 1.00)
    """Box in which the controller itself keeps the flange, in addition to our own check [m]."""


@runtime_checkable
class Arm(Protocol):
    """One arm, one commander. Methods raise DeviceFault; only `clear` clears an error."""

    def read(self) -> ArmState:
        """A new reading; never a cached value."""
        ...

    def enable(self, setup: ArmSetup) -> None:
        """Configures the controller, switches to servo mode and reads both back.

        Raises:
            DeviceFault: An error is latched, or the controller is not ready afterwards.
        """
        ...

    def servo(self, positions: Array) -> None:
        """Sends one step: joint positions (joints,) [rad] for the next period. Refused after `stop`."""
        ...

    def stop(self) -> bool:
        """Stops all motion over a separate connection, from any thread; True once the controller reports standstill.

        Never raises and never waits for a running command. Afterwards `servo` and `enable` raise.
        """
        ...

    def clear(self) -> None:
        """Clears latched errors and warnings. Called only by `lace bridge clear`, after a person has confirmed."""
        ...

    def close(self) -> None:
        """Stops the arm if this object has enabled it, and frees the connection; may be called twice."""
        ...


@dataclass(frozen=True)
class ArmKind:
    """How to connect to one kind of arm."""

    connect: Callable[[str, float], Arm]
    """Called with the address and the longest wait for an answer [s]."""
    stopper: str
    """ "module:function" of a function (address) -> object with `stop() -> bool` and `close()`, which needs nothing but
    the standard library: the watchdog, a separate process, stops the arm by it (`real_bridge.stoppers.named`)."""
    joints: int
    embodiment: str
    """Of assets.robots.ROBOTS: the robot whose first joints these are."""


ARMS: Registry[ArmKind] = Registry("arm", "lace.drivers:arm")


def require_joints(positions: Array, count: int) -> Array:
    """`positions` as (count,) finite floats in the range of radians, else ValueError; drivers check with it."""
    q = np.asarray(positions, float)
    if q.shape != (count,) or not np.isfinite(q).all() or np.abs(q).max() > 2 * np.pi + 0.01:
        raise ValueError(f"an arm of {count} joints takes {count} finite angles within a turn [rad], not {positions}")
    return q
