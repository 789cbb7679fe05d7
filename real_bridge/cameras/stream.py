"""Reads a stream of frames in a thread and keeps the newest one."""

import threading
from collections.abc import Callable

from real_bridge.cameras.camera import CameraError, Frame

START_S = 5.0
"""The first frame comes within this time [s]."""


class Stream:
    """Implements Camera around a function that waits for the next frame."""

    def __init__(self, read: Callable[[], Frame], close: Callable[[], None], start_s: float = START_S):
        """Waits for the first frame; CameraError where none comes.

        Args:
            read: The next frame; raises an error where the stream is over.
            close: Frees the device; makes a waiting `read` raise.
            start_s: How long the first frame is waited for [s].
        """
        self._read, self._close = read, close
        self._frame: Frame | None = None
        self._error: Exception | None = None
        self._closed, self._came = False, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="camera")
        self._thread.start()
        if not self._came.wait(start_s):
            self.close()
            raise CameraError(
                "opening the camera", f"no frame within {start_s:g} s", "a stream of frames", "check the camera"
            )
        if self._frame is None:
            self.close()
            raise self._ended()

    def newest(self) -> Frame:
        """See Camera. A damaged stream raises at once, not when its last frame is old."""
        frame = self._frame
        if self._error is not None or self._closed or frame is None:
            raise self._ended()
        return frame

    def close(self) -> None:
        """See Camera."""
        if not self._closed:
            self._closed = True
            self._close()
            self._thread.join(2.0)

    def _run(self) -> None:
        try:
            while not self._closed:
                self._frame = self._read()
                self._came.set()
        except Exception as error:  # noqa: BLE001  (a driver's own errors; all of them are told by `newest`)
            self._error = error
            self._came.set()

    def _ended(self) -> CameraError:
        if isinstance(self._error, CameraError):
            return self._error
        got = "it was closed" if self._error is None else f"{type(self._error).__name__}: {self._error}"
        return CameraError("reading the camera", got, "a stream of frames", "open the camera again")
