"""The registers that read and set; each handler takes (controller, packet) and returns the reply's payload.

A handler registers itself by the vendor's number and name; `MOTION` names those that move the arm or let it move.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from real_bridge.emulator.arm import kinematics
from real_bridge.emulator.arm.controller import ALL_MOTORS, JOINT_LIMIT, Controller
from real_bridge.emulator.arm.wire import Packet, in_metres, in_millimetres, pack

Handler = Callable[[Controller, Packet], bytes]
FIRMWARE = "v2.7.103"
IDENTITY = "7,7"
"""Axes and device type of an xArm7."""
DIGITAL_OUT = 0x0A15


class Invalid(Exception):
    """The reply carries the bit for an invalid result, with this payload."""

    def __init__(self, payload: bytes):
        self.payload = payload


@dataclass(frozen=True)
class RegisterHandler:
    """One register."""

    name: str
    run: Handler
    reads: bool
    """Whether it only reads."""


REGISTERS: dict[int, RegisterHandler] = {}


def register(number: int, name: str, reads: bool = False) -> Callable[[Handler], Handler]:
    """Enters a handler under the vendor's number."""

    def enter(run: Handler) -> Handler:
        if number in REGISTERS:
            raise ValueError(f"register {number} is {REGISTERS[number].name} already")
        REGISTERS[number] = RegisterHandler(name, run, reads)
        return run

    return enter


def _accepts(number: int, name: str, *, reads: bool = False, reply: bytes = b"") -> None:
    """A register that is accepted and has no effect here."""
    register(number, name, reads)(lambda _controller, _packet: reply)


@register(1, "GET_VERSION", reads=True)
def _version(c: Controller, _p: Packet) -> bytes:
    return f"{IDENTITY},{c.serial[:6]},AC1305,{FIRMWARE}".encode().ljust(40, b"\0")


@register(2, "GET_ROBOT_SN", reads=True)
def _serial(c: Controller, _p: Packet) -> bytes:
    return (c.serial.encode() + b"\0AC130506L12").ljust(40, b"\0")


@register(11, "MOTION_EN")
def _enable(c: Controller, p: Packet) -> bytes:
    c.enable(ALL_MOTORS if p.byte(0) == 8 else 1 << (p.byte(0) - 1) & ALL_MOTORS, bool(p.byte(1)))
    return b""


@register(12, "SET_STATE")
def _set_state(c: Controller, p: Packet) -> bytes:
    c.set_state(p.byte())
    return b""


@register(13, "GET_STATE", reads=True)
def _state(c: Controller, _p: Packet) -> bytes:
    return bytes([c.state])


@register(14, "GET_CMDNUM", reads=True)
def _waiting(c: Controller, _p: Packet) -> bytes:
    return struct.pack(">H", c.waiting)


@register(15, "GET_ERROR", reads=True)
def _error(c: Controller, _p: Packet) -> bytes:
    return bytes([c.error, c.warning])


@register(16, "CLEAN_ERR")
def _clear_error(c: Controller, _p: Packet) -> bytes:
    c.clear_error()
    return b""


@register(17, "CLEAN_WAR")
def _clear_warning(c: Controller, _p: Packet) -> bytes:
    c.warning = 0
    return b""


@register(19, "SET_MODE")
def _set_mode(c: Controller, p: Packet) -> bytes:
    c.set_mode(p.byte())
    return b""


@register(35, "SET_TCP_OFFSET")
def _tool_offset(c: Controller, p: Packet) -> bytes:
    c.settings.tool_offset = p.pose()
    if c.state < 4:
        c.halt(5)
    return b""


@register(37, "SET_COLLIS_SENS")
def _collision(c: Controller, p: Packet) -> bytes:
    c.settings.collision_sensitivity = p.byte()
    return b""


@register(38, "SET_TEACH_SENS")
def _teach(c: Controller, p: Packet) -> bytes:
    c.settings.teach_sensitivity = p.byte()
    return b""


@register(41, "GET_TCP_POSE", reads=True)
def _pose(c: Controller, _p: Packet) -> bytes:
    return pack(*in_millimetres(kinematics.to_xyz_rpy(c.tool.tool(c.measured))))


@register(42, "GET_JOINT_POS", reads=True)
def _joints(c: Controller, p: Packet) -> bytes:
    fields = (c.measured, c.velocity, c.torque)
    return pack(*np.concatenate(fields[: max(1, p.byte(0, 1) & 15)]))


@register(43, "GET_IK", reads=True)
def _inverse(c: Controller, p: Packet) -> bytes:
    start = p.floats(7, 25) if len(p.payload) >= 53 else c.measured
    joints = c.tool.inverse(kinematics.from_xyz_rpy(p.pose()), start, 300)
    if joints is None:
        raise Invalid(pack(*[0] * 7))
    return pack(*joints)


@register(44, "GET_FK", reads=True)
def _forward(c: Controller, p: Packet) -> bytes:
    return pack(*in_millimetres(kinematics.to_xyz_rpy(c.tool.tool(p.floats(7)))))


@register(45, "IS_JOINT_LIMIT", reads=True)
def _joint_limit(c: Controller, p: Packet) -> bytes:
    return bytes([c.violation(p.floats(7)) == JOINT_LIMIT])


@register(46, "IS_TCP_LIMIT", reads=True)
def _pose_limit(c: Controller, p: Packet) -> bytes:
    return bytes([c.tool.inverse(kinematics.from_xyz_rpy(p.pose()), c.measured) is None])


@register(47, "SET_REDUCED_TRSV")
def _reduced_tool(c: Controller, p: Packet) -> bytes:
    c.settings.reduced_tool_speed = float(p.floats(1)[0]) / 1000
    return b""


@register(48, "SET_REDUCED_P2PV")
def _reduced_joints(c: Controller, p: Packet) -> bytes:
    c.settings.reduced_joint_speed = float(p.floats(1)[0])
    return b""


@register(49, "GET_REDUCED_MODE", reads=True)
def _is_reduced(c: Controller, _p: Packet) -> bytes:
    return bytes([c.settings.reduced])


@register(50, "SET_REDUCED_MODE")
def _reduce(c: Controller, p: Packet) -> bytes:
    c.settings.reduced = bool(p.byte())
    return b""


@register(51, "SET_GRAVITY_DIR")
def _gravity(c: Controller, p: Packet) -> bytes:
    c.settings.gravity = p.floats(3).tolist()
    return b""


@register(52, "SET_LIMIT_XYZ")
def _boundary(c: Controller, p: Packet) -> bytes:
    c.settings.boundary_mm = list(struct.unpack_from("<6i", p.payload))
    return b""


@register(53, "GET_REDUCED_STATE", reads=True)
def _limits(c: Controller, _p: Packet) -> bytes:
    return bytes([c.settings.reduced]) + limits_block(c) + bytes([c.settings.fence, c.settings.rebound])


def limits_block(c: Controller) -> bytes:
    """Boundary, reduced speeds and joint range as replies and reports have them."""
    s = c.settings
    speeds = pack(1000 * s.reduced_tool_speed, s.reduced_joint_speed, *s.reduced_joint_range.ravel())
    return struct.pack(">6h", *s.boundary_mm) + speeds


@register(55, "GET_JOINT_TAU", reads=True)
def _torque(c: Controller, _p: Packet) -> bytes:
    return pack(*c.torque)


@register(58, "SET_REDUCED_JRANGE")
def _joint_range(c: Controller, p: Packet) -> bytes:
    c.settings.reduced_joint_range = p.floats(14).reshape(7, 2)
    return b""


@register(59, "SET_FENSE_ON")
def _fence(c: Controller, p: Packet) -> bytes:
    c.settings.fence = bool(p.byte())
    return b""


@register(60, "SET_COLLIS_REB")
def _rebound(c: Controller, p: Packet) -> bytes:
    c.settings.rebound = bool(p.byte())
    return b""


@register(77, "SET_SELF_COLLIS_CHECK")
def _self_collision(c: Controller, p: Packet) -> bytes:
    c.settings.self_collision = bool(p.byte())
    return b""


@register(91, "GET_TCP_POSE_AA", reads=True)
def _pose_vector(c: Controller, _p: Packet) -> bytes:
    T = c.tool.tool(c.measured)
    return pack(*1000 * T[:3, 3], *kinematics.rotation_vector(T[:3, :3]))


def _set_output(c: Controller, p: Packet) -> bytes:
    host, address, value = p.byte(), struct.unpack_from(">H", p.payload, 1)[0], int(p.floats(1, 3)[0])
    if address == DIGITAL_OUT:  # the high byte says which of the low bits change
        mask, old = value >> 8 & 0xFF, c.settings.outputs.get((host, address), 0)
        value = old & ~mask | value & mask
    c.settings.outputs[host, address] = value
    return b""


def _get_output(c: Controller, p: Packet) -> bytes:
    return struct.pack(">i", c.settings.outputs.get((p.byte(), struct.unpack_from(">H", p.payload, 1)[0]), 0))


register(127, "TGPIO_W16B")(_set_output)
register(129, "TGPIO_W32B")(_set_output)
register(128, "TGPIO_R16B", reads=True)(_get_output)
register(130, "TGPIO_R32B", reads=True)(_get_output)


@register(254, "SET_FEEDBACK_TYPE")
def _feedback(c: Controller, p: Packet) -> bytes:
    c.settings.feedback = p.byte()
    return b""


for _number, _name in {
    18: "SET_BRAKE", 31: "SET_TCP_JERK", 32: "SET_TCP_MAXACC", 33: "SET_JOINT_JERK", 34: "SET_JOINT_MAXACC",
    39: "CLEAN_CONF", 40: "SAVE_CONF", 66: "SET_ALLOW_APPROX_MOTION", 70: "REPORT_TAU_OR_I", 73: "SET_WORLD_OFFSET",
    78: "SET_COLLIS_TOOL", 79: "SET_SIMULATION_ROBOT", 80: "SET_CARTV_CONTINUE", 101: "SERVO_W16B", 103: "SERVO_W32B",
    105: "SERVO_ZERO", 134: "CGPIO_SET_ANALOG0", 135: "CGPIO_SET_ANALOG1", 136: "CGPIO_SET_ANALOG2",
    137: "CGPIO_SET_IN_FUN", 138: "CGPIO_SET_OUT_FUN", 142: "DELAYED_CGPIO_SET", 143: "DELAYED_TGPIO_SET",
    144: "POSITION_CGPIO_SET", 145: "POSITION_TGPIO_SET", 146: "SET_IO_STOP_RESET", 147: "POSITION_CGPIO_SET_ANALOG",
    232: "SET_COMMON_PARAM",
}.items():  # fmt: skip
    _accepts(_number, _name)
for _number, _name, _size in (
    (102, "SERVO_R16B", 4), (104, "SERVO_R32B", 4), (106, "SERVO_DBMSG", 16), (107, "SERVO_ERROR", 4),
    (131, "CGPIO_GET_DIGIT", 2), (132, "CGPIO_GET_ANALOG1", 2), (133, "CGPIO_GET_ANALOG2", 2),
    (139, "CGPIO_GET_STATE", 50), (140, "GET_PWR_VERSION", 6),
):  # fmt: skip
    _accepts(_number, _name, reads=True, reply=bytes(_size))

__all__ = ["REGISTERS", "Invalid", "RegisterHandler", "in_metres", "limits_block", "register"]
