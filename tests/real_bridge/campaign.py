"""One grasp on the emulator with one fault at one moment, and everything that must hold afterwards.

`python -m tests.real_bridge.campaign FILE` prints a table of the rows in FILE.
"""

import builtins
import json
import sys
import threading
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from assets.grasps import grasp_for
from policies import make_policy
from policies.outcome import Outcome, Phase, Result, SafetyStop
from policies.primitives.grasp import GraspConfig, GraspPrimitive
from policies.runner import run_trial
from real_bridge.cameras.camera import CameraError
from real_bridge.cell_log import read_log
from real_bridge.emulator import faults as known
from real_bridge.emulator.admin import Admin
from real_bridge.rig import Rig
from real_bridge.run import clear
from real_bridge.safety import SafetyLimits
from tests.bridged import PATIENT, Bench, wait_for

ARM_SPEED = 2.8
"""The grasp is planned faster than by default, for short runs [rad/s]; the arm allows pi."""
LIMITS = replace(PATIENT, velocity=3.0)
STILL_RAD = 0.002
"""An arm that moves by less in a tenth of a second stands still."""
ERRORS = (11, 14, 17, 19, 21, 22, 23, 24, 25, 31, 35, 38, 60)
MOTORS = st.integers(0, 15)
FAULTS: dict[str, st.SearchStrategy[known.Fault]] = {
    "controller_error": st.sampled_from(ERRORS).map(known.ControllerError),
    "emergency_stop": st.just(known.EmergencyStop()),
    "dropped_connection": st.just(known.DroppedConnection()),
    "silent_controller": st.just(known.SilentController()),
    "frozen_state": st.just(known.FrozenState()),
    "silent_motor": MOTORS.map(known.SilentMotor),
    "silent_hand": st.just(known.SilentHand()),
    "overheating": MOTORS.map(known.Overheating),
    "bad_checksums": st.just(known.BadChecksums(1.0)),
    "frozen_camera": st.just(known.FrozenCamera()),
    "silent_camera": st.just(known.SilentCamera()),
    "cut_frames": st.just(known.CutFrames()),
    "damaged_frames": st.just(known.DamagedFrames()),
    "stale_clock": st.sampled_from((-60.0, -5.0, 5.0)).map(known.StaleClock),
    "delayed_frames": st.sampled_from((1.0, 10.0)).map(known.DelayedFrames),
    "controller_warning": st.just(known.ControllerWarning()),
    "slow_controller": st.just(known.SlowController(0.01)),
    "torn_replies": st.just(known.TornReplies(0.005)),
    "torn_frames": st.just(known.TornFrames()),
}
HARMLESS = ("controller_warning", "slow_controller", "torn_replies", "torn_frames")
"""These do not stop a grasp: a warning, a reply 10 ms late, an image whose lower half is one frame older."""
CAMERA = ("frozen_camera", "silent_camera", "cut_frames", "damaged_frames", "stale_clock", "delayed_frames")
"""With these a finished motion may have no image by which it could be judged."""
NOTICED_S = 1.0
"""A fault is noticed within the age limit of its readings and this time for a step on a busy machine [s]."""
UNJUDGED = "unjudged"
"""Result of a motion that was completed, and of whose end the camera sent no frame."""
MOVING = (Phase.APPROACH, Phase.CLOSE, Phase.LIFT, Phase.RETREAT)
PHASES = (Phase.OBSERVE, Phase.PREDICT, Phase.PLAN, *MOVING)
THINKS_S = 0.2
"""The policy and the planner take so long here: the moment of the fault is drawn from it [s]."""


@dataclass(frozen=True)
class Moment:
    """When the fault comes: after this share of a phase."""

    phase: Phase
    share: float


@dataclass(frozen=True)
class Row:
    """What became of one run."""

    fault: str
    parameters: dict
    phase: str
    share: float
    on_stop: str
    result: str
    ended_in: str
    """Phase in which the trial ended."""
    reason: str
    last_command_s: float | None
    """From the fault to the last motion command of the arm, where the run was stopped after it had moved [s]."""


class Injector:
    """Injects one fault at its moment; the policy and the primitive of a trial tell it where the trial is."""

    def __init__(self, site: Bench, fault: known.Fault, moment: Moment):
        self.fault, self.moment, self.injected_s = fault, moment, None
        self._policy, self._primitive = make_policy("oracle"), fast_primitive(site)
        self._admin, self._timer = Admin(*site.emulator.admin.address), None
        self.name, self.needs_depth = self._policy.name, self._primitive.needs_depth

    def begin(self, phase: Phase, lasts_s: float) -> None:
        """A phase of the trial begins."""
        if phase is self.moment.phase and self._timer is None:
            self._timer = threading.Timer(self.moment.share * lasts_s, self._inject)
            self._timer.start()

    def _inject(self) -> None:
        self.injected_s = time.monotonic()
        self._admin.inject(self.fault)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        self._admin.close()

    def reset(self, seed: int) -> None:
        self._policy.reset(seed)
        self.begin(Phase.OBSERVE, 0.0)

    def predict(self, observation):
        self.begin(Phase.PREDICT, THINKS_S)
        time.sleep(THINKS_S)
        return self._policy.predict(observation)

    def plan(self, observation, points, table_z):
        self.begin(Phase.PLAN, THINKS_S)
        plan = self._primitive.plan(observation, points, table_z)
        time.sleep(THINKS_S)
        lasts: dict[Phase, float] = defaultdict(float)
        for move in plan.moves:
            lasts[move.phase] += duration(move)
        return replace(plan, moves=tuple(Told(move, self, lasts[move.phase]) for move in plan.moves))


@dataclass(frozen=True)
class Told:
    """A move that tells the injector when it begins."""

    move: object
    injector: Injector
    lasts_s: float

    @property
    def phase(self) -> Phase:
        return self.move.phase

    def run(self, cell) -> None:
        self.injector.begin(self.move.phase, self.lasts_s)
        self.move.run(cell)


def duration(move) -> float:
    return move.path.duration_s if hasattr(move, "path") else move.duration_s


def fast_primitive(site: Bench) -> GraspPrimitive:
    """The default grasp, planned with ARM_SPEED."""
    if not hasattr(site, "fast"):
        robot = site.robot
        config = GraspConfig(arm_speed=ARM_SPEED)
        site.fast = GraspPrimitive(robot.embodiment, robot.xml_path, grasp_for("dinosaur"), config)
    return site.fast


def goals_sent(site: Bench, since_s: float) -> list[dict]:
    """Commands that arrived after `since_s` and could move the arm or the hand."""
    rows = site.emulator.admin.commands(since_s)
    return [row for row in rows if row["name"].startswith("MOVE") or row["name"] == "SYNC_WRITE 116"]


def stands(site: Bench) -> bool:
    """Whether the arm stands still."""
    before = np.array(site.emulator.admin.truth()["joint_positions"][:7])
    time.sleep(0.1)
    after = np.array(site.emulator.admin.truth()["joint_positions"][:7])
    return bool(np.abs(after - before).max() < STILL_RAD)


def stopped(site: Bench) -> bool:
    """Whether the controller reports that it will not move."""
    truth = site.emulator.admin.truth()
    return truth["state"] == 4 or bool(truth["error"])


def one(site: Bench, fault: known.Fault, moment: Moment, on_stop: str, limits: SafetyLimits = LIMITS) -> Row:
    """A grasp with a fault; every requirement is asserted."""
    site.reset()
    start_s = time.monotonic()
    injector = Injector(site, fault, moment)
    with site.cell(limits, on_stop=on_stop) as cell:
        try:
            outcome = run_trial(injector, cell, injector)
        except CameraError as error:
            outcome = unjudged(fault, error)
        finally:
            ended_s = cell.rig.latch.set_s
            injector.close()
        rig, record = cell.rig, cell.record
        if rig.fault_reason:
            require_hand(site, fault, on_stop)
    assert wait_for(lambda: stands(site)), "the arm moves though the session has ended"
    assert goals_sent(site, ended_s) == []
    require_nothing_after_the_stop(record)
    if rig.fault_reason:
        require_latched(site, outcome, rig)
    else:
        site.emulator.admin.clear()
        refused = outcome.result is Result.SAFETY_STOP and not goals_sent(site, start_s)  # before anything moved
        late = came_late(fault, moment, injector.injected_s, ended_s, limits)
        assert harmless(fault, limits) or refused or (outcome.phase is Phase.DONE and late), (fault, outcome)
    assert not [i for i, on in enumerate(site.emulator.admin.truth()["torque_on"]) if on and i not in deaf(fault)]
    moves = [row["stamp_s"] for row in goals_sent(site, start_s) if row["device"] == "arm"]
    last = None
    if rig.fault_reason and moves and injector.injected_s is not None:
        last = round(max(moves[-1] - injector.injected_s, 0.0), 3)
    return Row(
        fault.kind, asdict(fault), moment.phase.value, moment.share, on_stop, result_of(outcome),
        outcome.phase.value, outcome.reason, last,
    )  # fmt: skip


def unjudged(fault: known.Fault, error: CameraError) -> Outcome:
    """The outcome of a completed motion whose end no frame shows: only a broken camera may leave that."""
    assert fault.kind in CAMERA, error
    return Outcome(Result.SLIP, Phase.DONE, f"{UNJUDGED}: {error.got}")


def result_of(outcome: Outcome) -> str:
    """As a row has it."""
    return UNJUDGED if outcome.reason.startswith(UNJUDGED) else outcome.result.value


def harmless(fault: known.Fault, limits: SafetyLimits) -> bool:
    """Whether a grasp may go on under the fault: its images are late by less than the limit, or it is HARMLESS."""
    if isinstance(fault, known.DelayedFrames):
        return fault.delay_s <= limits.image_age_s
    return fault.kind in HARMLESS


def came_late(
    fault: known.Fault, moment: Moment, injected_s: float | None, ended_s: float, limits: SafetyLimits
) -> bool:
    """Whether the motion could be completed before the fault had to be noticed.

    A frozen camera or state shows by motion alone: by 0.1 or 0.15 rad, which the last phase need not have.
    """
    if injected_s is None:
        return True
    if fault.kind in ("frozen_camera", "frozen_state"):
        return moment.phase is MOVING[-1]
    oldest = limits.image_age_s if fault.kind in CAMERA else max(limits.arm_age_s, limits.hand_age_s)
    return ended_s - injected_s <= oldest + NOTICED_S


def deaf(fault: known.Fault) -> set[int]:
    """Motors that cannot hear a command to let go."""
    return (
        {fault.motor} if isinstance(fault, known.SilentMotor) else set(range(16 * isinstance(fault, known.SilentHand)))
    )


def require_hand(site: Bench, fault: known.Fault, on_stop: str) -> None:
    """After the stop, before the session is closed: the hand holds or has let go, as configured."""
    on = site.emulator.admin.truth()["torque_on"]
    for motor in set(range(16)) - deaf(fault):
        failed = isinstance(fault, known.Overheating) and motor == fault.motor  # it let go by itself
        assert on[motor] == (on_stop == "hold" and not failed), (motor, on_stop)


def require_nothing_after_the_stop(record: Path) -> None:
    """By the program's own log."""
    log = read_log(record)
    stop = next(i for i, (name, _value) in enumerate(log) if name == "stop")
    assert not [name for name, _value in log[stop:] if name in ("move", "moved")]
    assert log[stop][1]  # the reason


def require_latched(site: Bench, outcome: Outcome, rig: Rig) -> None:
    """The stop is told with its reason, and holds until a person clears it."""
    assert outcome.result in (Result.SAFETY_STOP, Result.COLLISION)
    assert outcome.reason
    with pytest.raises(SafetyStop, match="lace bridge clear"):
        Rig(site.config, site.robot.embodiment, {}, LIMITS)
    site.emulator.admin.clear()
    assert wait_for(lambda: stopped(site)), site.emulator.admin.truth()["state"]
    typed, builtins.input = builtins.input, lambda _question: clear.WORD
    try:
        assert clear.main(clear.ClearConfig(site.emulator.arm, state=site.config.state)) == 0
    finally:
        builtins.input = typed
    assert site.emulator.admin.truth()["error"] == 0
    with site.rig(LIMITS) as again:
        assert not again.lock.reason


def read_rows(path: Path) -> list[Row]:
    """Rows of a results file."""
    lines = path.read_text().splitlines() if path.is_file() else []
    return [Row(**json.loads(line)) for line in lines]


def add_row(path: Path, row: Row) -> None:
    """Appends one row."""
    with path.open("a") as file:
        file.write(json.dumps(asdict(row)) + "\n")


def table(rows: list[Row]) -> str:
    """By fault: runs, how they ended, and the time to the last command, as Markdown."""
    lines = [
        "| fault | runs | stopped | went on | last command after the fault: median, most [ms] | said |",
        "|---|---|---|---|---|---|",
    ]
    for kind in FAULTS:
        mine = [row for row in rows if row.fault == kind]
        ends = [row for row in mine if row.result in ("safety_stop", "collision")]
        late = [1000 * row.last_command_s for row in ends if row.last_command_s is not None and row.phase in MOVING]
        times = f"{np.median(late):.0f}, {max(late):.0f}" if late else "-"
        words = ends[len(ends) // 2].reason.split(";")[0][:90] if ends else ""
        lines.append(f"| `{kind}` | {len(mine)} | {len(ends)} | {len(mine) - len(ends)} | {times} | {words} |")
    return "\n".join(lines)


if __name__ == "__main__":
    found = read_rows(Path(sys.argv[1]))
    print(f"{len(found)} runs\n\n{table(found)}")
