"""Kinesthetic guidance: a person moves the arm (xArm mode 2), the fingers are free."""

from real_bridge.faults import DeviceFault
from real_bridge.record.guide import GUIDES, Goal, Guide, Site, line_waits
from real_bridge.xarm.stop import SET_STATE, STOPPED, XArmStop

MOTION_ENABLE, SET_MODE, GET_ERROR, CHECK_STATE = 11, 19, 15, 13
ALL_MOTORS, GUIDED_MODE, POSITION_MODE = 8, 2, 0


class Yielding(XArmStop):
    """Switches an xArm into hand-guided mode and stops it again, over its own connection."""

    def start(self) -> None:
        """Switches to hand-guided mode; DeviceFault if the arm has an error or does not become ready."""
        error = self._ask(GET_ERROR, b"")[0]
        if error:
            raise DeviceFault(
                "making the arm yield", f"controller error C{error}", "an arm without errors", "look at it, clear it"
            )
        for register, payload in (
            (MOTION_ENABLE, bytes([ALL_MOTORS, 1])),
            (SET_MODE, bytes([GUIDED_MODE])),
            (SET_STATE, bytes([0])),
        ):
            self._ask(register, payload)
        state = self._ask(CHECK_STATE, b"")[0]
        if state >= STOPPED:
            raise DeviceFault("making the arm yield", f"state {state}", "a ready arm", "look at the arm and its e-stop")

    def end(self) -> None:
        """Stops the arm, which then holds its position."""
        self.stop()
        self._ask(SET_MODE, bytes([POSITION_MODE]))


class ByHand:
    """Implements Guide. Enter ends the demonstration, or its time."""

    commands = False

    def __init__(self, site: Site):
        self._arm: Yielding | None = None
        if site.embodiment.name.startswith("xarm7"):  # other arms have a teach button of their own
            self._arm = Yielding(site.address)

    def begin(self, arm, hand) -> None:
        """See Guide."""
        if self._arm is not None:
            self._arm.start()

    def next(self, arm, hand, dt: float) -> Goal | None:
        """See Guide."""
        return None if line_waits() else Goal(arm, hand)

    def close(self) -> None:
        """See Guide."""
        if self._arm is not None:
            self._arm.end()
            self._arm.close()
            self._arm = None


def make_by_hand(site: Site) -> Guide:
    """`hand`: a person moves the robot."""
    return ByHand(site)


GUIDES.add("hand", make_by_hand)
