"""Records all inputs and outputs of a cell as JSON lines, and replays them without devices.

Readings are replayed in their order; commands and decisions are compared with the recorded ones. The first difference
is an error.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np

from lace.core.camera import PinholeCamera
from lace.core.errors import IntegrityError, LaceError
from lace.core.files import publish_bytes, reading
from lace.core.geometry import Array
from policies.cell import Evidence
from policies.outcome import SafetyStop
from real_bridge.arm import ArmState
from real_bridge.cameras.camera import CameraError, Frame
from real_bridge.cameras.mount import lens_and_place
from real_bridge.hand import HandState
from real_bridge.ports import Ports
from real_bridge.safety.decisions import Decision
from real_bridge.safety.watch import Sight

LOG = "log.jsonl"
TOLERANCE = 1e-9
"""Tolerance of commands [rad]: another processor may round differently."""


class RecordedPorts:
    """Implements Ports: forwards all calls and records them; outputs before they are sent, inputs after they arrive."""

    def __init__(self, ports: Ports, folder: Path):
        """Writes into `folder`, which is new: LOG, and frame-*.png of what the policy saw."""
        folder.mkdir(parents=True, exist_ok=True)
        self._ports, self._folder = ports, folder
        self._log: BinaryIO = (folder / LOG).open("wb", buffering=0)

    def close(self) -> None:
        """Closes the log."""
        self._log.close()

    def tell(self, decision: Decision) -> None:
        """Records a decision of the safety layer."""
        self._write("decision", asdict(decision))

    def now(self) -> float:
        """See Ports."""
        return self._taken("now", self._ports.now)

    def stopped(self) -> str:
        """See Ports."""
        return self._taken("stopped", self._ports.stopped)

    def permitted(self) -> bool:
        """See Ports."""
        return self._taken("permitted", self._ports.permitted)

    def arm(self) -> ArmState:
        """See Ports."""
        return self._taken("arm", self._ports.arm)

    def hand(self) -> HandState:
        """See Ports."""
        return self._taken("hand", self._ports.hand)

    def sight(self) -> Sight:
        """See Ports."""
        return self._taken("sight", self._ports.sight)

    def frame(self) -> Frame:
        """See Ports."""
        return self._taken("frame", self._ports.frame, lambda frame: save_frame(self._folder, frame))

    def evidence(self) -> Evidence:
        """See Ports."""
        return self._taken("evidence", self._ports.evidence)

    def move(self, arm: Array, hand: Array | None) -> None:
        """See Ports."""
        self._write("move", {"arm": arm, "hand": hand})
        self._taken("moved", lambda: self._ports.move(arm, hand))

    def rest(self) -> None:
        """See Ports."""
        self._taken("rest", self._ports.rest)

    def wait(self, until_s: float) -> None:
        """See Ports."""
        self._ports.wait(until_s)

    def stop(self, reason: str) -> None:
        """See Ports. The stop itself comes first."""
        self._ports.stop(reason)
        self._write("stop", reason)

    def fault(self, reason: str) -> None:
        """See Ports."""
        self._ports.fault(reason)
        self._write("fault", reason)

    def _taken(self, name: str, source: Callable[[], Any], row: Callable[[Any], Any] = lambda value: value) -> Any:
        try:
            value = source()
        except (SafetyStop, CameraError) as error:
            self._write(
                name,
                {"error": type(error).__name__, "words": [error.doing, error.got, error.expected, error.next_step]},
            )
            raise
        self._write(name, row(value))
        return value

    def _write(self, name: str, value: Any) -> None:
        if not self._log.closed:
            self._log.write(json.dumps([name, plain(value)]).encode() + b"\n")


class ReplayedPorts:
    """Implements Ports from a log: readings come from it, commands and decisions must equal the recorded ones."""

    def __init__(self, folder: Path):
        self._folder, self._lines, self._line = folder, read_log(folder), 0
        self._differed = False
        self.compared = 0
        """Commands and decisions that were compared, all equal."""

    @property
    def finished(self) -> bool:
        """Whether the whole log was played."""
        return self._line == len(self._lines)

    def tell(self, decision: Decision) -> None:
        """Records a decision of the safety layer."""
        self._same("decision", plain(asdict(decision)))

    def now(self) -> float:
        """See Ports."""
        return self._next("now")

    def stopped(self) -> str:
        """See Ports."""
        return self._next("stopped")

    def permitted(self) -> bool:
        """See Ports."""
        return self._next("permitted")

    def arm(self) -> ArmState:
        """See Ports."""
        return _made(ArmState, self._next("arm"), self._folder)

    def hand(self) -> HandState:
        """See Ports."""
        return _made(HandState, self._next("hand"), self._folder)

    def sight(self) -> Sight:
        """See Ports."""
        return _made(Sight, self._next("sight"), self._folder)

    def frame(self) -> Frame:
        """See Ports."""
        return load_frame(self._folder, self._next("frame"))

    def evidence(self) -> Evidence:
        """See Ports."""
        return _made(Evidence, self._next("evidence"), self._folder)

    def move(self, arm: Array, hand: Array | None) -> None:
        """See Ports."""
        self._same("move", plain({"arm": arm, "hand": hand}))
        self._next("moved")

    def rest(self) -> None:
        """See Ports."""
        self._next("rest")

    def wait(self, until_s: float) -> None:
        """See Ports: time comes from the log."""

    def stop(self, reason: str) -> None:
        """See Ports."""
        if not self._differed:
            self._same("stop", reason)

    def fault(self, reason: str) -> None:
        """See Ports."""
        if not self._differed:
            self._same("fault", reason)

    def _next(self, name: str) -> Any:
        if self._line >= len(self._lines):
            self._differed = True
            raise IntegrityError(
                "playing a run again",
                f"the log ends before a {name}",
                "a log of a whole trial",
                "the program was killed there: what is played so far is the same",
            )
        there, value = self._lines[self._line]
        if there != name:
            raise self._differs(name, f"the log has {there!r} next")
        self._line += 1
        if error := _error_of(value, self._folder):
            raise error
        return value

    def _same(self, name: str, value: Any) -> None:
        recorded = self._next(name)
        if not _equal(recorded, value):
            self._line -= 1
            raise self._differs(name, f"{value}, recorded was {recorded}")
        self.compared += 1

    def _differs(self, name: str, got: str) -> IntegrityError:
        self._differed = True
        return IntegrityError(
            f"playing a run again, line {self._line + 1} of {self._folder / LOG}",
            f"{name}: {got}",
            "what was decided then",
            "the code or the policy has changed since the run",
        )


def plain(value: Any) -> Any:
    """`value` as JSON values; floats keep every bit."""
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def read_log(folder: Path) -> list[tuple[str, Any]]:
    """Lines of a log; a last one that is not whole is left out."""
    path = folder / LOG
    with reading(path, f"{LOG} of `lace bridge run`: lines of JSON, each a name and a value", "choose another trial"):
        return [(str(name), value) for name, value in map(json.loads, path.read_bytes().split(b"\n")[:-1])]


def states(folder: Path) -> Iterator[ArmState]:
    """The arm's readings of a log, in order."""
    for name, value in read_log(folder):
        if name == "arm" and not _error_of(value, folder):
            yield _made(ArmState, value, folder)


def save_frame(folder: Path, frame: Frame) -> dict[str, Any]:
    """Writes the image (PNG) and the depth (NumPy) beside the log; what the log says of the frame."""
    path = folder / f"frame-{frame.number}.png"
    publish_bytes(path, cv2.imencode(".png", cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))[1].tobytes())
    said: dict[str, Any] = {
        "number": frame.number,
        "stamp_s": frame.stamp_s,
        "facts": dict(frame.facts),
        "depth": frame.depth_m is not None,
    }
    if frame.depth_m is not None:
        np.save(folder / f"depth-{frame.number}.npy", frame.depth_m)
    if frame.camera is not None:
        said |= {"K": frame.camera.K, "T_base_cam": frame.camera.T_world_cam}
    return plain(said)


def load_frame(folder: Path, said: dict[str, Any]) -> Frame:
    """A frame that `save_frame` wrote."""
    with reading(folder / LOG, "the number of a frame and what belongs to it", "copy the run again"):
        number, stamp_s, facts = int(said["number"]), float(said["stamp_s"]), dict(said["facts"])
        stored = cv2.imread(str(folder / f"frame-{number}.png"))
        if stored is None:
            raise ValueError(f"frame-{number}.png is no image")
        image = cv2.cvtColor(stored, cv2.COLOR_BGR2RGB)
        depth = np.load(folder / f"depth-{number}.npy") if said["depth"] else None
        camera = None
        if "K" in said:
            camera = PinholeCamera(*lens_and_place(said), image.shape[1], image.shape[0])
        return Frame(image, stamp_s, number, camera, depth, facts)


def _made(kind: type, values: dict[str, Any], folder: Path) -> Any:
    """A dataclass from its JSON values: lists are arrays."""
    with reading(folder / LOG, f"the numbers of one {kind.__name__}", "choose another trial"):
        arrays = {name: np.array(value, float) for name, value in values.items() if isinstance(value, list)}
        return kind(**values | arrays)


def _error_of(value: Any, folder: Path) -> LaceError | None:
    """The error that was recorded in place of a reading."""
    if not (isinstance(value, dict) and "error" in value):
        return None
    with reading(folder / LOG, "the four parts of an error", "choose another trial"):
        doing, found, expected, step = value["words"]
        return (CameraError if value["error"] == "CameraError" else SafetyStop)(doing, found, expected, step)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and bool(np.allclose(one, other, rtol=0, atol=TOLERANCE))
    return one == other
