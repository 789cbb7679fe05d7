"""The hand's driver on an emulated line: motors by joint name, fresh readings, a port that survives Ctrl-C."""

import signal
import struct

import numpy as np
import pytest

from lace.core.errors import InvalidValueError
from real_bridge.devices import HANDS
from real_bridge.emulator import faults
from real_bridge.emulator.leap import control_table as table
from real_bridge.faults import DeviceFault
from real_bridge.hand import Hand
from real_bridge.leap_hand import motors
from real_bridge.leap_hand.driver import GAINS, MOST_CURRENT_A, SIDE_GAINS, LeapHand
from real_bridge.leap_hand.motors import MOTOR_OF, SIDE_MOTORS
from real_bridge.leap_hand.release import release
from real_bridge.leap_hand.serial_client import NoAnswer, SerialClient
from tests.bridged import wait_for
from tests.real_bridge.serial_hand import SerialHand

NAMES = tuple(MOTOR_OF)
CAP_A, PATIENCE_S = 0.3, 2.0
LATE_S = 0.08
"""Later than the SDK waits for an answer (34 ms)."""


@pytest.fixture
def line():
    line = SerialHand()
    yield line
    line.close()


@pytest.fixture
def hand(line):
    hand = LeapHand(line.port, NAMES, {}, PATIENCE_S)
    yield hand
    hand.close()


def test_it_is_a_hand(hand):
    assert isinstance(hand, Hand)
    assert HANDS["leap"].releaser == "real_bridge.leap_hand.release:release"


def test_the_models_order_and_the_motors_order_differ_and_names_decide(line, robot):
    names = robot.embodiment.joint_names[robot.embodiment.arm_dof :]
    assert [MOTOR_OF[name] for name in names][:4] == [1, 0, 2, 3]  # forward before side, the motors side before forward
    angles = dict(zip(names, np.linspace(-0.4, 0.4, 16), strict=True))
    for name, angle in angles.items():
        line.turn(MOTOR_OF[name], np.pi + angle)
    for order in (names, names[::-1], sorted(names)):
        hand = LeapHand(line.port, order, {}, PATIENCE_S)
        assert hand.read().positions == pytest.approx([angles[name] for name in order], abs=1e-3)
        hand.enable(CAP_A)
        hand.servo(np.array([angles[name] + 0.1 for name in order]))
        hand.read()  # the goals have arrived
        for name, angle in angles.items():
            assert line.goal(MOTOR_OF[name]) == pytest.approx(np.pi + angle + 0.1, abs=1e-3)
        hand.close()


def test_calibrated_zeros_apply_both_ways(line):
    hand = LeapHand(line.port, NAMES, {"leap_if_pip": 0.2}, PATIENCE_S)
    line.turn(MOTOR_OF["leap_if_pip"], np.pi + 0.2)
    assert hand.read().positions[NAMES.index("leap_if_pip")] == pytest.approx(0, abs=1e-3)
    hand.enable(CAP_A)
    hand.servo(np.full(16, 0.1))
    hand.read()
    assert line.goal(MOTOR_OF["leap_if_pip"]) == pytest.approx(np.pi + 0.3, abs=1e-3)
    hand.close()


@pytest.mark.parametrize("names", [NAMES[:-1], (*NAMES[:-1], "leap_if_pip"), (*NAMES[:-1], "thumb")])
def test_other_joints_are_refused_before_the_port_opens(names):
    with pytest.raises(InvalidValueError, match="each once of"):
        LeapHand("/nowhere", names, {}, PATIENCE_S)


def test_enabling_a_hand_that_was_left_on_in_another_mode(line, hand):
    """The mode is locked while the torque is on and written in silence; a change of it resets gains and current."""
    for motor in line.motors:
        motor.put(table.OPERATING_MODE, 3)
        motor.put(table.TORQUE_ENABLE, 1)
    for i in range(16):
        line.turn(i, np.pi + 0.01 * i)
    hand.enable(CAP_A)
    for i, motor in enumerate(line.motors):
        gains = SIDE_GAINS if i in SIDE_MOTORS else GAINS
        found = [motor.get(a) for a in (table.OPERATING_MODE, table.P_GAIN, table.I_GAIN, table.D_GAIN)]
        assert found == [5, gains["P"], gains["I"], gains["D"]]
        assert motor.get(table.GOAL_CURRENT) == round(CAP_A / motors.CURRENT_UNIT_A)
        assert line.goal(i) == pytest.approx(np.pi + 0.01 * i, abs=1e-3)  # it holds where it is
    assert line.torques() == [1] * 16


def test_a_setting_that_did_not_arrive_is_noticed(line, hand, monkeypatch):
    monkeypatch.setattr(type(line.motors[0]), "_in_range", lambda *_any: True)
    line.motors[3].put(table.CURRENT_LIMIT, 100)
    write = hand._bus.write
    monkeypatch.setattr(hand._bus, "write", lambda m, r, v: None if r == motors.GOAL_CURRENT else write(m, r, v))
    with pytest.raises(DeviceFault, match="register 102 holds"):
        hand.enable(CAP_A)


@pytest.mark.parametrize("cap", [0.0, MOST_CURRENT_A + 0.01, np.nan])
def test_a_current_cap_that_makes_no_sense_is_refused(hand, line, cap):
    with pytest.raises(InvalidValueError, match="current cap"):
        hand.enable(cap)
    assert line.torques() == [0] * 16


def test_numbers_have_signs_and_units(line, hand):
    line.motors[2].put(table.PRESENT_CURRENT, -120)
    line.motors[2].put(table.PRESENT_VELOCITY, -10)
    line.motors[2].put(table.PRESENT_TEMPERATURE, 41)
    state = hand.read()
    at = NAMES.index("leap_if_pip")
    assert state.currents_A[at] == pytest.approx(-0.12)
    assert state.velocities[at] == pytest.approx(-10 * 0.229 * 2 * np.pi / 60)
    assert state.temperatures_C[at] == 41


def test_a_late_reply_is_not_taken_for_the_next_one(line):
    """Replies carry no number: what comes late is thrown away before the next question."""
    hand = LeapHand(line.port, NAMES, {}, 0.0)  # asked once
    line.turn(0, np.pi)
    line.late_s = [LATE_S]
    with pytest.raises(NoAnswer, match="of motor 0"):
        hand.read()
    line.turn(0, np.pi + 0.5)
    for _ in range(5):  # a busy computer delays further replies
        try:
            state = hand.read()
            break
        except NoAnswer:
            continue
    assert state.positions[0] == pytest.approx(0.5, abs=1e-3)
    hand.close()


def test_patience_asks_again_and_ends(line, hand):
    line.late_s = [PATIENCE_S / 2]
    assert hand.read().positions.shape == (16,)
    asked = line.log.reads["hand SYNC_READ 116"]
    assert asked >= 2
    line.fail(faults.SilentMotor(5))
    hand._bus.patience_s = 0.0
    with pytest.raises(DeviceFault, match="of motor 5"):
        hand.read()


def test_every_reply_may_be_late_by_a_third_of_the_patience(line):
    """A busy computer delays every reply, those to the marks too; the maker's client gives up after 34 ms each time."""
    line.turn(0, np.pi + 0.5)
    line.late_s = [LATE_S] * 1000
    hand = LeapHand(line.port, NAMES, {}, 10 * LATE_S)
    assert hand.read().positions[0] == pytest.approx(0.5, abs=1e-3)
    hand._bus._dirty = True  # after a failure it looks for its place first
    line.turn(0, np.pi - 0.5)
    assert hand.read().positions[0] == pytest.approx(-0.5, abs=1e-3)
    hand.close()


def test_waiting_for_a_reply_leaves_the_processor_to_others(line, hand, monkeypatch):
    looks, once = [], hand._bus._port.readPort
    monkeypatch.setattr(hand._bus._port, "readPort", lambda length: looks.append(length) or once(length))
    line.late_s = [LATE_S]
    hand.read()
    assert len(looks) < 1000  # without sleep it is some 10,000 times


def test_broken_checksums_are_errors_and_no_old_values(line, hand):
    hand.read()
    line.fail(faults.BadChecksums(1.0))
    hand._bus.patience_s = 0.0
    with pytest.raises(DeviceFault, match="motor 0"):
        hand.read()


def test_a_hot_motor_is_named(line, hand):
    hand.enable(CAP_A)
    line.motors[9].put(table.PRESENT_TEMPERATURE, 72)
    line.motors[9].shut_down(table.OVERHEATED)
    state = hand.read()
    assert state.fault == "leap_rf_mcp: overheating"
    assert state.temperatures_C.max() == 72


def test_a_goal_that_did_not_arrive_is_noticed(line, hand):
    """Broadcast writes are not confirmed: a motor that missed one would keep its earlier goal for ever."""
    hand.enable(CAP_A)
    line.fail(faults.SilentMotor(7))
    written = len(line.log.commands)
    hand.servo(np.full(16, 0.2))
    assert wait_for(lambda: len(line.log.commands) > written)
    line.faults.clear()
    assert hand.read().fault == "leap_mf_dip: the last goal did not arrive"
    hand.servo(np.full(16, 0.2))
    assert hand.read().fault == ""


def test_a_frozen_hand_gets_no_goals_and_a_released_one_lets_go(line, hand):
    hand.enable(CAP_A)
    hand.freeze()
    with pytest.raises(DeviceFault, match="it was stopped"):
        hand.servo(np.zeros(16))
    assert line.torques() == [1] * 16
    assert hand.release()
    assert line.torques() == [0] * 16
    with pytest.raises(DeviceFault, match="it was stopped"):
        hand.enable(CAP_A)


def test_who_only_looked_does_not_let_go(line):
    for motor in line.motors:
        motor.put(table.TORQUE_ENABLE, 1)
    hand = LeapHand(line.port, NAMES, {}, PATIENCE_S)
    hand.read()
    hand.close()
    assert line.torques() == [1] * 16


def test_a_silent_motor_does_not_keep_the_others_on(line, hand):
    hand.enable(CAP_A)
    line.fail(faults.SilentMotor(0))
    before = len(line.log.commands)
    assert not hand.release()
    assert line.torques() == [1] + [0] * 15
    assert len(line.log.commands) - before <= 1 + 16 + 2 * 16  # nobody is asked more than three times


@pytest.mark.parametrize("which", ["writePort", "readPort"])
def test_ctrl_c_inside_of_a_read_leaves_a_port_that_still_works(line, hand, monkeypatch, which):
    """The maker's client swallows it, keeps the mark that the port is in use, and never lets go of the hand."""
    hand.enable(CAP_A)
    port, once = hand._bus._port, [True]
    original = getattr(port, which)

    def interrupted(*arguments):
        if once and once.pop():
            signal.raise_signal(signal.SIGINT)
        return original(*arguments)

    monkeypatch.setattr(port, which, interrupted)
    with pytest.raises(KeyboardInterrupt):
        hand.read()
    assert not port.is_using
    line.turn(4, np.pi + 0.3)
    assert hand.read().positions[NAMES.index("leap_mf_rot")] == pytest.approx(0.3, abs=1e-3)
    hand.close()
    assert line.torques() == [0] * 16


def test_the_port_has_one_user(line, hand):
    with pytest.raises(DeviceFault, match="used by nobody else"):
        SerialClient(line.port, PATIENCE_S)


def test_no_goal_needs_bytes_that_the_sdk_forgets_to_stuff(hand):
    """It would have to stuff FF FF FD, and loses the stuffed packet."""
    packed = [struct.pack("<i", value) for value in range(motors.TICKS)]
    assert not any(b"\xff\xff" in one + next_motor + one for one in packed for next_motor in (b"\x00", b"\x0f"))
    for angle in (np.pi, -np.pi - 0.01, np.nan, 100.0):
        with pytest.raises(ValueError, match="outside the motors' turn"):
            hand.servo(np.full(16, angle))


def test_the_watchdogs_release_takes_the_torque_off(line, hand):
    """By bytes of its own, on a port that the dead program still has open."""
    hand.enable(CAP_A)
    assert release(line.port)
    assert wait_for(lambda: line.torques() == [0] * 16)
    assert not release("/nowhere")
