"""The safety layer without devices: step limits, refusals computed by hand, ages, the latch, the watchdog."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.robots import ROBOTS
from lace.core.kinematics import Kinematics
from policies.outcome import SafetyStop
from real_bridge.arm import ArmState
from real_bridge.arm_lock import ArmLock
from real_bridge.hand import HandState
from real_bridge.safety import Guard, SafetyLimits, StopLatch
from real_bridge.safety.decisions import Decisions, Verdict
from real_bridge.safety.motion import MotionFilter
from real_bridge.safety.watch import Sight, Watch
from real_bridge.watchdog import keep_stopping, watch

LIMITS = SafetyLimits()
BOUNDS = np.array([[-1.0, 1.0], [-2.0, 2.0]])
DT = LIMITS.period_s


def motion(limits: SafetyLimits = LIMITS):
    told = []
    made = MotionFilter(("a", "b"), BOUNDS, limits, limits.velocity, Decisions(told.append))
    made.begin(np.zeros(2))
    return made, told


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-0.03, 0.03), st.floats(-0.03, 0.03)), min_size=1, max_size=40))
def test_sent_targets_keep_limits_of_position_speed_and_acceleration(steps):
    made, _told = motion()
    last, speed, goal = np.zeros(2), np.zeros(2), np.zeros(2)
    for step in steps:
        goal = goal + step
        try:
            sent = made.step(goal)
        except SafetyStop:
            return
        now = (sent - last) / DT
        assert (np.abs(sent) <= BOUNDS[:, 1] + 1e-12).all()
        assert np.abs(now).max() <= LIMITS.velocity + 1e-9
        inside = np.abs(sent) < BOUNDS[:, 1] - 1e-9  # a joint that is cut to its limit stops there at once
        assert (np.abs(now - speed) / DT <= LIMITS.acceleration + 1e-6)[inside].all()
        assert np.abs(sent - goal).max() <= LIMITS.most_shift_rad + 1e-12
        last, speed = sent, now


def test_a_step_within_all_limits_passes_untouched():
    made, told = motion()
    path = 0.5 * (1 - np.cos(np.linspace(0, 1, 80)))
    for x in path:
        assert made.step(np.array([x, -x])) == pytest.approx([x, -x], abs=1e-12)
    assert told == []


@pytest.mark.parametrize("bad", [[np.nan, 0], [0, np.inf], [0.0], [0, 0, 0]])
def test_non_finite_or_misshapen_targets_are_refused(bad):
    made, told = motion()
    with pytest.raises(SafetyStop, match="finite"):
        made.step(np.array(bad, float))
    assert told[-1].verdict is Verdict.REFUSED


def test_small_limit_excess_is_clipped_and_large_refused():
    made, told = motion()
    made.begin(np.array([0.999, 0.0]))
    assert made.step(np.array([1.005, 0.0]))[0] == 1.0
    assert [(row.check, row.verdict) for row in told] == [("joint limits", Verdict.LIMITED)]
    with pytest.raises(SafetyStop, match="a at 1.020"):
        made.step(np.array([1.02, 0.0]))


def test_small_speed_excess_is_slowed_and_large_refused():
    free = replace(LIMITS, acceleration=np.inf)
    made, told = motion(free)
    assert made.step(np.array([1.1 * LIMITS.velocity * DT, 0]))[0] == pytest.approx(LIMITS.velocity * DT)
    assert told[0].check == "joint speed"
    made, _told = motion(free)
    with pytest.raises(SafetyStop, match="joint speed"):
        made.step(np.array([1.3 * LIMITS.velocity * DT, 0]))


def test_a_joint_that_does_not_follow_ends_the_motion():
    made, _told = motion()
    made.require_followed(np.array([0.14, 0]))
    with pytest.raises(SafetyStop, match="nobody else commands"):
        made.require_followed(np.array([0.16, 0]))


@pytest.fixture(scope="module")
def robot():
    return ROBOTS["xarm7_leap"](None)


@pytest.fixture
def guard(robot):
    told = []
    made = Guard(robot.embodiment, robot.xml_path, 0.0, LIMITS, told.append)
    made.told = told
    return made


def states(robot, **changes):
    """A healthy reading at home, at time 10."""
    q = robot.embodiment.home
    kinematics = Kinematics(robot.embodiment)
    T = kinematics.link_poses(q)[kinematics.link_index["link7"]]
    arm = ArmState(q[:7], np.zeros(7), T, 10.0, 0.0, "", True)
    hand = HandState(q[7:], np.zeros(16), np.zeros(16), np.full(16, 30.0), 10.0)
    found = {"arm": arm, "hand": hand, "sight": Sight(1, 10.0, 7), "now_s": 10.02}
    for name, values in changes.items():
        found[name] = replace(found[name], **values) if isinstance(values, dict) else values
    return found


def test_healthy_readings_pass(guard, robot):
    guard.require_readings(**states(robot))
    assert guard.told == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arm": {"stamp_s": 9.9}}, "age of the arm state"),
        ({"hand": {"stamp_s": 9.9}}, "age of the hand state"),
        ({"sight": Sight(1, 9.4, 7)}, "age of the image"),
        ({"sight": Sight(1, 10.2, 7)}, "age of the image"),
        ({"arm": {"fault": "controller error C31 (collision)", "ready": False}}, "C31"),
        ({"arm": {"ready": False}}, "not ready"),
        ({"hand": {"fault": "leap_if_pip: overheating"}}, "overheating"),
        ({"hand": {"temperatures_C": np.full(16, 66.0)}}, "temperature"),
        ({"hand": {"currents_A": np.full(16, -0.6)}}, "current"),
    ],
)
def test_each_bad_reading_is_refused_with_its_reason(guard, robot, changes, words):
    with pytest.raises(SafetyStop, match=words):
        guard.require_readings(**states(robot, **changes))
    assert guard.told[-1].verdict is Verdict.REFUSED


@pytest.mark.parametrize(("axis", "gap"), [(0, 0.006), (2, -0.172)])
def test_a_tool_offset_in_the_controller_is_found(guard, robot, axis, gap):
    good = states(robot)
    T = good["arm"].T_base_flange.copy()
    T[:3, 3] += gap * T[:3, axis]
    with pytest.raises(SafetyStop, match="tool offset"):
        guard.require_readings(**states(robot, arm={"T_base_flange": T}))


def test_a_slow_reading_may_disagree_by_the_motion_meanwhile(guard, robot):
    T = states(robot)["arm"].T_base_flange.copy()
    T[0, 3] += 0.010
    moving = {"T_base_flange": T, "velocities": np.full(7, 0.1), "span_s": 0.01}
    guard.require_readings(**states(robot, arm=moving))
    with pytest.raises(SafetyStop):
        guard.require_readings(**states(robot, arm=moving | {"span_s": 0.001}))


def test_a_picture_that_stays_while_the_arm_moves_is_refused():
    watching = Watch(LIMITS, Decisions())
    watching.require_image(Sight(1, 10.0, 7), np.zeros(7), 10.0)
    watching.require_image(Sight(1, 10.0, 7), np.full(7, 0.2), 10.1)  # no newer frame has arrived
    watching.require_image(Sight(2, 10.05, 7), np.full(7, 0.2), 10.15)  # it was taken before
    with pytest.raises(SafetyStop, match="sees the arm move"):
        watching.require_image(Sight(3, 10.12, 7), np.full(7, 0.2), 10.2)
    watching = Watch(LIMITS, Decisions())
    for i in range(5):  # for an arm at rest the image may be equal
        watching.require_image(Sight(i, 10.0 + i / 10, 7), np.zeros(7), 10.05 + i / 10)


def test_the_table_the_arm_itself_and_the_box_are_kept_clear(guard, robot):
    home, dof = robot.embodiment.home, 7
    guard.begin(home[:dof], home[dof:])
    guard._space.require(home[:dof], home[dof:])
    down = home[:dof] + [0, 0.9, 0, 0, 0, 0, 0]
    with pytest.raises(SafetyStop, match="the table|workspace"):
        guard._space.require(down, home[dof:])
    folded = np.array([0, -2.0, 0, 3.9, 0, 3.1, 0])
    with pytest.raises(SafetyStop, match="checking distance|workspace"):
        guard._space.require(folded, home[dof:])


def test_near_a_singularity_motion_slows_and_at_it_stops(guard, robot):
    home = robot.embodiment.home
    assert guard.pace(home[:7], home[7:]) == 1
    straight = np.zeros(7)
    with pytest.raises(SafetyStop, match="condition number"):
        guard.pace(straight, home[7:])
    shares = []
    for bend in np.linspace(0.9, 0.02, 40):
        try:
            shares.append(guard.pace(np.array([0, 0, 0, bend, 0, bend, 0]), home[7:]))
        except SafetyStop:
            break
    assert min(shares) < 1
    assert [row.verdict for row in guard.told if row.check == "singularity"][:2] == [Verdict.REFUSED, Verdict.SLOWED]


def test_the_first_reason_stays():
    latch = StopLatch()
    assert latch.reason == ""
    assert latch.set("first")
    assert not latch.set("second")
    assert latch.reason == "first"


def test_one_commander_and_a_latch_that_persists(tmp_path):
    lock = ArmLock("10.0.0.1", tmp_path)
    with pytest.raises(SafetyStop, match="another program"):
        ArmLock("10.0.0.1", tmp_path)
    ArmLock("10.0.0.2", tmp_path).close()
    lock.begin()
    lock.close()  # as after kill -9: the session was not closed
    again = ArmLock("10.0.0.1", tmp_path)
    with pytest.raises(SafetyStop, match="killed"):
        again.require_clear()
    again.latch("C31")
    with pytest.raises(SafetyStop, match="C31"):
        again.begin()
    again.end()
    again.begin()
    again.end()
    (again.folder / "latch.json").write_text("{")
    with pytest.raises(SafetyStop, match="cannot be read"):
        again.require_clear()
    again.close()


def test_a_killed_program_frees_the_lock(tmp_path):
    code = (
        "import sys, os, signal; from real_bridge.arm_lock import ArmLock; from pathlib import Path;"
        "ArmLock('10.0.0.3', Path(sys.argv[1])).begin(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    lock = ArmLock("10.0.0.3", tmp_path)
    assert "killed" in lock.reason
    assert json.loads((lock.folder / "latch.json").read_text())["pid"] != os.getpid()
    lock.close()


@pytest.mark.parametrize(
    ("said", "closed", "reason"),
    [
        (b"MMMQ", False, ""),
        (b"MMI", True, "without a word"),
        (b"", True, "without a word"),
        (b"MMM", False, "no step for 0.05 s"),
    ],
)
def test_the_watchdog_stops_a_program_that_dies_or_hangs(said, closed, reason):
    reader, writer = os.pipe()
    os.write(writer, said)
    if closed:
        os.close(writer)
    try:
        found = watch(reader, 0.05)
    finally:
        os.close(reader)
        if not closed:
            os.close(writer)
    assert (reason in found) if reason else found == ""


def test_the_watchdog_repeats_the_stop_until_standstill():
    answers = [False, False, True, AssertionError]
    assert keep_stopping(lambda: answers.pop(0), pause_s=0.0)
    assert answers == [AssertionError]
    assert not keep_stopping(lambda: False, pause_s=0.0, most_s=0.01)
