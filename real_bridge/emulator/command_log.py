"""Every command that arrived, with its time: what tests ask when they want to know that nothing came after a stop."""

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class ReceivedCommand:
    """One command; what only reads is counted and not listed."""

    stamp_s: float
    """CLOCK_MONOTONIC of this machine when it arrived, which other processes share [s]."""
    device: str
    """"arm" or "hand"."""
    name: str
    """The vendor's name of the register or instruction ("MOVE_SERVOJ", "SYNC_WRITE 116")."""
    payload: str
    """Bytes as hexadecimal digits."""


class CommandLog:
    """In memory, and line by line in a file where one is given."""

    def __init__(self, path: Path | None = None):
        self.commands: list[ReceivedCommand] = []
        self.reads: Counter[str] = Counter()
        self._file = None if path is None else path.open("a", buffering=1, encoding="utf-8")

    def add(self, device: str, name: str, payload: bytes, reads: bool = False) -> None:
        """Notes a command that arrives now."""
        if reads:
            self.reads[f"{device} {name}"] += 1
            return
        command = ReceivedCommand(time.monotonic(), device, name, payload.hex())
        self.commands.append(command)
        if self._file is not None:
            self._file.write(json.dumps(asdict(command)) + "\n")

    def since(self, stamp_s: float) -> list[ReceivedCommand]:
        """Commands that arrived after `stamp_s`."""
        return [command for command in self.commands if command.stamp_s > stamp_s]

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
