"""The simulated cell behind the emulated devices follows servo commands without shaking."""

import numpy as np
import pytest

from assets.robots import ROBOTS
from real_bridge.emulator.arm.controller import ALL_MOTORS, SERVO, Controller
from real_bridge.emulator.scene import plain_scene
from real_bridge.emulator.simulated_devices import DT, SimulatedDevices

SPEED, EVERY = 0.5, 5
"""A joint's speed [rad/s], and steps between servo commands: 50 a second."""


@pytest.fixture
def cell():
    """An enabled arm in servo mode, and a function that moves its first joint for some steps."""
    robot = ROBOTS["xarm7_leap"](None)
    devices = SimulatedDevices(robot, plain_scene(robot.embodiment))
    controller = Controller(devices.arm_positions)
    controller.enable(ALL_MOTORS, True)
    controller.set_mode(SERVO)
    controller.set_state(0)
    goal = devices.arm_positions.copy()

    def run(steps: int, speed: float) -> np.ndarray:
        speeds = []
        for step in range(steps):
            if step % EVERY == 0:
                goal[0] += speed * DT * EVERY
                controller.servo(goal)
            controller.tick(devices.arm_positions, devices.arm_velocities, DT)
            devices.step(controller.command)
            speeds.append(devices.arm_velocities[0])
        return np.array(speeds)

    return devices, controller, goal, run


def test_servo_commands_do_not_shake_the_arm(cell):
    """Each command is a step; unsmoothed, its speed as feed-forward kicks the arm at every one."""
    devices, _controller, goal, run = cell
    settled = run(200, SPEED)[100:]
    assert abs(settled.mean() - SPEED) < 0.02
    assert settled.std() < 0.1 * SPEED
    assert abs(devices.arm_positions[0] - goal[0]) < 0.02


def test_brakes_stop_a_moving_arm_and_hold_it(cell):
    """An arm that is commanded to where it is just now moves on for ever."""
    devices, controller, _goal, run = cell
    run(100, 4 * SPEED)
    controller.enable(ALL_MOTORS, False)
    at = devices.arm_positions.copy()
    run(150, 0.0)
    held = devices.arm_positions.copy()
    assert np.abs(held - at).max() < 0.1
    run(200, 0.0)
    assert np.abs(devices.arm_positions - held).max() < 0.002
