"""The registers that move the arm; see `registers.py`."""

import asyncio
import struct
from collections.abc import Callable

import numpy as np

from lace.core.geometry import Array
from real_bridge.emulator.arm import kinematics
from real_bridge.emulator.arm.controller import (
    FINISH,
    MOVING,
    ONLINE_JOINTS,
    ONLINE_TOOL,
    PAUSED,
    POSITION,
    TRIGGER,
    Controller,
    moved_in_base,
)
from real_bridge.emulator.arm.motions import Request, Ticket
from real_bridge.emulator.arm.registers import register
from real_bridge.emulator.arm.wire import Packet

SOON_S = 0.002
"""Events that need no waiting follow their reply by this much."""
CHECKED = bytes(3)
"""Payload of the replies to motions that may be asked to only check."""


def _ticket(p: Packet, feedback: int = 0) -> Ticket:
    return Ticket(p.client, p.transaction, p.protocol, p.register, feedback)


def _submit(c: Controller, p: Packet, base_bytes: int, only_check: int, **motion) -> bytes:
    """Queues a motion unless it only asks for a check; `base_bytes` long requests get an empty reply."""
    if not only_check:
        c.submit(Request(_ticket(p), **motion))
    return CHECKED if len(p.payload) > base_bytes else b""


@register(21, "MOVE_LINE")
@register(22, "MOVE_LINEB")
def _line(c: Controller, p: Packet) -> bytes:
    pose, (speed, acceleration) = p.pose(), p.floats(2, 24) / 1000
    base = 40 if len(p.payload) >= 40 else 36
    coordinates, as_vector, only_check = (p.byte(base + i) for i in range(3))
    if c.mode == ONLINE_TOOL:
        here = kinematics.to_xyz_rpy(c.tool.tool(c.command))
        c.online(kinematics.from_xyz_rpy(np.where(np.isfinite(pose), pose, here)), speed)
        return CHECKED
    return _submit(
        c, p, base, only_check, pose=pose, speed=speed, acceleration=acceleration, in_tool=coordinates == 1,
        as_vector=bool(as_vector),
    )  # fmt: skip


@register(28, "MOVE_LINE_TOOL")
def _line_in_tool(c: Controller, p: Packet) -> bytes:
    speed, acceleration = p.floats(2, 24) / 1000
    return _submit(c, p, 36, 0, pose=p.pose(), speed=speed, acceleration=acceleration, in_tool=True)


@register(23, "MOVE_JOINT")
@register(24, "MOVE_JOINTB")
def _joints(c: Controller, p: Packet) -> bytes:
    goal, (speed, acceleration) = p.floats(7), p.floats(2, 28)
    if c.mode == ONLINE_JOINTS:
        c.online(np.where(np.isfinite(goal), goal, c.command), float(speed))
        return b""
    return _submit(c, p, 40, p.byte(40), joints=goal, speed=speed, acceleration=acceleration)


@register(25, "MOVE_HOME")
def _home(c: Controller, p: Packet) -> bytes:
    speed, acceleration = p.floats(2)
    return _submit(c, p, 12, p.byte(12), joints=np.zeros(7), speed=speed, acceleration=acceleration)


@register(26, "SLEEP_INSTT")
def _sleep(c: Controller, p: Packet) -> bytes:
    return _submit(c, p, 4, 0, pause_s=float(p.floats(1)[0]))


@register(83, "MOVE_RELATIVE")
def _relative(c: Controller, p: Packet) -> bytes:
    speed, acceleration = p.floats(2, 28)
    if p.byte(44):
        goal: dict = {"joints": p.floats(7), "speed": speed, "acceleration": acceleration}
    else:
        goal = {
            "pose": p.pose(),
            "speed": speed / 1000,
            "acceleration": acceleration / 1000,
            "as_vector": bool(p.byte(45)),
        }
    return _submit(c, p, 46, p.byte(46), relative=True, **goal)


@register(29, "MOVE_SERVOJ")
def _servo(c: Controller, p: Packet) -> bytes:
    c.servo(p.floats(7))
    return b""


@register(30, "MOVE_SERVO_CART")
def _servo_tool(c: Controller, p: Packet) -> bytes:
    _servo_pose(c, p.pose(), kinematics.from_xyz_rpy, p.floats(1, 32)[0] > 0.5, False)
    return b""


@register(93, "MOVE_SERVO_CART_AA")
def _servo_tool_vector(c: Controller, p: Packet) -> bytes:
    in_tool = bool(struct.unpack_from("<i", p.payload, 32)[0])
    _servo_pose(c, p.pose(), kinematics.from_xyz_vector, in_tool, bool(p.byte(36)))
    return b""


def _servo_pose(c: Controller, pose: Array, matrix: Callable[[Array], Array], in_tool: bool, relative: bool) -> None:
    here = c.tool.tool(c.command)
    if in_tool:
        c.servo_tool(here @ matrix(pose))
    elif relative:
        c.servo_tool(moved_in_base(here, matrix(pose)))
    else:
        c.servo_tool(matrix(pose))


@register(81, "VC_SET_JOINTV")
def _joint_velocity(c: Controller, p: Packet) -> bytes:
    c.move_at(p.floats(7), p.floats(1, 29)[0] if len(p.payload) > 29 else 0.0)
    return b""


@register(82, "VC_SET_CARTV")
def _tool_velocity(c: Controller, p: Packet) -> bytes:
    speeds = p.pose()
    if p.byte(24):  # in the tool's frame
        R = c.tool.tool(c.measured)[:3, :3]
        speeds = np.concatenate([R @ speeds[:3], R @ speeds[3:]])
    c.move_at(speeds, p.floats(1, 25)[0] if len(p.payload) > 25 else 0.0)
    return b""


@register(36, "SET_LOAD_PARAM")
def _load(c: Controller, p: Packet) -> bytes:
    c.settings.load = p.floats(4).tolist()
    _soon(c, _ticket(p), TRIGGER)
    return b""


@register(253, "FEEDBACK_CHECK")
def _check_feedback(c: Controller, p: Packet) -> bytes:
    """Notifies the client when all earlier motions have ended: at once, or by a pause in the queue."""
    if c.state >= PAUSED or c.mode not in (POSITION, 11) or not c.waiting:
        _soon(c, _ticket(p), FINISH)
    else:
        c.submit(Request(_ticket(p)))
        c.state = MOVING
    return b""


def _soon(c: Controller, ticket: Ticket, event: int) -> None:
    if c.settings.feedback & event:
        asyncio.get_running_loop().call_later(SOON_S, c.notify, ticket, event, 0)
