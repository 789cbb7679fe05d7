"""Faults at any time of a grasp: no command after the stop, the arm stands still, the next start is refused.

By default a few faults are drawn; LACE_FAULT_RUNS=500 with `-m slow` draws 500.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies import make_policy
from policies.outcome import Result, SafetyStop
from policies.runner import run_trial
from real_bridge.cameras import CameraError
from real_bridge.emulator import faults as known
from real_bridge.emulator.faults import PlannedFault
from real_bridge.rig import Rig
from real_bridge.tape import read_log
from tests.bridged import PATIENT, bench, wait_for
from tests.emulated import needs_ports, own_host

pytestmark = needs_ports
GRASP_S = 6.0
"""Duration of a grasp at full speed; the time of the fault is drawn from it."""
STILL = 0.02
"""A joint slower than this counts as standing still [rad/s]."""
ERRORS = (11, 14, 17, 19, 21, 22, 23, 24, 25, 31, 35, 38, 60)
HARMLESS = ("controller_warning", "slow_controller", "torn_replies", "torn_frames", "delayed_frames")
"""Within the limits these do not stop a grasp: a warning, a delayed reply, a mixed image."""

FAULTS = st.one_of(
    st.sampled_from(ERRORS).map(known.ControllerError),
    st.just(known.EmergencyStop()),
    st.just(known.DroppedConnection()),
    st.just(known.SilentController()),
    st.just(known.FrozenState()),
    st.integers(0, 15).map(known.SilentMotor),
    st.just(known.SilentHand()),
    st.integers(0, 15).map(known.Overheating),
    st.just(known.BadChecksums(1.0)),
    st.just(known.FrozenCamera()),
    st.just(known.SilentCamera()),
    st.just(known.CutFrames()),
    st.sampled_from((-60.0, -5.0, 5.0)).map(known.StaleClock),
    st.just(known.ControllerWarning()),
    st.just(known.SlowController(0.01)),
    st.just(known.TornReplies(0.005)),
    st.just(known.TornFrames()),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with bench(tmp_path_factory.mktemp("bench"), own_host(13)) as site:
        yield site


def arm_commands(site, since_s: float) -> list[str]:
    """Commands received that could move the arm."""
    rows = site.emulator.admin.commands(since_s)
    return [row["name"] for row in rows if row["device"] == "arm" and row["name"].startswith("MOVE")]


def stands(site) -> bool:
    before = np.array(site.emulator.admin.truth()["joint_positions"][:7])
    time.sleep(0.1)
    after = np.array(site.emulator.admin.truth()["joint_positions"][:7])
    return bool(np.abs(after - before).max() < 0.1 * STILL)


def stopped(site) -> bool:
    """Whether the controller reports that it will not move."""
    truth = site.emulator.admin.truth()
    return truth["state"] == 4 or bool(truth["error"])


def one(site, fault: known.Fault, after_s: float) -> str:
    """One grasp with a fault; checks all requirements and returns how it ended."""
    site.reset()
    site.emulator.admin.inject(PlannedFault(fault, after_s=after_s))
    outcome = None
    try:
        with site.cell() as cell:
            outcome = run_trial(make_policy("oracle"), cell, site.primitive)
            rig, record = cell.rig, cell.record
    except (SafetyStop, CameraError) as stop:  # already while connecting or enabling
        site.emulator.admin.clear()
        assert stop.got
        assert wait_for(lambda: stands(site))
        return "refused at the start"
    stopped_s = time.monotonic()
    assert outcome is not None
    site.emulator.admin.clear()
    assert wait_for(lambda: stands(site))
    time.sleep(0.1)
    assert arm_commands(site, stopped_s) == []
    log = read_log(record)
    stop = next(i for i, (name, _value) in enumerate(log) if name == "stop")
    assert not [name for name, _value in log[stop:] if name in ("move", "moved")]
    truth = site.emulator.admin.truth()
    deaf = (
        {fault.motor} if isinstance(fault, known.SilentMotor) else set(range(16 * isinstance(fault, known.SilentHand)))
    )
    assert not [i for i, on in enumerate(truth["torque_on"]) if on and i not in deaf]  # the session was closed
    if not rig.fault_reason:
        assert fault.kind in HARMLESS or outcome.phase == "done" or not cell_moved(log), (fault, outcome)
        return outcome.result.value
    assert outcome.result in (Result.SAFETY_STOP, Result.COLLISION)
    assert outcome.reason
    assert wait_for(lambda: stopped(site)), site.emulator.admin.truth()["state"]
    with pytest.raises(SafetyStop, match="lace bridge clear"):
        Rig(site.config, site.robot.embodiment, {}, PATIENT)
    return f"{outcome.result.value} in {outcome.phase.value}"


def cell_moved(log: list) -> bool:
    return any(name == "move" for name, _value in log)


def campaign(site, runs: int, seed: int | None = None) -> Counter:
    """Draws faults and times; returns how the runs ended, by fault."""
    ends: Counter = Counter()

    @settings(
        max_examples=runs,
        deadline=None,
        derandomize=seed is None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(FAULTS, st.floats(0.0, GRASP_S))
    def draw(fault, after_s):
        ends[fault.kind, one(site, fault, after_s)] += 1
        if path := os.environ.get("LACE_FAULT_RESULTS"):
            write(Path(path), ends)

    draw()
    return ends


def write(path: Path, ends: Counter) -> None:
    """How the runs have ended so far, as JSON."""
    rows = [{"fault": fault, "end": end, "runs": count} for (fault, end), count in sorted(ends.items())]
    path.write_text(json.dumps({"runs": sum(ends.values()), "rows": rows}, indent=1))


@pytest.mark.slow
def test_a_few_faults_at_drawn_moments(site):
    assert sum(campaign(site, 3).values()) >= 3


@pytest.mark.slow
def test_the_whole_campaign(site):
    """Writes its observations to the file that LACE_FAULT_RESULTS names."""
    ends = campaign(site, int(os.environ.get("LACE_FAULT_RUNS", "500")))
    assert {fault for fault, _end in ends} == set(known.FAULTS) - {"delayed_frames"}


PROGRAM = """
import sys
from real_bridge.run.command import main
from real_bridge.run.config import RunConfig
from real_bridge.rig import RigConfig
from pathlib import Path
from tests.bridged import PATIENT
address, hand, camera, table_z, state, out = sys.argv[1:]
rig = RigConfig(address, hand, camera, table_z=float(table_z), state=Path(state))
sys.exit(main(RunConfig(Path(out), rig, trials=1, speed=1.0, operator="emulator", live=True, limits=PATIENT)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGSTOP])
def test_a_program_that_ends_or_hangs_at_any_moment_leaves_the_arm_at_rest(site, tmp_path, how):
    site.reset()
    config = site.config
    where = [config.address, config.hand_port, config.camera, str(config.table_z), str(config.state)]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *where, str(tmp_path / "run")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    try:
        process.stdin.write(b"MOVE\n")
        process.stdin.flush()
        since = time.monotonic()
        assert wait_for(lambda: len(arm_commands(site, since)) > 40, 300)
        process.send_signal(how)
        assert wait_for(lambda: site.emulator.admin.truth()["state"] == 4, PATIENT.guardian_s + 5)
        assert wait_for(lambda: stands(site))
        if how is not signal.SIGSTOP:
            process.wait(120)
        assert arm_commands(site, time.monotonic()) == []
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
    with pytest.raises(SafetyStop, match="lace bridge clear"):
        Rig(config, site.robot.embodiment, {}, PATIENT)
