"""The pre-flight check passes on a healthy emulator and names each fault."""

import threading
from dataclasses import replace

import pytest

from real_bridge.check import CheckConfig, findings, main
from real_bridge.emulator import faults
from real_bridge.rig import RigConfig
from tests.bridged import SketchCamera
from tests.emulated import needs_ports

pytestmark = [needs_ports, pytest.mark.slow]
"""In real time: on a machine that does other work too, the emulator's camera or hand answers too late."""
BUSY = {"round_trip_ms": 500.0, "image_age_ms": 1000.0, "least_fps": 1.0, "free_gb": 0.0}
"""Limits for a machine that is busy with other tests."""


@pytest.fixture
def config(emulator, robot, tmp_path):
    camera = SketchCamera(emulator, robot)
    rig = RigConfig(emulator.arm, str(emulator.hand), camera.address, state=tmp_path / "state")
    yield CheckConfig(rig, estop=False, **BUSY)
    camera.close()


def bad(config) -> dict[str, str]:
    """Names and messages of the failed checks."""
    found = list(findings(config, lambda _words: None))
    return {f.name: f.words for f in found if not f.good}


def test_a_healthy_rig_is_go(config, capsys):
    assert main(config) == 0
    said = capsys.readouterr().out
    assert said.rstrip().endswith("GO")
    assert "NO-GO" not in said


@pytest.mark.parametrize(
    ("fault", "name", "words"),
    [
        (faults.ControllerError(31), "arm", "C31"),
        (faults.Overheating(4), "hand", "overheating"),
        (faults.SilentHand(), "devices", "status packet"),
        (faults.FrozenCamera(), "camera", "all the same"),
        (faults.SlowController(0.06), "arm latency", "ms"),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_each_fault_is_no_go_by_name(config, emulator, fault, name, words):
    if isinstance(fault, faults.SlowController):
        config = replace(config, round_trip_ms=50.0)
    emulator.admin.inject(fault)
    found = bad(config)
    emulator.admin.clear()
    assert words in found[name]


def test_the_emergency_button_is_seen(config, emulator):
    press = threading.Timer(4.0, emulator.admin.inject, [faults.EmergencyStop()])
    press.start()
    last = list(findings(replace(config, estop=True, estop_s=20.0), lambda _words: None))[-1]
    press.join()
    assert (last.name, last.good) == ("e-stop", True)
    emulator.admin.clear()
    emulator.admin.start()
    last = list(findings(replace(config, estop=True, estop_s=0.3), lambda _words: None))[-1]
    assert (last.name, last.good) == ("e-stop", False)


def test_a_calibration_that_was_edited_is_no_go(config, tmp_path):
    import json

    import numpy as np

    from real_bridge.calibration.store import sealed
    from real_bridge.cameras.mount import Mount

    K = np.array([[100.0, 0, 48], [0, 100, 48], [0, 0, 1]])
    mount = sealed(Mount(K, (0.0,) * 5, np.eye(4), 96, 96, {"date": "2020-01-01T00:00:00+00:00", "rms_px": 0.3}))
    path = tmp_path / "camera.json"
    mount.save(path)
    config = replace(config, rig=replace(config.rig, calibration=path))
    assert "days old" in bad(config)["calibration"]
    row = json.loads(path.read_text())
    row["K"][0][0] = 101.0
    path.write_text(json.dumps(row))
    assert "not those that were calibrated" in bad(config)["calibration"]
