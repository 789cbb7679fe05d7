"""The simulated cell behind the emulated devices follows servo commands without shaking."""

import numpy as np

from assets.robots import ROBOTS
from real_bridge.emulator.arm.controller import ALL_MOTORS, SERVO, Controller
from real_bridge.emulator.scene import plain_scene
from real_bridge.emulator.simulated_devices import DT, SimulatedDevices

SPEED, EVERY = 0.5, 5
"""A joint's speed [rad/s], and steps between servo commands: 50 a second."""


def test_servo_commands_do_not_shake_the_arm():
    """Each command is a step; unsmoothed, its speed as feed-forward kicks the arm at every one."""
    robot = ROBOTS["xarm7_leap"](None)
    devices = SimulatedDevices(robot, plain_scene(robot.embodiment))
    start = devices.arm_positions
    controller = Controller(start)
    controller.enable(ALL_MOTORS, True)
    controller.set_mode(SERVO)
    controller.set_state(0)
    speeds, goal = [], start.copy()
    for step in range(200):
        if step % EVERY == 0:
            goal[0] += SPEED * DT * EVERY
            controller.servo(goal)
        controller.tick(devices.arm_positions, devices.arm_velocities, DT)
        devices.step(controller.command)
        speeds.append(devices.arm_velocities[0])
    settled = np.array(speeds[100:])
    assert abs(settled.mean() - SPEED) < 0.02
    assert settled.std() < 0.1 * SPEED
    assert abs(devices.arm_positions[0] - goal[0]) < 0.02
