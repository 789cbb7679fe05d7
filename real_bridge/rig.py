"""The devices of one cell for one trial: connected, enabled once, stopped once. Each trial opens a new one."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from lace.core.embodiment import Embodiment
from lace.core.errors import InvalidValueError
from lace.core.limits import Within, check_numbers
from real_bridge.arm import Arm, ArmSetup
from real_bridge.arm_lock import ArmLock
from real_bridge.devices import ARMS, HANDS
from real_bridge.faults import DeviceFault
from real_bridge.hand import Hand
from real_bridge.safety.limits import SafetyLimits
from real_bridge.safety.stop import StopLatch
from real_bridge.watchdog import Watchdog


@dataclass(frozen=True)
class RigConfig:
    """Which devices, and where they are."""

    address: str
    """Of the arm's controller (192.168.1.200)."""
    hand_port: str
    """Serial port of the hand (/dev/ttyUSB0)."""
    camera: str
    """KIND:ARGUMENT: realsense, uvc:0, shared:HOST:PORT (the emulator's), replay:FOLDER."""
    calibration: Path | None = None
    """File of `lace bridge calibrate`; needed unless the camera knows where it is."""
    table_z: Annotated[float, Within(-5, 5)] = 0.0
    """Height of the table's top in the robot's base frame [m]."""
    arm: str = "xarm7"
    hand: str = "leap"
    on_stop: Literal["hold", "release"] = "hold"
    """What the hand does at a stop: hold with its capped current, or let go."""
    setup: ArmSetup = field(default_factory=ArmSetup)
    state: Path | None = None
    """Folder of locks and latches; by default the user's state folder."""

    def __post_init__(self):
        check_numbers(self, "--rig.{}")
        ARMS[self.arm], HANDS[self.hand]
        for name in ("address", "hand_port", "camera"):
            if not getattr(self, name):
                raise InvalidValueError(
                    "reading the rig's options",
                    f"no {name}",
                    "an address, a serial port and a camera",
                    f"give --rig.{name.replace('_', '-')}; `lace bridge emulate` prints all three",
                )


class Rig:
    """One session with the devices. Nothing moves before `enable`, nothing after `stop`."""

    def __init__(self, config: RigConfig, embodiment: Embodiment, zeros: Mapping[str, float], limits: SafetyLimits):
        """Takes the lock and connects; enables nothing.

        Raises:
            SafetyStop: Another program commands the arm, or an earlier stop is latched.
            DeviceFault: A device does not answer.
        """
        self.config, self.latch = config, StopLatch()
        self._limits, self._fault, self._enabled = limits, "", False
        self._watchdog: Watchdog | None = None
        self._first_stop = threading.Lock()
        self._kind, self._hand_kind = ARMS[config.arm], HANDS[config.hand]
        _require_robot(self._kind.embodiment, embodiment)
        names: Sequence[str] = embodiment.joint_names[embodiment.arm_dof :]
        self._arm: Arm | None = None
        self._hand: Hand | None = None
        self.lock = ArmLock(config.address, config.state)
        try:
            self.lock.require_clear()
            self._arm = self._kind.connect(config.address, limits.arm_age_s)
            self._hand = self._hand_kind.connect(config.hand_port, names, zeros, limits.hand_age_s)
        except BaseException:
            self.close()
            raise

    @property
    def arm(self) -> Arm:
        """The arm; DeviceFault where it never connected."""
        if self._arm is None:
            raise DeviceFault("using the arm", "no connection", "a connected arm", "start again")
        return self._arm

    @property
    def hand(self) -> Hand:
        """The hand; DeviceFault where it never connected."""
        if self._hand is None:
            raise DeviceFault("using the hand", "no connection", "a connected hand", "start again")
        return self._hand

    def enable(self) -> None:
        """Enables motion; a program that ends without `close` leaves a latch on disk."""
        self.lock.begin()
        self._enabled = True
        releaser = self._hand_kind.releaser if self.config.on_stop == "release" else ""
        try:
            self._watchdog = Watchdog(
                self._kind.stopper, self.config.address, self._limits.watchdog_s, releaser, self.config.hand_port
            )
        except OSError as error:
            raise DeviceFault(
                "starting the watchdog", str(error), "a second process", "look at the machine's load"
            ) from error
        self.arm.enable(self.config.setup)
        self.hand.enable(self._limits.hand_current_A)

    def beat(self, moving: bool) -> None:
        """Sends a heartbeat to the watchdog; DeviceFault if the watchdog has ended."""
        if self._watchdog is None:
            raise DeviceFault("moving", "no watchdog process was started", "a watchdog", "enable the rig first")
        try:
            self._watchdog.beat(moving)
        except OSError as error:
            raise DeviceFault("moving", "the watchdog process is gone", "a watchdog", "start again") from error

    def stop(self, reason: str) -> None:
        """Arm first, then the hand as configured. From any thread, at any time; never raises."""
        self.latch.set(reason)
        if not self._enabled or not self._first_stop.acquire(blocking=False):
            return
        arm, hand = self._arm, self._hand
        stands = arm is not None and self._quietly(arm.stop)
        if not stands and self._watchdog is not None:
            self._watchdog.stop()
            self.fault(f"{reason}; the controller did not confirm the stop")
        if hand is not None:
            self._quietly(hand.freeze if self.config.on_stop == "hold" else hand.release)

    def fault(self, reason: str) -> None:
        """Latches a fault: the next session refuses to start until a person clears it."""
        self._fault = self._fault or reason
        if self._enabled:
            self.lock.latch(self._fault)

    @property
    def fault_reason(self) -> str:
        """The fault with which this session ended, "" for none."""
        return self._fault

    def close(self) -> None:
        """Stops, switches the hand's torque off and frees all devices; may be called twice."""
        self.stop("the session was closed")
        for device in (self._arm, self._hand, self._watchdog):
            if device is not None:
                self._quietly(device.close)
        if self._enabled and not self._fault:
            self.lock.end()
        self._enabled = False
        self.lock.close()

    def _quietly(self, act: Callable[[], bool | None]) -> bool | None:
        """Returns the result of `act`; an error becomes the fault, so that the next device is still stopped."""
        try:
            return act()
        except Exception as error:  # noqa: BLE001  (whatever a vendor's SDK raises while it is being stopped)
            self.fault(f"stopping: {error}")
            return None


def _require_robot(wanted: str, embodiment: Embodiment) -> None:
    if embodiment.name != wanted:
        raise InvalidValueError(
            "connecting the rig",
            f"the embodiment {embodiment.name}",
            f"{wanted}, which this arm belongs to",
            "choose the arm of it",
        )
