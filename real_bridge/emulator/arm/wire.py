"""The controller's packets: frames of requests and replies, and numbers in the mixed byte orders of the protocol.

Lengths are millimetres and angles radians on the wire; floats are little endian, integers big endian with exceptions.
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from lace.core.geometry import Array

HEADER = struct.Struct(">HHH")
ERROR, WARNING, NOT_MOVABLE, INVALID = 0x40, 0x20, 0x10, 0x08
"""Bits of the state byte of every reply."""
FEEDBACK_REGISTER = 0xFF


@dataclass(frozen=True)
class Packet:
    """One request."""

    client: Any
    """Who sent it."""
    transaction: int
    protocol: int
    register: int
    payload: bytes

    def byte(self, at: int = 0, default: int = 0) -> int:
        """Byte `at` of the payload."""
        return self.payload[at] if len(self.payload) > at else default

    def floats(self, count: int, at: int = 0) -> Array:
        """(count,) floats from byte `at` on."""
        values = np.array(struct.unpack_from(f"<{count}f", self.payload, at), float)
        if not np.isfinite(values).all():
            raise ValueError(f"register {self.register}: {values} are not finite")
        return values

    def pose(self, at: int = 0) -> Array:
        """Six floats as x, y, z [m] and three angles [rad]."""
        return in_metres(self.floats(6, at))


def in_metres(pose: Array) -> Array:
    """A pose (6,) with its millimetres as metres."""
    return np.concatenate([pose[:3] / 1000, pose[3:]])


def in_millimetres(pose: Array) -> Array:
    """A pose (6,) with its metres as millimetres."""
    return np.concatenate([np.asarray(pose[:3]) * 1000, pose[3:]])


def pack(*values: float) -> bytes:
    """Floats as the wire has them."""
    return struct.pack(f"<{len(values)}f", *values)


def reply(packet: Packet, state: int, payload: bytes = b"") -> bytes:
    """The frame that answers a request."""
    head = HEADER.pack(packet.transaction, packet.protocol, len(payload) + 2)
    return head + bytes([packet.register, state]) + payload


def feedback(ticket: Any, state: int, event: int, code: int, time_us: int) -> bytes:
    """The unrequested frame that notifies a client of a motion's start or end."""
    head = HEADER.pack(ticket.transaction, ticket.protocol, 15)
    body = struct.pack(">BBHBQ", event, ticket.register, ticket.number & 0xFFFF, code, time_us)
    return head + bytes([FEEDBACK_REGISTER, state]) + body


def modbus_reply(transaction: int, request: bytes) -> bytes:
    """Standard Modbus: reads of registers give zeros, everything else is refused."""
    if len(request) >= 6 and request[1] in (3, 4):
        count = 2 * struct.unpack_from(">H", request, 4)[0]
        data = bytes([request[0], request[1], count & 0xFF]) + bytes(count)
    else:
        data = bytes([request[0], request[1] | 0x80, 1])
    return HEADER.pack(transaction, 0, len(data)) + data
