"""The physical cell on devices that obey at once, in a time of their own: hold-to-run, and a start beyond a limit."""

import numpy as np
import pytest

from assets.grasps import grasp_for
from assets.robots import ROBOTS
from lace.core.camera import PinholeCamera, intrinsics
from lace.core.geometry import look_at
from lace.core.kinematics import Kinematics
from policies import make_policy
from policies.cell import Evidence
from policies.outcome import Result, SafetyStop
from policies.path import JointPath, sealed
from policies.primitives.grasp import GraspPrimitive
from policies.runner import run_trial
from real_bridge.arm import ArmState
from real_bridge.cameras.camera import CameraError, Frame
from real_bridge.cell import CellConfig, RealCell
from real_bridge.hand import HandState
from real_bridge.ports import sight_of
from real_bridge.safety.decisions import Verdict

TABLE_Z, J2 = -0.03, 1
TRUTH = {"end_effector": [40.0, 40.0], "target": [50.0, 50.0]}


class Obeying:
    """Implements Ports: arm and hand are where they were sent, `permitted` follows `permits`."""

    def __init__(self, robot, arm):
        self.kinematics, self.home = Kinematics(robot.embodiment), robot.embodiment.home
        self.q = np.concatenate([arm, self.home[7:]])
        self.time_s, self.moves, self.reason, self.told = 5.0, [], "", []
        self.permits = lambda _moves: True
        self.camera = PinholeCamera(intrinsics(0.9, 96, 96), look_at([1.3, 0.4, 0.8], [0.4, 0.05, 0.05]), 96, 96)

    def now(self):
        return self.time_s

    def stopped(self):
        return self.reason

    def permitted(self):
        return self.permits(len(self.moves))

    def arm(self):
        T = self.kinematics.link_poses(self.q)[self.kinematics.link_index["link7"]]
        return ArmState(self.q[:7].copy(), np.zeros(7), T, self.time_s, 0.0, "", True)

    def hand(self):
        return HandState(self.q[7:].copy(), np.zeros(16), np.zeros(16), np.full(16, 30.0), self.time_s)

    def frame(self):
        number = round(1000 * self.time_s)
        image = np.full((96, 96, 3), number % 250, np.uint8)
        return Frame(image, self.time_s, number, self.camera, None, {"truth": TRUTH})

    def sight(self):
        return sight_of(self.frame())

    def evidence(self):
        return Evidence(held=True)

    def move(self, arm, hand):
        self.moves.append(np.array(arm))
        self.q[:7] = arm
        self.q[7:] = self.q[7:] if hand is None else hand

    def rest(self):
        pass

    def wait(self, until_s):
        self.time_s = max(self.time_s, until_s)

    def stop(self, reason):
        self.reason = self.reason or reason

    def fault(self, reason):
        self.latched = reason


@pytest.fixture(scope="module")
def robot():
    return ROBOTS["xarm7_leap"](None)


def cell_at(robot, arm) -> tuple[RealCell, Obeying]:
    ports = Obeying(robot, np.array(arm, float))
    return RealCell(ports, robot.embodiment, robot.xml_path, TABLE_Z, CellConfig(), tell=ports.told.append), ports


def turn(start, by: float):
    """The first joint turns by `by` [rad] in two seconds."""
    q = np.stack([start, start, start])
    q[1:, 0] += by / 2, by
    return sealed(JointPath(np.array([0.0, 1.0, 2.0]), q), 0.0)


def test_the_arm_pauses_while_the_operator_does_not_hold_the_key_and_goes_on(robot):
    home = robot.embodiment.home[:7]
    cell, ports = cell_at(robot, home)
    ports.permits = lambda moves: not 60 <= moves < 160
    cell.follow(turn(home, 0.5))
    steps = np.diff([q[0] for q in ports.moves])
    assert np.abs(steps[100:155]).max() == 0.0, "a stop takes 0.3 s, then the arm stands"
    assert ports.q[0] == pytest.approx(home[0] + 0.5, abs=0.01)
    speeds = np.abs(steps[:-5]) * cell._config.limits.rate_hz  # without the end of the path, which is sudden
    assert np.abs(np.diff(speeds)).max() * cell._config.limits.rate_hz < 2.0, "it slows down and speeds up [rad/s^2]"
    assert [row.check for row in ports.told if row.verdict is Verdict.PAUSED] == ["permission"]


def test_without_permission_from_the_start_nothing_moves(robot):
    home = robot.embodiment.home[:7]
    cell, ports = cell_at(robot, home)

    def never(moves: int) -> bool:
        if moves > 200:
            cell.stop("the test has seen enough")
        return False

    ports.permits = never
    with pytest.raises(SafetyStop, match="seen enough"):
        cell.follow(turn(home, 0.5))
    assert np.ptp(ports.moves, axis=0).max() == 0.0


@pytest.mark.parametrize("end", [0, 1])
def test_a_trial_whose_j2_starts_beyond_its_limit_moves_nothing(robot, end):
    arm = np.array(robot.embodiment.home[:7])
    arm[J2] = robot.embodiment.limits[J2, end] + (0.05 if end else -0.05)
    cell, ports = cell_at(robot, arm)
    primitive = GraspPrimitive(robot.embodiment, robot.xml_path, grasp_for("dinosaur"))
    outcome = run_trial(make_policy("oracle"), cell, primitive)
    assert outcome.result is not Result.SUCCESS
    assert ports.moves == []
    assert outcome.reason


def test_a_camera_that_fails_between_two_looks_is_a_safety_stop(robot):
    """Its age was read; then the picture does not come."""
    cell, ports = cell_at(robot, robot.embodiment.home[:7])
    seen = ports.sight()
    ports.sight = lambda: seen

    def fails():
        raise CameraError("reading the camera", "no picture", "a picture", "look at the cable")

    ports.frame = fails
    with pytest.raises(SafetyStop, match="reading the camera: no picture"):
        cell.observe()
    assert "no picture" in ports.reason and "no picture" in ports.latched and ports.moves == []
