"""A latching stop flag: keeps the first reason; any thread may set it."""

import threading
import time


class StopLatch:
    """Set once, never cleared. It does not stop the arm itself: every step checks it."""

    def __init__(self):
        self._lock, self._reason = threading.RLock(), ""  # a signal may come inside of `set`, in the same thread
        self.set_s: float | None = None
        """Monotonic clock when it was set [s]."""

    def set(self, reason: str) -> bool:
        """True for the first one, whose reason stays."""
        with self._lock:
            first = not self._reason
            self.set_s = time.monotonic() if first else self.set_s
            self._reason = self._reason or reason or "stopped"
        return first

    @property
    def reason(self) -> str:
        """The first reason; empty while nothing was stopped."""
        return self._reason
