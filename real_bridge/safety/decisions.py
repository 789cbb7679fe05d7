"""Decisions of the safety layer: every limit, slow-down and refusal is logged once with its reason."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from policies.outcome import SafetyStop


class Verdict(StrEnum):
    """Kind of a decision on a command."""

    LIMITED = "limited"
    SLOWED = "slowed"
    PAUSED = "paused"
    REFUSED = "refused"
    RELEASED = "released"
    """A slow-down or pause has ended."""


@dataclass(frozen=True)
class Decision:
    """One decision."""

    check: str
    verdict: Verdict
    reason: str


Tell = Callable[[Decision], None]


class Decisions:
    """Sends decisions to a log."""

    def __init__(self, tell: Tell = lambda _decision: None):
        self.tell = tell
        self._slow: dict[str, bool] = {}

    def limited(self, check: str, reason: str) -> None:
        """A command was changed a little."""
        self.tell(Decision(check, Verdict.LIMITED, reason))

    def slow(self, check: str, active: bool, reason: str, verdict: Verdict = Verdict.SLOWED) -> None:
        """Logged at its start and its end, not at each step."""
        if active != self._slow.get(check, False):
            self._slow[check] = active
            self.tell(Decision(check, verdict if active else Verdict.RELEASED, reason))

    def refuse(self, check: str, got: str, expected: str, next_step: str) -> SafetyStop:
        """Logs the refusal and returns the error to raise."""
        self.tell(Decision(check, Verdict.REFUSED, f"{got}; expected {expected}"))
        return SafetyStop(f"checking {check}", got, expected, next_step)
