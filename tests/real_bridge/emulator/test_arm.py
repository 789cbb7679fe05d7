"""The emulated xArm7: bytes as in the vendor's manual, kinematics equal to MuJoCo's, the vendor's client."""

import socket

import mujoco
import numpy as np
import pytest

from assets.robots import ROBOTS
from assets.robots.robot import collision_spec
from real_bridge.emulator.arm import kinematics, reports
from real_bridge.emulator.arm.controller import Controller
from tests.emulated import READY, eventually, needs_ports, vendor_arm

GOLDEN = {
    "0001 0002 0001 01": "0001 0002 002A 01",
    "0001 0002 0001 02": "0001 0002 002A 02",
    "0001 0002 0003 0B 08 01": "0001 0002 0002 0B 10",
    "0001 0002 0002 0C 00": "0001 0002 0002 0C 00",
    "0001 0002 0001 0D": "0001 0002 0003 0D 00 02",
    "0001 0002 0001 0E": "0001 0002 0004 0E 00 00 00",
}
"""Requests and replies (or their first bytes) from UFACTORY's protocol documents, in the order of a session."""


@needs_ports
def test_the_vendors_printed_frames_come_back_byte_by_byte(emulator):
    with socket.create_connection((emulator.arm, 502), 5) as line:
        for request, expected in GOLDEN.items():
            line.sendall(bytes.fromhex(request))
            reply, beginning = line.recv(4096), bytes.fromhex(expected)
            assert reply.startswith(beginning)
            assert len(reply) == 6 + int.from_bytes(reply[4:6], "big")


def test_forward_kinematics_agree_with_mujoco():
    robot = ROBOTS["xarm7_leap"](None)
    model = collision_spec(robot).compile()
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    for q in rng.uniform(kinematics.LIMITS[:, 0], kinematics.LIMITS[:, 1], (50, 7)):
        data.qpos[:7] = q
        mujoco.mj_kinematics(model, data)
        T = kinematics.frames(q)[-1]
        np.testing.assert_allclose(T[:3, 3], data.body("link7").xpos, atol=1e-5)
        np.testing.assert_allclose(T[:3, :3], data.body("link7").xmat.reshape(3, 3), atol=1e-4)


def test_the_zero_pose_is_the_data_sheets():
    pose = kinematics.to_xyz_rpy(kinematics.frames(np.zeros(7))[-1])
    np.testing.assert_allclose(pose, [0.206, 0, 0.1205, np.pi, 0, 0], atol=1e-9)


def test_inverse_kinematics_undo_forward_kinematics():
    tool = kinematics.ToolKinematics(kinematics.from_xyz_rpy(np.array([0, 0, 0.12, 0.1, -0.2, 0.3])))
    rng = np.random.default_rng(1)
    for _ in range(20):
        q = READY + rng.normal(0, 0.3, 7)
        goal = tool.tool(np.clip(q, *kinematics.LIMITS.T))
        found = tool.inverse(goal, READY, 300)
        np.testing.assert_allclose(tool.tool(found), goal, atol=1e-5)


@pytest.mark.parametrize(("port", "size"), [(30000, 804), (30001, 145), (30002, 587), (30003, 135)])
def test_reports_are_as_long_as_the_vendor_says(port, size):
    body = reports.PORTS[port][1](Controller(READY), 0)
    assert len(reports.framed(body)) == size


@pytest.mark.parametrize("port", [30001, 30002, 30003])
def test_the_vendors_layout_reads_our_reports(port):
    from xarm.x3.report import ReportDataStructure

    controller = Controller(READY)
    controller.error, controller.state, controller.mode = 31, 4, 1
    layout = ReportDataStructure.create(port)
    layout.update(reports.framed(reports.PORTS[port][1](controller, 0)))
    names = [field[0].lstrip("_") for field in layout._fields_]
    told = {name: getattr(layout, name) for name in names}
    assert told["state_mode"] == 1 << 4 | 4
    angles = next(
        value for name, value in told.items() if "joint" in name and isinstance(value, list) and len(value) == 7
    )
    np.testing.assert_allclose(angles, READY, atol=1e-6)
    if port != 30003:
        assert 31 in [value for name, value in told.items() if "err" in name]


@needs_ports
def test_the_vendors_client_moves_the_simulated_arm(emulator):
    with vendor_arm(emulator.arm) as arm:
        goal = READY + [0.2, 0.05, 0, 0.1, 0, 0.1, 0]
        assert arm.set_servo_angle(angle=goal.tolist(), speed=1.0, wait=True) == 0
        assert eventually(lambda: np.abs(np.array(arm.get_servo_angle()[1]) - goal).max() < 5e-3)
        truth = np.array(emulator.admin.truth()["joint_positions"])[:7]
        np.testing.assert_allclose(arm.get_servo_angle()[1], truth, atol=2e-3)
        code, pose = arm.get_position()
        assert code == 0
        lifted = [*pose[:2], pose[2] + 30, *pose[3:]]
        assert arm.set_position(*lifted, speed=200, wait=True) == 0
        assert eventually(lambda: abs(arm.get_position()[1][2] - lifted[2]) < 1)
        assert arm.get_err_warn_code() == (0, [0, 0])


@needs_ports
def test_servo_commands_are_followed_and_logged(emulator):
    with vendor_arm(emulator.arm) as arm:
        assert arm.set_mode(1) == 0
        assert arm.set_servo_angle_j(READY.tolist()) == 9  # after a change of mode the arm is not ready
        assert arm.set_state(0) == 0
        start = emulator.admin.truth()["stamp_s"]
        for share in np.linspace(0, 1, 40):
            assert arm.set_servo_angle_j((READY + 0.1 * share).tolist()) == 0
        assert eventually(lambda: np.abs(np.array(arm.get_servo_angle()[1]) - READY - 0.1).max() < 5e-3)
    names = [command["name"] for command in emulator.admin.commands(start)]
    assert names.count("MOVE_SERVOJ") == 40


@needs_ports
@pytest.mark.parametrize(
    ("action", "code"),
    [
        (lambda arm: arm.set_position(x=120, relative=True, speed=300, wait=True), 35),
        (lambda arm: (arm.set_mode(1), arm.set_state(0), arm.set_servo_cartesian([900, 0, 900, 3.14, 0, 0])), 21),
    ],
    ids=["boundary", "out of reach"],
)
def test_rules_broken_by_a_motion_latch_the_vendors_error(emulator, action, code):
    with vendor_arm(emulator.arm) as arm:
        arm.set_reduced_tcp_boundary([450, -450, 450, -450, 700, 100])
        arm.set_fence_mode(True)
        arm.set_state(0)
        action(arm)
        assert eventually(lambda: arm.get_err_warn_code()[1][0] == code)
        assert arm.set_servo_angle(angle=READY.tolist()) == 1
        assert arm.set_state(0) == 0, "as on the real arm: success is said though nothing changes"
        assert arm.get_state() == (0, 4)


@needs_ports
def test_pressing_on_the_table_is_a_collision(emulator):
    with vendor_arm(emulator.arm) as arm:
        pose = arm.get_position()[1]
        arm.set_position(*pose[:2], pose[2] - 330, *pose[3:], speed=150, wait=True)
        assert eventually(lambda: arm.get_err_warn_code()[1][0] == 31)
        still = np.array(emulator.admin.truth()["command"])
        assert eventually(lambda: np.abs(np.array(emulator.admin.truth()["joint_velocities"][:7])).max() < 0.01)
        np.testing.assert_allclose(emulator.admin.truth()["command"], still, atol=1e-9)
