"""Who permits motion and who judges it: hold-to-run on a terminal, and the emulator's word."""

import os
import pty
import time
from types import SimpleNamespace

import numpy as np
import pytest

from policies.outcome import SafetyStop
from real_bridge import operator
from real_bridge.cameras.camera import CameraError, Frame
from real_bridge.operator import EmulatorWord
from real_bridge.run import keyboard
from tests.bridged import wait_for


class Filmed:
    """A camera that gives its frames one by one, the last one again and again."""

    def __init__(self, *frames: Frame):
        self.frames = list(frames)

    def newest(self) -> Frame:
        return self.frames.pop(0) if len(self.frames) > 1 else self.frames[0]


def frame(stamp_s: float, held: bool) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), stamp_s, 1, facts={"evidence": {"held": held}})


def test_a_trial_is_judged_by_a_frame_taken_after_the_stop():
    now = time.monotonic()
    assert EmulatorWord().verdict(Filmed(frame(now - 1, False), frame(now, False), frame(now + 60, True))).held


def test_a_camera_that_sends_nothing_after_the_stop_leaves_the_trial_unjudged(monkeypatch):
    monkeypatch.setattr(operator, "VERDICT_S", 0.05)
    with pytest.raises(CameraError, match="after the stop"):
        EmulatorWord().verdict(Filmed(frame(time.monotonic(), True)))


@pytest.fixture
def held(monkeypatch):
    """A HeldKey on a terminal: `.press(keys)`, `.clock[0]` is the time [s]."""
    clock, (person, terminal) = [100.0], pty.openpty()
    monkeypatch.setattr(keyboard, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    with keyboard.HeldKey(terminal) as key:
        key.clock = clock
        key.press = lambda keys: os.write(person, keys)
        yield key
    os.close(person)
    os.close(terminal)


def test_motion_is_permitted_while_a_key_repeats_and_no_longer(held):
    assert not held.held()
    held.press(b" ")
    assert wait_for(held.held)
    held.clock[0] += keyboard.FIRST_S - 0.01  # the terminal's pause before it repeats a key
    assert held.held()
    held.press(b" ")
    assert wait_for(lambda: held._limit_s == keyboard.NEXT_S)
    held.clock[0] += keyboard.NEXT_S - 0.01
    assert held.held()
    held.clock[0] += 0.02
    assert not held.held()
    held.press(b" ")
    assert wait_for(held.held), "pressed again, it may go on"


@pytest.mark.parametrize("key", [b"q", b"\x1b"])
def test_a_stop_key_stops_permanently(held, key):
    held.press(b" " + key)
    assert wait_for(lambda: held.latch.reason)
    held.press(b" ")
    with pytest.raises(SafetyStop, match="stop key"):
        held.held()


def test_a_question_permits_no_motion_and_the_terminal_is_put_back(held, monkeypatch):
    import termios

    seen = []

    def answer(_question: str) -> str:
        seen.append(bool(termios.tcgetattr(held._source)[3] & termios.ICANON))
        held.press(b"    ")  # read by nobody while a line is typed
        return "y"

    monkeypatch.setattr("builtins.input", answer)
    assert held.ask("held? ") == "y"
    assert seen == [True]
    assert not termios.tcgetattr(held._source)[3] & termios.ICANON
