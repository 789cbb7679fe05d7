"""Fault types, plans of when they occur, and the board of active faults.

A fault is active from its start for its duration, or until it is cleared. Two kinds act once, at their start: errors
that the controller latches, and the emergency button, which stays pressed until it is released.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal

from lace.core.errors import InvalidValueError, UnknownNameError

FAULTS: dict[str, type["Fault"]] = {}


@dataclass(frozen=True)
class Fault:
    """Base of all; `kind` is the name in plans."""

    kind: ClassVar[str]

    def __init_subclass__(cls, kind: str):
        if kind in FAULTS:
            raise ValueError(f"the fault {kind!r} is there already")
        cls.kind, FAULTS[kind] = kind, cls


@dataclass(frozen=True)
class ControllerError(Fault, kind="controller_error"):
    """The controller latches an error and stops."""

    code: int = 31
    """C11-17 joint motors, 19 end module, 21 kinematics, 22 self-collision, 23 joint limit, 24 speed, 25 planning, 31
    collision, 35 boundary, 38 abnormal joint angle, 60 speed in servo mode."""


@dataclass(frozen=True)
class ControllerWarning(Fault, kind="controller_warning"):
    """The controller shows a warning and continues."""

    code: int = 11


@dataclass(frozen=True)
class EmergencyStop(Fault, kind="emergency_stop"):
    """The emergency button is pressed: C2, motors off; cannot be cleared before it is released."""


@dataclass(frozen=True)
class DroppedConnection(Fault, kind="dropped_connection"):
    """All TCP connections of the arm close, and new ones are closed at once while it lasts."""


@dataclass(frozen=True)
class SilentController(Fault, kind="silent_controller"):
    """Requests are accepted and not answered, reports stop; the arm continues its current motion."""


@dataclass(frozen=True)
class SlowController(Fault, kind="slow_controller"):
    """Every reply is late."""

    delay_s: float = 0.05


@dataclass(frozen=True)
class TornReplies(Fault, kind="torn_replies"):
    """A reply comes in two pieces with a pause between."""

    pause_s: float = 0.02


@dataclass(frozen=True)
class FrozenState(Fault, kind="frozen_state"):
    """The joint angles that the controller reports stay constant while the arm moves."""


@dataclass(frozen=True)
class SilentMotor(Fault, kind="silent_motor"):
    """A motor of the hand does not answer and holds its last goal (a loose plug beyond it)."""

    motor: int = 0


@dataclass(frozen=True)
class SilentHand(Fault, kind="silent_hand"):
    """No motor answers: the cable is out."""


@dataclass(frozen=True)
class Overheating(Fault, kind="overheating"):
    """A motor is beyond its temperature limit: it shows the hardware error and lets go."""

    motor: int = 0
    temperature_c: int = 85


@dataclass(frozen=True)
class BadChecksums(Fault, kind="bad_checksums"):
    """A share of the hand's replies comes with a broken checksum (noise on the line)."""

    share: float = 1.0


@dataclass(frozen=True)
class FrozenCamera(Fault, kind="frozen_camera"):
    """The camera sends the same picture again with new stamps and numbers."""


@dataclass(frozen=True)
class SilentCamera(Fault, kind="silent_camera"):
    """The camera sends nothing."""


@dataclass(frozen=True)
class DelayedFrames(Fault, kind="delayed_frames"):
    """Pictures arrive late; their stamps are correct."""

    delay_s: float = 1.0


@dataclass(frozen=True)
class TornFrames(Fault, kind="torn_frames"):
    """The lower half of each picture is from the one before."""


@dataclass(frozen=True)
class CutFrames(Fault, kind="cut_frames"):
    """The camera's connection ends in the middle of a picture."""


@dataclass(frozen=True)
class DamagedFrames(Fault, kind="damaged_frames"):
    """A byte of each picture is wrong on the wire: its checksum does not match."""


@dataclass(frozen=True)
class StaleClock(Fault, kind="stale_clock"):
    """The camera's clock is off: its stamps are wrong by this much."""

    offset_s: float = -2.0


@dataclass(frozen=True)
class PlannedFault:
    """A fault with its moment."""

    fault: Fault
    after_s: float = 0.0
    since: Literal["start", "motion"] = "start"
    """Counted from the emulator's start (or the plan's loading), or from the first movement of the arm after it."""
    lasts_s: float | None = None
    """None: until it is cleared."""


def to_plain(planned: PlannedFault) -> dict[str, Any]:
    """As JSON has it: {"kind": ..., the fault's own fields, "after_s": ..., "since": ..., "lasts_s": ...}."""
    when = {f.name: getattr(planned, f.name) for f in fields(PlannedFault) if f.name != "fault"}
    return {"kind": planned.fault.kind} | asdict(planned.fault) | when


def from_plain(row: Mapping[str, Any]) -> PlannedFault:
    """The inverse of `to_plain`; times may be left out.

    Raises:
        UnknownNameError: There is no such fault.
        InvalidValueError: A field that the fault does not have, or a time that is none.
    """
    kind = str(row.get("kind", ""))
    if kind not in FAULTS:
        raise UnknownNameError("fault", kind, FAULTS)
    when = {key: row[key] for key in ("after_s", "since", "lasts_s") if key in row}
    own = {key: value for key, value in row.items() if key not in when and key != "kind"}
    known = [f.name for f in fields(FAULTS[kind])]
    good_times = when.get("after_s", 0) >= 0 and when.get("since", "start") in ("start", "motion")
    if set(own) - set(known) or not good_times:
        raise InvalidValueError(
            f"reading the fault {kind!r}", f"{dict(row)}",
            f"the fields {', '.join(known) or 'none'}, and after_s >= 0, since 'start' or 'motion', lasts_s",
            "correct the fault plan",
        )  # fmt: skip
    return PlannedFault(FAULTS[kind](**own), **when)


@dataclass
class _Active:
    fault: Fault
    until: float


@dataclass
class FaultBoard:
    """The active faults. `listener` is called with every fault when it starts."""

    listener: Callable[[Fault], None] = lambda fault: None
    _planned: list[tuple[PlannedFault, float]] = field(default_factory=list)
    """With the moment from which `after_s` counts where that is the start."""
    _active: list[_Active] = field(default_factory=list)
    _moved_at: float | None = None
    _now: float = 0.0

    def plan(self, faults: list[PlannedFault]) -> None:
        """Adds faults to come."""
        self._planned += [(planned, self._now) for planned in faults]
        self._moved_at = None

    def clear(self, kind: str | None = None) -> None:
        """Ends faults of a kind, or all, planned ones included."""
        self._active = [active for active in self._active if kind not in (None, active.fault.kind)]
        self._planned = [row for row in self._planned if kind not in (None, row[0].fault.kind)]

    def tick(self, now: float, moving: bool) -> None:
        """Begins what is due and ends what is over; `now` [s] of any steady clock."""
        self._now = now
        if moving and self._moved_at is None:
            self._moved_at = now
        self._active = [active for active in self._active if active.until > now]
        waiting = []
        for planned, loaded in self._planned:
            origin = loaded if planned.since == "start" else self._moved_at
            if origin is None or now < origin + planned.after_s:
                waiting.append((planned, loaded))
                continue
            self._active.append(_Active(planned.fault, now + planned.lasts_s if planned.lasts_s else float("inf")))
            self.listener(planned.fault)
        self._planned = waiting

    def find[F: Fault](self, kind: type[F]) -> F | None:
        """The newest active fault of a kind."""
        return next((active.fault for active in reversed(self._active) if isinstance(active.fault, kind)), None)

    def all_of[F: Fault](self, kind: type[F]) -> list[F]:
        """All active faults of a kind (several motors may be silent)."""
        return [active.fault for active in self._active if isinstance(active.fault, kind)]

    @property
    def active(self) -> list[Fault]:
        """Everything that is wrong now."""
        return [active.fault for active in self._active]
