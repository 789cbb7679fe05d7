"""The physical cell on the emulator: requirements of cells, a complete grasp, and equal decisions in a replay."""

import numpy as np
import pytest

from policies import make_policy
from policies.outcome import Result, SafetyStop
from policies.runner import run_trial
from real_bridge.cell import CellConfig, RealCell
from real_bridge.cell_log import ReplayedPorts
from tests.bridged import PATIENT, bench
from tests.cell_conformance import CellLaws
from tests.emulated import needs_ports, own_host

pytestmark = [needs_ports, pytest.mark.slow]
"""In real time: on a machine that does other work too, the emulator's camera or hand answers too late."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with bench(tmp_path_factory.mktemp("bench"), own_host(11)) as site:
        yield site


class TestRealCell(CellLaws):
    @pytest.fixture
    def cell(self, site):
        site.reset()
        with site.cell() as cell:
            yield cell

    def test_depth_comes_when_asked(self, cell):
        with pytest.raises(SafetyStop, match="without depth"):
            cell.observe(depth=True)


def test_a_grasp_from_end_to_end_and_again_from_its_log(site):
    site.reset()
    with site.cell() as cell:
        outcome = run_trial(make_policy("oracle"), cell, site.primitive)
        assert cell.rig.lock.reason  # until the session is closed properly
    assert (outcome.result, outcome.reason) == (Result.SUCCESS, "")
    assert outcome.lifted_mm > 100
    with site.rig() as rig:  # nothing is latched
        assert not rig.lock.reason
    ports = ReplayedPorts(cell.record)
    again = RealCell(
        ports, site.robot.embodiment, site.robot.xml_path, cell.table_z, CellConfig(1.0, PATIENT), tell=ports.tell
    )
    replayed = run_trial(make_policy("oracle"), again, site.primitive)
    assert replayed.result is outcome.result
    assert np.array_equal(replayed.predicted.target, outcome.predicted.target)
    assert ports.compared > 300
    assert ports.finished
