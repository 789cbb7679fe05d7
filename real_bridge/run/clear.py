"""`lace bridge clear`: removes the latch after a person has inspected the arm. Nothing else clears errors."""

from dataclasses import dataclass
from pathlib import Path

from real_bridge.arm_lock import ArmLock
from real_bridge.devices import ARMS

WORD = "CLEAR"


@dataclass(frozen=True)
class ClearConfig:
    """Removes a latched stop and clears the controller's error."""

    address: str
    """Of the arm's controller."""
    arm: str = "xarm7"
    state: Path | None = None
    """Folder of locks and latches; by default the user's state folder."""


def main(config: ClearConfig) -> int:
    """Asks, then clears; returns 1 if nobody confirmed."""
    lock = ArmLock(config.address, config.state)
    try:
        arm = ARMS[config.arm].connect(config.address, 1.0)
        try:
            print(f"latched: {lock.reason or 'nothing'}\nthe arm: {arm.read().fault or 'no error'}")
            if input(f"Is the cause gone, and the arm clear of everything? Type {WORD}: ").strip() != WORD:
                print("nothing was cleared")
                return 1
            arm.clear()
        finally:
            arm.close()
        lock.end()
    finally:
        lock.close()
    print("cleared; the next run may start")
    return 0
