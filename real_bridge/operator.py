"""The operator: prepares and permits motion, reports the result of a trial. A person, or the emulator."""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lace.core.registry import Registry
from policies.cell import Evidence
from real_bridge.cameras.camera import Camera, CameraError, Frame

ARRAYS = ("target_world",)
"""Fields of Evidence that are arrays."""


SCENE_S = 60.0
"""The emulator's camera brings the scene of a trial within this time [s]."""
VERDICT_S = 15.0
"""The emulator's camera sends a frame of the trial's end within this time [s]."""


@dataclass(frozen=True)
class Setting:
    """What the operator set up for a trial; None where it is as the options say."""

    table_z: float | None = None
    """Height of the table's top [m]."""
    target: str | None = None
    """Which thing lies on it."""


class Operator(Protocol):
    """Permits motion and reports results."""

    def prepare(self, number: int, camera: Camera) -> Setting:
        """Before trial `number`: the target lies where it may be grasped, and the arm may start."""
        ...

    def permits(self) -> bool:
        """Whether the arm may move at this moment; asked at every step."""
        ...

    def verdict(self, camera: Camera) -> Evidence:
        """State of the target after the motion."""
        ...


class EmulatorWord:
    """Implements Operator with the ground truth of the emulator's camera."""

    def prepare(self, number: int, camera: Camera) -> Setting:
        """See Operator: the scene of trial `number` of `lace simulate`, where the emulator's camera can bring it."""
        facts = camera.newest().facts
        if "emulator" not in facts:
            return Setting()
        same = facts["trial"] == number
        _ask_emulator(facts["emulator"], {"do": "start"} if same else {"do": "want", "trial": number})
        since = time.monotonic()
        while time.monotonic() - since < SCENE_S:
            frame = camera.newest()
            if frame.facts["trial"] == number and frame.stamp_s > since:
                return Setting(frame.facts["table_z"], frame.facts["target_object"])
            time.sleep(0.02)
        raise CameraError(
            f"preparing trial {number}",
            f"no frame of it within {SCENE_S:.0f} s",
            "a camera that brings the scene",
            "look at the emulator's output",
        )

    def permits(self) -> bool:
        """See Operator."""
        return True

    def verdict(self, camera: Camera) -> Evidence:
        """See Operator: by a frame taken after this call, which comes after the stop."""
        facts = _taken_after(time.monotonic(), camera).facts
        if "evidence" not in facts:
            raise CameraError(
                "judging the trial",
                "a camera that knows nothing of its scene",
                "the emulator's camera",
                "let a person judge: --operator ask",
            )
        found = dict(facts["evidence"])
        for name in ARRAYS:
            if found.get(name) is not None:
                found[name] = np.array(found[name], float)
        return Evidence(**found)


class Asked:
    """Implements Operator: a person answers on the terminal."""

    def __init__(self, ask: Callable[[str], str], permits: Callable[[], bool] = lambda: True):
        """A person at a terminal.

        Args:
            ask: Shows a question and returns the answer.
            permits: Whether the person lets the arm move now (`real_bridge.run.keyboard.HeldKey`).
        """
        self._ask, self._permits, self._prepared = ask, permits, False

    def prepare(self, number: int, camera: Camera) -> Setting:
        """See Operator: before the first trial the person has just confirmed that the arm may move."""
        if self._prepared:
            self._ask(f"Put the target back. Enter starts trial {number + 1}, Ctrl-C ends. ")
        self._prepared = True
        return Setting()

    def permits(self) -> bool:
        """See Operator."""
        return self._permits()

    def verdict(self, camera: Camera) -> Evidence:
        """See Operator: held, dropped, or what was struck."""
        while True:
            answer = self._ask(
                "Is the target in the hand and off the table? [y]es, [n]o, or [c] NAME: it struck NAME: "
            ).strip()
            if answer in ("y", "yes"):
                return Evidence(held=True)
            if answer in ("n", "no"):
                return Evidence(held=False)
            if answer.startswith("c ") and answer[2:].strip():
                return Evidence(held=False, collision=answer[2:].strip())


def _taken_after(since_s: float, camera: Camera) -> Frame:
    """The first frame with a later stamp; CameraError where none comes within VERDICT_S."""
    while (frame := camera.newest()).stamp_s <= since_s:
        if time.monotonic() > since_s + VERDICT_S:
            raise CameraError(
                "judging the trial",
                f"no frame taken after the stop within {VERDICT_S:g} s",
                "a frame of the end",
                "look at the camera; the trial is tried again when the run goes on",
            )
        time.sleep(0.02)
    return frame


def _ask_emulator(address: list, request: dict) -> None:
    """One request to the emulator's test access; it answers with one line."""
    with socket.create_connection((address[0], address[1]), 5.0) as connection, connection.makefile("rwb") as lines:
        lines.write(json.dumps(request).encode() + b"\n")
        lines.flush()
        lines.readline()


OPERATORS: Registry[Callable[[Callable[[str], str], Callable[[], bool]], Operator]] = Registry("operator")
"""By name; each is made from a function that asks a person, and one that says whether the arm may move."""
OPERATORS.add("ask", Asked)
OPERATORS.add("emulator", lambda _ask, _permits: EmulatorWord())
