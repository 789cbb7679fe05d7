"""The physical robot cell: `policies.cell.RobotCell` on an arm, a hand and a camera, behind the safety layer."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lace.core.embodiment import Embodiment
from lace.core.geometry import Array
from policies.cell import START_RAD, Evidence, Freshness, require_arrival, require_hand_targets, require_path
from policies.outcome import SafetyStop
from policies.path import CheckedPath
from policies.policy import Observation
from real_bridge.cameras.camera import CameraError
from real_bridge.cameras.mount import Mount
from real_bridge.ports import Ports
from real_bridge.safety.decisions import Tell, Verdict
from real_bridge.safety.guard import Guard
from real_bridge.safety.limits import SafetyLimits
from real_bridge.views import seen, truth_of

SETTLED_RAD, SETTLE_S = 0.01, 0.5
"""A motion has ended when the arm is this near to its goal, or after this time [s]."""
HAND_EVERY = 2
"""The hand is read and written every second step: its bus takes 2 ms for that."""
RAMP_S = 0.3
"""Time from standstill to full speed, and back when the operator releases the key [s]."""


@dataclass(frozen=True)
class CellConfig:
    """How the cell moves."""

    speed: float = 1.0
    """Share of the planned speed, above 0 to 1."""
    limits: SafetyLimits = SafetyLimits()


class RealCell:
    """Implements RobotCell for one trial."""

    def __init__(
        self,
        ports: Ports,
        embodiment: Embodiment,
        xml_path: Path,
        table_z: float,
        config: CellConfig,
        mount: Mount | None = None,
        tell: Tell = lambda _decision: None,
    ):
        """Prepares one trial.

        Args:
            ports: The devices, enabled.
            embodiment: The robot.
            xml_path: Its MJCF, for distances.
            table_z: Height of the table's top in the robot's base frame [m].
            config: Speed and limits.
            mount: The camera's calibration; None where the camera knows its place.
            tell: Called with every decision of the safety layer.
        """
        self.embodiment, self.table_z = embodiment, table_z
        limits = config.limits
        self.freshness = Freshness(limits.image_age_s, max(limits.arm_age_s, limits.hand_age_s))
        self._ports, self._config, self._mount = ports, config, mount
        self._guard = Guard(embodiment, xml_path, table_z, config.limits, tell)
        self._dof = embodiment.arm_dof
        self._pace, self._steps, self._moved, self._failed, self._ended = 0.0, 0, False, False, False
        self._sent: tuple[Array, Array] | None = None

    @property
    def _goals(self) -> tuple[Array, Array]:
        """The newest goals of arm and hand [rad]; SafetyStop before the first motion."""
        if self._sent is None:
            raise SafetyStop("moving", "no motion has begun", "goals to go on from", "report this")
        return self._sent

    def now(self) -> float:
        """See RobotCell."""
        return self._ports.now()

    def observe(self, depth: bool = False) -> Observation:
        """See RobotCell."""
        with self._latching("looking"):
            self._read()
            with _camera_stops():
                frame = self._ports.frame()
            camera, image, deep = seen(frame, self._mount)
            if depth and deep is None:
                raise SafetyStop(
                    "looking", "a camera without depth", "a depth image", "lift by the table plane, or use a RealSense"
                )
            self._hand, self._arm = self._ports.hand(), self._ports.arm()  # once more: checking takes its time
            joints = np.concatenate([self._arm.positions, self._hand.positions])
            stamp = min(self._arm.stamp_s, self._hand.stamp_s)
            return Observation(image, camera, joints, frame.stamp_s, stamp, deep if depth else None, truth_of(frame))

    def follow(self, path: CheckedPath) -> None:
        """See RobotCell."""
        with self._latching("following a path"):
            self._read()
            require_path(path, self._arm.positions, START_RAD)
            self._begin()
            elapsed = 0.0
            while elapsed < path.duration_s:
                elapsed = min(elapsed + self._stride(), path.duration_s)
                self._step(path.at(np.array([elapsed]))[0], self._goals[1])
            self._settle(path.positions[-1])
            self._ports.rest()

    def hand(self, targets: Array, duration_s: float) -> None:
        """See RobotCell."""
        targets = require_hand_targets(targets, self.embodiment.limits[self._dof :])
        with self._latching("moving the hand"):
            self._read()
            self._begin()
            start, elapsed = self._goals[1], 0.0
            while elapsed < duration_s:
                elapsed = min(elapsed + self._stride(), duration_s)
                self._step(self._goals[0], start + elapsed / duration_s * (targets - start))
            self._step(self._goals[0], targets, hand_now=True)
            self._ports.rest()

    def evidence(self) -> Evidence:
        """See RobotCell: as the operator reports it, if the motion was completed."""
        if self._failed or not self._moved:
            return Evidence(held=False)
        return self._ports.evidence()

    def stop(self, reason: str) -> None:
        """See RobotCell."""
        self._ended = True
        self._ports.stop(reason)

    @contextmanager
    def _latching(self, doing: str) -> Generator[None]:
        """Any error inside, also Ctrl-C, stops the arm at once and latches."""
        try:
            self._require_running()
            yield
        except TypeError:  # an unchecked path: nothing was commanded
            raise
        except BaseException as error:
            if not (self._failed or self._ended):
                self._ports.stop(f"{doing}: {_words(error)}")
                self._ports.fault(f"{doing}: {_words(error)}")
            self._failed = True
            raise

    def _require_running(self) -> None:
        reason = self._ports.stopped()
        if reason:
            raise SafetyStop("moving", f"the cell was stopped: {reason}", "a running cell", "start a new trial")

    def _read(self, hand: bool = True) -> None:
        """Fresh readings, all of them checked."""
        ports = self._ports
        self._require_running()
        self._arm = ports.arm()
        if hand:
            self._hand = ports.hand()
        with _camera_stops():
            sight = ports.sight()
        self._guard.require_readings(self._arm, self._hand, sight, ports.now())

    def _begin(self) -> None:
        """A motion starts from rest: the arm where it is, the hand from the goals that it was given last."""
        if self._sent is None:
            limits = self.embodiment.limits[self._dof :]
            self._sent = self._arm.positions, np.clip(self._hand.positions, *limits.T)
        self._guard.begin(*self._sent)
        self._pace, self._due = 0.0, self._ports.now()
        self._moved = True

    def _stride(self) -> float:
        """The motion's own time in the next step [s]: less near a singularity, none without permission."""
        allowed = self._ports.permitted()
        self._guard.decisions.slow("permission", not allowed, "the operator does not hold the key", Verdict.PAUSED)
        share = self._guard.pace(self._goals[0], self._hand.positions) if allowed else 0.0
        period = self._config.limits.period_s
        ramp = period / RAMP_S
        self._pace = float(np.clip(self._config.speed * share, self._pace - ramp, self._pace + ramp))
        return period * self._pace

    def _step(self, arm: Array, hand: Array, hand_now: bool = False) -> None:
        """One period: check, send, wait, read again."""
        self._require_running()
        arm, hand = self._guard.step(arm, hand, self._arm.positions, self._hand.positions)
        with_hand = hand_now or self._steps % HAND_EVERY == 0
        self._guard.watch.require_fresh(
            "arm state", self._arm.stamp_s, self._ports.now(), self._config.limits.arm_age_s
        )
        self._ports.move(arm, hand if with_hand else None)
        self._sent, self._steps = (arm, hand), self._steps + 1
        self._due = max(self._due, self._ports.now() - self._config.limits.period_s) + self._config.limits.period_s
        self._ports.wait(self._due)
        self._read(hand=with_hand)

    def _settle(self, goal: Array) -> None:
        """Holds the goal until the arm has reached it."""
        for _ in range(round(SETTLE_S * self._config.limits.rate_hz)):
            if (
                np.abs(self._arm.positions - goal).max() <= SETTLED_RAD
                and np.abs(self._goals[0] - goal).max() <= SETTLED_RAD
            ):
                break
            self._step(goal, self._goals[1])
        require_arrival(self._arm.positions, goal)


@contextmanager
def _camera_stops() -> Generator[None]:
    """A camera that fails stops the trial."""
    try:
        yield
    except CameraError as error:
        raise SafetyStop("looking", f"{error.doing}: {error.got}", error.expected, error.next_step) from error


def _words(error: BaseException) -> str:
    return f"{error.doing}: {error.got}" if isinstance(error, SafetyStop) else f"{type(error).__name__} {error}".strip()
