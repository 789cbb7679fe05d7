"""Faults at every phase of a grasp: no command after the stop, the arm stands still, the next start is refused.

`LACE_FAULT_RUNS=500 LACE_FAULT_RESULTS=FILE pytest -m slow tests/real_bridge/test_campaign.py -k whole` runs all of it;
FILE gets a line of JSON for each run, and the same command goes on where an earlier one ended.
"""

import os
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st

from policies.outcome import Phase, SafetyStop
from real_bridge.emulator import faults as known
from real_bridge.rig import Rig
from tests.bridged import PATIENT, bench, wait_for
from tests.emulated import needs_ports, own_host
from tests.real_bridge.campaign import FAULTS, PHASES, Moment, Row, add_row, goals_sent, one, read_rows, stands

pytestmark = needs_ports
CELLS = list(product(FAULTS, PHASES))
"""Every fault at every phase."""
BROKEN = "broken"
"""Result of a run in which something that must hold did not."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with bench(tmp_path_factory.mktemp("bench"), own_host(13)) as site:
        yield site


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "phase", "on_stop"),
    [
        (known.ControllerError(31), Phase.APPROACH, "hold"),
        (known.SilentHand(), Phase.CLOSE, "hold"),
        (known.DroppedConnection(), Phase.LIFT, "release"),
        (known.CutFrames(), Phase.RETREAT, "release"),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_a_fault_in_the_middle_of_a_phase_leaves_a_standing_arm(site, fault, phase, on_stop):
    row = one(site, fault, Moment(phase, 0.5), on_stop)
    assert row.result in ("safety_stop", "collision")


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_the_whole_campaign(site, tmp_path):
    """Each fault at each phase equally often; hypothesis draws the moment, the fault's own numbers and the hand's."""
    path = Path(os.environ.get("LACE_FAULT_RESULTS", tmp_path / "results.jsonl"))
    each = -(-int(os.environ.get("LACE_FAULT_RUNS", "500")) // len(CELLS))
    for number, (kind, phase) in enumerate(CELLS):
        draw_cell(site, path, number, kind, phase, each)
    rows = read_rows(path)
    assert [row for row in rows if row.result == BROKEN] == []
    assert {row.fault for row in rows} == set(known.FAULTS)
    assert all(sum((row.fault, row.phase) == (kind, phase.value) for row in rows) for kind, phase in CELLS)


def draw_cell(site, path: Path, number: int, kind: str, phase: Phase, runs: int) -> None:
    """Runs of one fault at one phase that are not in `path` yet."""
    done = read_rows(path)

    @seed(number)
    @settings(
        max_examples=runs,
        deadline=None,
        database=None,
        phases=[Stage.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(FAULTS[kind], st.floats(0.0, 0.9), st.sampled_from(["hold", "release"]))
    def draw(fault, share, on_stop):
        if any(same(row, fault, phase, share, on_stop) for row in done):
            return
        try:
            row = one(site, fault, Moment(phase, share), on_stop)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is written down, and the other runs go on)
            row = Row(
                kind, vars(fault), phase.value, share, on_stop, BROKEN, "", f"{type(error).__name__}: {error}", None
            )
        add_row(path, row)

    draw()


def same(row: Row, fault: known.Fault, phase: Phase, share: float, on_stop: str) -> bool:
    """Whether a row is of this run."""
    return (row.fault, row.parameters, row.phase, row.share, row.on_stop) == (
        fault.kind, vars(fault), phase.value, share, on_stop,
    )  # fmt: skip


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
        assert wait_for(lambda: len(goals_sent(site, since)) > 40, 300)
        process.send_signal(how)
        assert wait_for(lambda: site.emulator.admin.truth()["state"] == 4, PATIENT.watchdog_s + 5)
        assert wait_for(lambda: stands(site))
        if how is not signal.SIGSTOP:
            process.wait(120)
        assert goals_sent(site, time.monotonic()) == []
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
    with pytest.raises(SafetyStop, match="lace bridge clear"):
        Rig(config, site.robot.embodiment, {}, PATIENT)
