"""A lock and a stop latch on disk for each arm, so that only one program commands it and a stop outlives the program.

The latch is written before the arm is enabled and removed only by a run that ended normally. A killed program therefore
leaves it, a fault stores its reason in it, and the next start is refused until a person clears it.
"""

import fcntl
import json
import os
import re
import time
from pathlib import Path

from lace.core.files import file_content, publish_bytes
from policies.outcome import SafetyStop


def state_folder() -> Path:
    """$XDG_STATE_HOME/lace/bridge, by default in ~/.local/state."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "lace" / "bridge"


class ArmLock:
    """Lock and latch of one arm."""

    def __init__(self, address: str, folder: Path | None = None):
        """Takes the lock; SafetyStop where another program has it."""
        self.folder = (folder or state_folder()) / re.sub(r"[^\w.-]", "_", address)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._address, self._path = address, self.folder / "latch.json"
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise SafetyStop(
                f"taking command of {address}",
                "another program on this machine has it",
                "one commander at a time",
                "end the other program first",
            ) from None

    @property
    def reason(self) -> str:
        """Why nothing may move, "" if it may."""
        try:
            found = json.loads(file_content(self._path))
            return f"{found['reason']} ({found['when']})"
        except FileNotFoundError:
            return ""
        except (ValueError, LookupError, TypeError, OSError, RecursionError):
            return f"the latch {self._path} cannot be read"

    def require_clear(self) -> None:
        """SafetyStop while a stop is latched."""
        if self.reason:
            raise SafetyStop(
                f"starting to command {self._address}",
                f"an earlier stop is latched: {self.reason}",
                "a latch that was cleared",
                "look at the arm, then run `lace bridge clear`",
            )

    def begin(self) -> None:
        """Writes the latch that a program leaves if it does not end normally."""
        self.require_clear()
        self._write("the program that commanded the arm was killed, or lost power")

    def latch(self, reason: str) -> None:
        """Keeps the first reason of a stop beyond the end of the program."""
        self._write(reason)

    def end(self) -> None:
        """Removes the latch after a normal end."""
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Releases the lock; may be called twice."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _write(self, reason: str) -> None:
        found = {"reason": reason, "when": time.strftime("%Y-%m-%d %H:%M:%S"), "pid": os.getpid()}
        publish_bytes(self._path, json.dumps(found).encode())
