"""Hold-to-run on a terminal: the arm may move while a key repeats; `q` or Escape stops permanently."""

import os
import select
import sys
import termios
import threading
import time
import tty

from policies.outcome import SafetyStop
from real_bridge.safety.stop import StopLatch

FIRST_S, NEXT_S = 0.7, 0.2
"""Longest pause between two repeats of a held key [s]: a terminal sends it once, again after 0.5 s, then at 30 Hz."""
STOP_KEYS = b"q\x1b"


class HeldKey:
    """Reads the terminal in a thread; a context that puts the terminal back."""

    def __init__(self, source: int | None = None):
        self._source = sys.stdin.fileno() if source is None else source
        self._last_s, self._limit_s = -1.0, 0.0
        self.latch = StopLatch()
        """Set by a stop key."""

    def __enter__(self) -> "HeldKey":
        self._end = threading.Event()
        self._before = termios.tcgetattr(self._source)
        tty.setcbreak(self._source)
        self._thread = threading.Thread(target=self._read, daemon=True, name="keyboard")
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._thread.join()
        termios.tcsetattr(self._source, termios.TCSADRAIN, self._before)

    def held(self) -> bool:
        """Whether a key is held down at this moment; SafetyStop once a stop key was pressed."""
        if self.latch.reason:
            raise SafetyStop("moving", self.latch.reason, "no stop key", "look at the arm")
        return time.monotonic() - self._last_s <= self._limit_s

    def ask(self, question: str) -> str:
        """A line that the person types; key presses do not permit motion meanwhile."""
        self.__exit__()
        try:
            return input(question)
        finally:
            self.__enter__()

    def _read(self) -> None:
        while not self._end.is_set():
            if not select.select([self._source], [], [], 0.05)[0]:
                continue
            keys = os.read(self._source, 64)
            if not keys:
                return
            if set(keys) & set(STOP_KEYS):
                self.latch.set("the operator pressed a stop key")
            now = time.monotonic()
            repeats = now - self._last_s <= self._limit_s
            self._limit_s = NEXT_S if repeats else FIRST_S
            self._last_s = now
