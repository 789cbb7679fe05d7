"""Every plannable fault appears on the wire as on the real devices and ends at its time."""

import json
import socket
import time

import numpy as np
import pytest

from lace.core.errors import InvalidValueError, UnknownNameError
from real_bridge.emulator import faults
from real_bridge.emulator.faults import FAULTS, FaultBoard, PlannedFault
from real_bridge.emulator.leap import control_table as table
from tests.emulated import READY, eventually, needs_ports, vendor_arm
from tests.real_bridge.emulator.test_hand import asked, make_bus, vendor_hand, write

SLOW = {"speed": 0.3}
AWAY = (READY + [1.0, 0, 0, 0, 0, 0, 0]).tolist()


@pytest.mark.parametrize("kind", FAULTS)
def test_a_plan_survives_json(kind):
    planned = PlannedFault(FAULTS[kind](), 1.5, "motion", 2.0)
    assert faults.from_plain(json.loads(json.dumps(faults.to_plain(planned)))) == planned


def test_bad_plans_are_refused_by_name():
    with pytest.raises(UnknownNameError, match="silent_motor"):
        faults.from_plain({"kind": "silent_moter"})
    with pytest.raises(InvalidValueError, match="motor"):
        faults.from_plain({"kind": "silent_motor", "engine": 3})
    with pytest.raises(InvalidValueError, match="after_s"):
        faults.from_plain({"kind": "silent_motor", "after_s": -1})


def test_a_board_begins_and_ends_faults_at_their_time():
    begun = []
    board = FaultBoard(begun.append)
    board.tick(10.0, False)
    board.plan(
        [PlannedFault(faults.SilentHand(), 1.0, lasts_s=2.0), PlannedFault(faults.EmergencyStop(), 0.5, "motion")]
    )
    seen = []
    for now in np.arange(10.0, 16.0, 0.5):
        board.tick(now, moving=now >= 14)
        seen.append((float(now), [fault.kind for fault in board.active]))
    assert [now for now, active in seen if "silent_hand" in active] == [11.0, 11.5, 12.0, 12.5]
    assert next(now for now, active in seen if "emergency_stop" in active) == 14.5
    assert [fault.kind for fault in begun] == ["silent_hand", "emergency_stop"]


@needs_ports
@pytest.mark.parametrize("code", [11, 22, 31, 60])
def test_controller_errors_stop_the_arm_and_stay(emulator, code):
    with vendor_arm(emulator.arm) as arm:
        assert arm.set_servo_angle(angle=AWAY, **SLOW) == 0
        assert eventually(lambda: abs(emulator.admin.truth()["joint_velocities"][0]) > 0.05)
        emulator.admin.inject(faults.ControllerError(code))
        assert eventually(lambda: arm.error_code == code), "the 5 Hz report brings it"
        assert arm.set_servo_angle(angle=READY.tolist()) == 1
        assert [arm.set_mode(1), arm.set_state(0)] == [0, 0]
        assert arm.get_state() == (0, 4)
        assert eventually(lambda: np.abs(emulator.admin.truth()["joint_velocities"][:7]).max() < 0.01)
        arm.clean_error()
        arm.motion_enable(True)
        arm.set_mode(0)
        arm.set_state(0)
        assert eventually(lambda: arm.error_code == 0), "the SDK looks at its last report"
        assert arm.set_servo_angle(angle=READY.tolist(), wait=True, speed=1.0) == 0


@needs_ports
def test_the_emergency_button_holds_until_it_is_released(emulator):
    with vendor_arm(emulator.arm) as arm:
        emulator.admin.inject(faults.EmergencyStop())
        assert eventually(lambda: arm.get_err_warn_code()[1][0] == 2)
        arm.clean_error()
        assert arm.get_err_warn_code()[1][0] == 2
        emulator.admin.clear()
        arm.clean_error()
        assert arm.get_err_warn_code()[1][0] == 0
        assert arm.set_servo_angle(angle=READY.tolist()) != 0, "the motors are off"


@needs_ports
def test_a_dropped_connection_is_noticed(emulator):
    with vendor_arm(emulator.arm) as arm:
        emulator.admin.inject(faults.DroppedConnection())
        assert eventually(lambda: not arm.connected)
        assert arm.get_servo_angle()[0] == -1
        with socket.create_connection((emulator.arm, 502), 5) as line:
            assert line.recv(10) == b"", "nobody gets in while it lasts"
        emulator.admin.clear()
        with socket.create_connection((emulator.arm, 502), 5) as line:
            line.sendall(bytes.fromhex("0001 0002 0001 0D"))
            assert line.recv(100)


def raw_round_trip(host: str) -> tuple[bytes, float, int]:
    """Reply, time and pieces of one GET_STATE."""
    with socket.create_connection((host, 502), 5) as line:
        line.settimeout(1.0)
        start, got, pieces = time.monotonic(), b"", 0
        line.sendall(bytes.fromhex("0001 0002 0001 0D"))
        while len(got) < 9:
            got += line.recv(100)
            pieces += 1
        return got, time.monotonic() - start, pieces


@needs_ports
def test_slow_torn_and_missing_replies(emulator):
    admin = emulator.admin
    admin.inject(faults.SlowController(0.3))
    assert raw_round_trip(emulator.arm)[1] >= 0.3
    admin.clear()
    admin.inject(faults.TornReplies(0.2))
    reply, taken, pieces = raw_round_trip(emulator.arm)
    assert (len(reply), pieces) == (9, 2)
    assert taken >= 0.2
    admin.clear()
    admin.inject(faults.SilentController())
    with pytest.raises(TimeoutError):
        raw_round_trip(emulator.arm)


@needs_ports
def test_a_frozen_state_reports_old_joint_angles(emulator):
    with vendor_arm(emulator.arm) as arm:
        emulator.admin.inject(faults.FrozenState())
        assert arm.set_servo_angle(angle=AWAY, speed=1.0) == 0
        assert eventually(lambda: abs(emulator.admin.truth()["joint_positions"][0] - AWAY[0]) < 0.02)
        np.testing.assert_allclose(arm.get_servo_angle()[1], READY, atol=5e-3)


@needs_ports
def test_faults_of_the_hand_reach_the_vendors_client(emulator):
    with vendor_hand(emulator.hand) as (_sdk, port, handler):
        emulator.admin.inject(faults.SilentMotor(5))
        assert all(handler.ping(port, 5)[1] == -3001 for _ in range(3)), "no status packet"
        assert eventually(lambda: handler.ping(port, 6)[1] == 0)
        emulator.admin.clear()
        emulator.admin.inject(faults.BadChecksums())
        assert eventually(lambda: handler.ping(port, 6)[1] == -3002), "corrupt status packet"
        emulator.admin.clear()
        emulator.admin.inject(faults.Overheating(3))
        assert eventually(lambda: handler.read1ByteTxRx(port, 3, table.HARDWARE_ERROR)[0] == table.OVERHEATED)
        assert eventually(lambda: handler.read1ByteTxRx(port, 3, table.PRESENT_TEMPERATURE)[0] > 70)
        assert handler.write1ByteTxRx(port, 3, table.TORQUE_ENABLE, 1)[1] & 0x80
        assert not emulator.admin.truth()["torque_on"][3]
        emulator.admin.inject(faults.SilentHand())
        assert all(handler.ping(port, i)[1] == -3001 for i in (0, 15))


def test_the_bus_watchdog_stops_a_motor_and_refuses_goals():
    bus = make_bus()
    motor = bus.motors[2]
    for address, value in ((table.TORQUE_ENABLE, 1), (table.BUS_WATCHDOG, 5), (table.GOAL_POSITION, 500)):
        assert asked(bus, 2, 3, write(address, value))[0][2] == b"\0"
    motor.sense(0.3, 0.0, 0.0, 0.099)
    assert motor.get(table.GOAL_POSITION) == 500
    motor.sense(0.3, 0.0, 0.0, 0.002)
    assert motor.get(table.BUS_WATCHDOG) == -1
    assert motor.get(table.GOAL_POSITION) == motor.get(table.PRESENT_POSITION) == round(0.3 * 4096 / 2 / np.pi)
    assert asked(bus, 2, 3, write(table.GOAL_POSITION, 500))[0][2] == b"\x04"
    assert asked(bus, 2, 3, write(table.BUS_WATCHDOG, 0))[0][2] == b"\0"
    assert asked(bus, 2, 3, write(table.GOAL_POSITION, 500))[0][2] == b"\0"


def test_traffic_resets_the_watchdog():
    bus = make_bus()
    asked(bus, 2, 3, write(table.BUS_WATCHDOG, 5))
    for _ in range(10):
        bus.motors[2].sense(0.0, 0.0, 0.0, 0.09)
        asked(bus, 7, 1)
    assert bus.motors[2].get(table.BUS_WATCHDOG) == 5
