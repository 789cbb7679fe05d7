"""All inputs and outputs of the cell, as one interface, so that a run can be recorded and replayed."""

import time
import zlib
from typing import Protocol

import numpy as np

from lace.core.geometry import Array
from policies.cell import Evidence
from real_bridge.arm import ArmState
from real_bridge.cameras.camera import Camera, Frame
from real_bridge.hand import HandState
from real_bridge.operator import Operator
from real_bridge.rig import Rig
from real_bridge.safety.watch import Sight


class Ports(Protocol):
    """Readings in, commands out. The cell's decisions are a function of the readings."""

    def now(self) -> float:
        """Monotonic clock [s]."""
        ...

    def stopped(self) -> str:
        """Why the session was stopped, "" while it runs."""
        ...

    def permitted(self) -> bool:
        """Whether the operator lets the arm move at this moment."""
        ...

    def arm(self) -> ArmState:
        """A reading of the arm."""
        ...

    def hand(self) -> HandState:
        """A reading of the hand."""
        ...

    def sight(self) -> Sight:
        """What the watch needs of the newest frame."""
        ...

    def frame(self) -> Frame:
        """The newest frame."""
        ...

    def evidence(self) -> Evidence:
        """State of the target, as the operator reports it."""
        ...

    def move(self, arm: Array, hand: Array | None) -> None:
        """Sends one step [rad]; None leaves the hand's goals as they are."""
        ...

    def rest(self) -> None:
        """Marks the end of a motion: the next step may come much later."""
        ...

    def wait(self, until_s: float) -> None:
        """Waits until the clock shows `until_s`."""
        ...

    def stop(self, reason: str) -> None:
        """Stops immediately and permanently; never raises."""
        ...

    def fault(self, reason: str) -> None:
        """Latches a fault on disk, which outlives the program."""
        ...


class LivePorts:
    """Implements Ports on devices."""

    def __init__(self, rig: Rig, camera: Camera, operator: Operator):
        self._rig, self._camera, self._operator = rig, camera, operator
        self._sight: Sight | None = None

    def now(self) -> float:
        """See Ports."""
        return time.monotonic()

    def stopped(self) -> str:
        """See Ports."""
        return self._rig.latch.reason

    def permitted(self) -> bool:
        """See Ports."""
        return self._operator.permits()

    def arm(self) -> ArmState:
        """See Ports."""
        return self._rig.arm.read()

    def hand(self) -> HandState:
        """See Ports."""
        return self._rig.hand.read()

    def sight(self) -> Sight:
        """See Ports."""
        frame = self._camera.newest()
        if self._sight is None or frame.number != self._sight.number or frame.stamp_s != self._sight.stamp_s:
            self._sight = sight_of(frame)
        return self._sight

    def frame(self) -> Frame:
        """See Ports."""
        return self._camera.newest()

    def evidence(self) -> Evidence:
        """See Ports."""
        return self._operator.verdict(self._camera)

    def move(self, arm: Array, hand: Array | None) -> None:
        """See Ports."""
        self._rig.beat(moving=True)
        self._rig.arm.servo(arm)
        if hand is not None:
            self._rig.hand.servo(hand)

    def rest(self) -> None:
        """See Ports."""
        self._rig.beat(moving=False)

    def wait(self, until_s: float) -> None:
        """See Ports."""
        left = until_s - time.monotonic()
        if left > 0:
            time.sleep(left)

    def stop(self, reason: str) -> None:
        """See Ports."""
        self._rig.stop(reason)

    def fault(self, reason: str) -> None:
        """See Ports."""
        self._rig.fault(reason)


def sight_of(frame: Frame) -> Sight:
    """A frame's number, stamp and checksum, which is computed over every fourth row."""
    return Sight(frame.number, frame.stamp_s, zlib.crc32(np.ascontiguousarray(frame.image[::4])))
