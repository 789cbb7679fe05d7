"""The operator: permits motion and reports the result of a trial. A person, or the emulator's ground truth."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from lace.core.registry import Registry
from policies.cell import Evidence
from real_bridge.cameras.camera import Camera, CameraError

ARRAYS = ("target_world",)
"""Fields of Evidence that are arrays."""


class Operator(Protocol):
    """Permits motion and reports results."""

    def permits(self) -> bool:
        """Whether the arm may move at this moment; asked at every step."""
        ...

    def verdict(self, camera: Camera) -> Evidence:
        """State of the target after the motion."""
        ...


class EmulatorWord:
    """Implements Operator with the ground truth of the emulator's camera."""

    def permits(self) -> bool:
        """See Operator."""
        return True

    def verdict(self, camera: Camera) -> Evidence:
        """See Operator."""
        facts = camera.newest().facts
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
        self._ask, self._permits = ask, permits

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


OPERATORS: Registry[Callable[[Callable[[str], str], Callable[[], bool]], Operator]] = Registry("operator")
"""By name; each is made from a function that asks a person, and one that says whether the arm may move."""
OPERATORS.add("ask", Asked)
OPERATORS.add("emulator", lambda _ask, _permits: EmulatorWord())
