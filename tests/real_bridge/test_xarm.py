"""The xArm's driver on the emulated controller: it avoids every known pitfall of the SDK."""

import ast
import re
import socket
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from lace.core.kinematics import Kinematics
from real_bridge.arm import Arm, ArmSetup
from real_bridge.devices import ARMS
from real_bridge.emulator.faults import ControllerError, SilentController
from real_bridge.faults import DeviceFault
from real_bridge.xarm.driver import XArm7, _boundary
from real_bridge.xarm.stop import XArmStop
from tests import ROOT
from tests.bridged import bench, wait_for
from tests.emulated import needs_ports, own_host

pytestmark = needs_ports
PATIENCE_S = 1.0


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with bench(tmp_path_factory.mktemp("bench"), own_host(15)) as site:
        yield site


@pytest.fixture
def arm(site):
    site.reset()
    made = ARMS["xarm7"].connect(site.emulator.arm, PATIENCE_S)
    yield made
    made.close()


def truth(site):
    return site.emulator.admin.truth()


def test_it_is_an_arm_and_reads_what_is_there(site, arm):
    assert isinstance(arm, Arm)
    state = arm.read()
    assert state.positions == pytest.approx(truth(site)["joint_positions"][:7], abs=1e-4)
    kinematics = Kinematics(site.robot.embodiment)
    T = kinematics.link_poses(np.concatenate([state.positions, np.zeros(16)]))[kinematics.link_index["link7"]]
    assert state.T_base_flange == pytest.approx(T, abs=1e-4)  # metres and radians, our base frame
    assert not state.ready and not state.fault


def test_reading_commands_nothing_and_closing_stops_no_other_program(site):
    site.reset()
    mover = XArm7(site.emulator.arm, PATIENCE_S)
    mover.enable(ArmSetup())
    looker = XArm7(site.emulator.arm, PATIENCE_S)
    looker.read()
    looker.close()
    assert mover.read().ready
    mover.close()
    assert truth(site)["state"] == 4


def test_the_process_is_left_as_it_was(site):
    from xarm.core.comm import socket_port

    before = socket.getdefaulttimeout()
    XArm7(site.emulator.arm, PATIENCE_S).close()
    socket_port.socket.setdefaulttimeout(1)  # as its report thread does, at a moment of its own
    assert socket.getdefaulttimeout() == before


def test_enabling_reads_back_and_a_step_is_in_radians(site, arm):
    arm.enable(ArmSetup())
    assert arm.read().ready
    q = arm.read().positions
    arm.servo(q + [0.02, 0, 0, 0, 0, 0, 0])
    assert wait_for(lambda: abs(arm.read().positions[0] - q[0] - 0.02) < 2e-3)


@pytest.mark.parametrize("bad", [[np.nan] * 7, [np.inf] + [0] * 6, [0] * 6, [45.0] + [0] * 6])
def test_values_outside_radians_are_never_sent(site, arm, bad):
    arm.enable(ArmSetup())
    since = time.monotonic()
    with pytest.raises(ValueError, match="finite angles within a turn"):
        arm.servo(np.array(bad, float))
    assert [row for row in site.emulator.admin.commands(since) if row["name"].startswith("MOVE")] == []


def test_a_latched_error_refuses_enabling_and_is_not_cleared(site, arm):
    site.emulator.admin.inject(ControllerError(31))
    assert wait_for(lambda: "C31" in arm.read().fault)
    with pytest.raises(DeviceFault, match="lace bridge clear"):
        arm.enable(ArmSetup())
    assert truth(site)["error"] == 31
    arm.clear()
    assert wait_for(lambda: truth(site)["error"] == 0)


def test_collision_detection_cannot_be_switched_off(arm):
    with pytest.raises(DeviceFault, match="0 switches it off"):
        arm.enable(ArmSetup(collision_sensitivity=0))


def test_a_stop_from_another_thread_is_final(site, arm):
    arm.enable(ArmSetup())
    q, failed = arm.read().positions, []

    def move():
        for i in range(2000):
            try:
                arm.servo(q + 1e-5 * i)
            except DeviceFault as error:
                failed.append(error)
                return

    thread = threading.Thread(target=move)
    thread.start()
    time.sleep(0.2)
    assert arm.stop()
    stopped_s = time.monotonic()
    thread.join(10)
    assert failed
    assert truth(site)["state"] == 4
    assert [row for row in site.emulator.admin.commands(stopped_s) if row["name"].startswith("MOVE")] == []
    for again in (lambda: arm.servo(q), lambda: arm.enable(ArmSetup())):
        with pytest.raises(DeviceFault, match="it was stopped"):
            again()
    assert truth(site)["state"] == 4


def test_a_stop_while_the_arm_is_being_enabled_leaves_it_stopped(site, arm):
    """Setting the collision sensitivity leaves the arm ready in every case: the SDK does that itself."""
    thread = threading.Thread(target=lambda: pytest.raises(DeviceFault, arm.enable, ArmSetup()))
    thread.start()
    time.sleep(0.003)
    arm.stop()
    thread.join(10)
    assert truth(site)["state"] == 4


def test_a_silent_controller_is_an_error_and_no_old_value(site, arm):
    arm.read()
    site.emulator.admin.inject(SilentController())
    start = time.monotonic()
    with pytest.raises(DeviceFault, match="no answer in time|not connected"):
        arm.read()
    assert time.monotonic() - start < PATIENCE_S + 3
    site.emulator.admin.clear()


def test_the_stop_uses_its_own_connection(site):
    site.reset()
    mover = XArm7(site.emulator.arm, PATIENCE_S)
    mover.enable(ArmSetup())
    stopper = XArmStop(site.emulator.arm)
    assert stopper.stop()
    assert truth(site)["state"] == 4
    stopper.close()
    mover.close()


def test_a_missing_controller_is_reported_at_once():
    with pytest.raises(DeviceFault, match="control box is on"):
        XArm7(own_host(249), PATIENCE_S)


def calls(name: str) -> set[str]:
    """Files of the bridge, without the emulator, that call a method of this name."""
    found = set()
    for path in (ROOT / "real_bridge").rglob("*.py"):
        if "emulator" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == name:
                found.add(path.relative_to(ROOT).as_posix())
    return found


def test_errors_are_cleared_only_by_a_persons_command():
    assert calls("clean_error") == {"real_bridge/xarm/driver.py"}
    assert calls("clear") <= {"real_bridge/run/clear.py"}


def test_calls_that_mislead_are_not_used():
    """Waiting calls report a collision as an emergency stop; cached properties are old and outlive the connection."""
    tree = ast.parse((ROOT / "real_bridge" / "xarm" / "driver.py").read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "wait"]
    assert not calls("angles") - {"real_bridge/leap_hand/driver.py"}
    assert calls("set_servo_angle_j") == {"real_bridge/xarm/driver.py"}
    assert not calls("set_servo_angle") | calls("set_position") | calls("last_used_angles")
    source = (ROOT / "real_bridge" / "xarm" / "driver.py").read_text()
    assert source.count('"set_collision_sensitivity"') == 1  # in `enable`


@pytest.mark.parametrize("good", [0, [0], (0, 1)])
def test_codes_come_alone_or_in_a_list(arm, good):
    arm._done("a setter", good)
    for bad in (1, [1], (9, 0)):
        with pytest.raises(DeviceFault, match="a setter answered code"):
            arm._done("a setter", bad)


def test_the_boundary_has_the_controllers_order_and_unit():
    setup = ArmSetup(fence_low_m=(-0.25, -0.7, -0.1), fence_high_m=(0.85, 0.6, 1.0))
    assert _boundary(setup) == [850, -250, 600, -700, 1000, -100]


def test_a_planted_unix_socket_is_not_used(site, tmp_path):
    """The SDK would connect to this file, whatever the address is."""
    planted = Path(tempfile.gettempdir()) / "xarmcontroller_uds_502"
    if planted.exists():
        pytest.skip("there is one already")
    with socket.socket(socket.AF_UNIX) as trap:
        trap.bind(str(planted))
        trap.listen()
        trap.setblocking(False)
        try:
            made = XArm7(site.emulator.arm, PATIENCE_S)
            assert made.read().positions.shape == (7,)
            made.close()
            with pytest.raises(BlockingIOError):
                trap.accept()
        finally:
            planted.unlink()


def test_enabling_prints_nothing(site, capfd):
    site.reset()
    made = XArm7(site.emulator.arm, PATIENCE_S)
    made.enable(ArmSetup())
    made.close()
    assert capfd.readouterr().out == ""


def test_every_trap_of_the_page_has_its_test():
    page = (ROOT / "docs" / "bridge" / "traps.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", page))
    written = set(re.findall(r"def (test_\w+)", "".join(p.read_text() for p in (ROOT / "tests").rglob("test_*.py"))))
    assert len(named) >= 22
    assert named <= written
