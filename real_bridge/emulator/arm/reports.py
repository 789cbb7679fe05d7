"""The reports that the controller pushes on its ports: whole state in fixed layouts, size first."""

import struct
from collections.abc import Callable

import numpy as np

from real_bridge.emulator.arm import kinematics
from real_bridge.emulator.arm.controller import Controller
from real_bridge.emulator.arm.registers import FIRMWARE, IDENTITY, limits_block
from real_bridge.emulator.arm.wire import in_millimetres, pack

MOTOR_TEMPERATURE_C = 30
MOTOR_MILLIVOLTS = 2400
"""As UFACTORY scales it: 24 V."""


def _mode_state(c: Controller) -> bytes:
    return bytes([c.mode << 4 | c.state])


def _pose(c: Controller, joints: np.ndarray) -> np.ndarray:
    return in_millimetres(kinematics.to_xyz_rpy(c.tool.tool(joints)))


def _head(c: Controller) -> bytes:
    numbers = pack(*c.measured, *_pose(c, c.measured), *c.torque)
    return _mode_state(c) + struct.pack(">H", c.waiting) + numbers


def real(c: Controller) -> bytes:
    """Port 30003: no errors in it."""
    return _head(c) + pack(*[0] * 12)


def normal(c: Controller) -> bytes:
    """Port 30001."""
    s = c.settings
    flags = bytes([c.enabled, c.enabled, c.error, c.warning])
    tool = pack(*in_millimetres(s.tool_offset)) + pack(*s.load)
    return _head(c) + flags + tool + bytes([s.collision_sensitivity, s.teach_sensitivity]) + pack(*s.gravity)


def rich(c: Controller) -> bytes:
    """Port 30002: what the SDK listens to by default."""
    s = c.settings
    axes, kind = (int(x) for x in IDENTITY.split(","))
    device = bytes([kind, axes, 0xAA, 0x55, 0, 0]) + FIRMWARE.encode().ljust(30, b"\0")
    ranges = pack(1000, 1, 50000, 0.1, 1000, 20, 0.01, 20, 0.0001, np.pi, 2.3, 2.7)
    tool_speed = 1000 * float(np.linalg.norm(c.tool.jacobian(c.measured)[:3] @ c.velocity))
    motors = bytes(14) + bytes(2) + bytes([MOTOR_TEMPERATURE_C] * 7) + pack(tool_speed, *c.velocity)
    rest = bytes(4) + pack(*[0] * 6) + bytes(2) + bytes([0, 1, 0]) + pack(*[0] * 6)
    power = (
        struct.pack(">7H", *[MOTOR_MILLIVOLTS] * 7) + pack(*[0] * 7) + bytes(2 + 3 * 16) + pack(*[0] * 12) + bytes(1)
    )
    turn = pack(*kinematics.rotation_vector(c.tool.tool(c.measured)[:3, :3]))
    safety = bytes([s.reduced | s.fence << 1, s.reduced]) + limits_block(c) + bytes([s.fence, s.rebound]) + bytes(13)
    return normal(c) + device + ranges + motors + rest + power + turn + safety


def fast(c: Controller, time_us: int) -> bytes:
    """Port 30000."""
    zeros = [0.0] * 7
    joints = [*c.command, *c.command_velocity, *zeros, *c.measured, *c.velocity, *zeros, *zeros, *c.torque, *[0] * 42]
    tool = [*_pose(c, c.command), *[0] * 6, *_pose(c, c.measured), *[0] * 60]
    head = struct.pack(">Q", time_us) + _mode_state(c) + struct.pack(">H", c.waiting) + bytes(17)
    return (head + pack(*joints, *tool)).ljust(800, b"\0")


PORTS: dict[int, tuple[int, Callable[[Controller, int], bytes]]] = {
    30000: (200, fast),
    30001: (5, lambda c, _time: normal(c)),
    30002: (5, lambda c, _time: rich(c)),
    30003: (100, lambda c, _time: real(c)),
}
"""Port -> (reports per second, what they say); rates by UFACTORY's documentation and xarm_ros."""


def framed(body: bytes) -> bytes:
    """A report with its size, itself included, in front."""
    return struct.pack(">I", len(body) + 4) + body
