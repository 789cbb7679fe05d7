"""A watchdog process that stops the arm when the program that commands it dies or hangs.

The program writes one byte per step to the watchdog's standard input: M while it moves the arm, I when the arm stands,
Q before a normal exit. The watchdog stops the arm at the end of input without Q (the program was killed), or when no
byte arrives for `--silence` seconds after an M (the program hangs). It uses its own connection to the controller, which
is opened at the start. It imports only the standard library and a stopper, ignores Ctrl-C, and has real-time priority
where the system allows it: on a busy computer the program that moves the arm is late, the one that stops it is not.
"""

import argparse
import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from real_bridge.priority import children_first

MOVING, IDLE, QUIT = b"M", b"I", b"Q"
READY = b"ready\n"
START_S = 30.0
"""The watchdog answers within this time [s], or the run does not start."""


class Watchdog:
    """Starts a watchdog and keeps it informed; for one thread, `stop` for any."""

    def __init__(self, stopper: str, address: str, silence_s: float, releaser: str = "", port: str = ""):
        """Starts the process and waits until it is connected to the arm.

        Args:
            stopper: "module:function" as `real_bridge.arm.ArmKind.stopper`.
            address: Of the arm.
            silence_s: Longest time between two steps of a program that moves [s].
            releaser: "module:function" (port) that takes the hand's torque away, or "" to leave the hand holding.
            port: Of the hand.
        """
        self._left_alone = False
        command = [sys.executable, "-m", "real_bridge.watchdog", stopper, address, "--silence", str(silence_s)]
        command += ["--releaser", releaser, "--port", port] if releaser else []
        with children_first():
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, bufsize=0
            )
        beats, answers = self._process.stdin, self._process.stdout
        assert beats is not None and answers is not None  # both are PIPE
        self._beats, self._answers = beats, answers
        ready, _w, _x = select.select([answers], [], [], START_S)
        if not ready or answers.read(len(READY)) != READY:
            self._process.kill()
            raise OSError("the watchdog process did not start")

    def beat(self, moving: bool) -> None:
        """One step was made; OSError where the watchdog is gone."""
        self._beats.write(MOVING if moving else IDLE)

    def stop(self) -> None:
        """Tells the watchdog to stop the arm; it keeps trying after this program has ended. Never raises."""
        self._left_alone = True
        with contextlib.suppress(OSError):
            self._beats.close()

    def close(self) -> None:
        """Ends the watchdog, unless it was told to stop the arm; may be called twice."""
        if self._left_alone:
            return
        try:
            if not self._beats.closed:
                self._beats.write(QUIT)
                self._beats.close()
        except OSError:
            pass
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()


def watch(source: int, silence_s: float) -> str:
    """Reads heartbeats until the program ends normally (returns "") or must be stopped (returns the reason)."""
    moving = False
    while True:
        ready, _w, _x = select.select([source], [], [], silence_s if moving else None)
        if not ready:
            return f"no step for {silence_s} s"
        data = os.read(source, 4096)
        if not data:
            return "the program ended without a word"
        if QUIT in data:
            return ""
        moving = data[-1:] == MOVING


def keep_stopping(stop: Callable[[], bool], pause_s: float = 0.2, most_s: float = 600.0) -> bool:
    """Calls `stop` until it reports standstill: a broken connection may recover."""
    end = time.monotonic() + most_s
    while not stop():
        if time.monotonic() > end:
            return False
        time.sleep(pause_s)
    return True


def main() -> None:
    """The watchdog itself."""
    from real_bridge.stoppers import named

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parser = argparse.ArgumentParser()
    parser.add_argument("stopper")
    parser.add_argument("address")
    parser.add_argument("--silence", type=float, required=True)
    parser.add_argument("--releaser", default="")
    parser.add_argument("--port", default="")
    options = parser.parse_args()
    stopper = named(options.stopper)(options.address)
    os.write(1, READY)
    reason = watch(0, options.silence)
    if reason:
        if options.releaser:
            named(options.releaser)(options.port)
        keep_stopping(stopper.stop)
    stopper.close()


if __name__ == "__main__":
    main()
