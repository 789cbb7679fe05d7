"""Frames over a TCP stream: how a camera in another process (the emulator's) reaches the bridge.

The server accepts any number of clients and pushes every frame to each of them; clients send nothing. A message is

    HEADER (little endian, 252 bytes)
        4s   magic b"LCF1"
        Q    frame number
        d    stamp, monotonic clock of the machine [s] (both ends run on one machine)
        I I  width, height [px]
        I I I  bytes of the image, of the depth (0: none), of the facts
        9d   K, row by row [px]
        16d  T_base_cam, row by row [m]
        12x  zeros
    image  RGB uint8, height x width x 3
    depth  float32 along the camera axis [m], height x width, 0 where unknown
    facts  JSON object, UTF-8; may be empty. What the emulator knows:
           "truth": {"end_effector": [u, v], "target": [u, v]}   as policies.policy.TwoPoints [px]
           "evidence": the fields of policies.cell.Evidence      (held, lifted_m, collision, ...; arrays as lists)
    I      CRC-32 (zlib) of everything before
"""

import json
import socket
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from lace.core.camera import PinholeCamera
from real_bridge.cameras.camera import CameraError, Frame

MAGIC = b"LCF1"
HEADER = struct.Struct("<4sQdIIIII9d16d12x")
CRC = struct.Struct("<I")
MOST_PIXELS = 4096 * 4096
"""A larger image is taken for a damaged header."""
MOST_FACTS = 1 << 20
"""Bytes; longer facts are taken for a damaged header."""


def pack(frame: Frame) -> bytes:
    """`frame`, which knows its camera, as one message."""
    if frame.camera is None:
        raise CameraError("sending a frame", "a frame without a camera", "K and T_base_cam", "use another camera")
    height, width = frame.image.shape[:2]
    image = np.ascontiguousarray(frame.image, np.uint8).tobytes()
    depth = b"" if frame.depth_m is None else np.ascontiguousarray(frame.depth_m, "<f4").tobytes()
    facts = json.dumps(dict(frame.facts)).encode() if frame.facts else b""
    header = HEADER.pack(
        MAGIC,
        frame.number,
        frame.stamp_s,
        width,
        height,
        len(image),
        len(depth),
        len(facts),
        *np.ravel(frame.camera.K),
        *np.ravel(frame.camera.T_world_cam),
    )
    body = b"".join((header, image, depth, facts))
    return body + CRC.pack(zlib.crc32(body))


def receive(stream: socket.socket) -> Frame:
    """The next frame of `stream`; CameraError where it is torn or damaged, or the stream has ended."""
    header = _exactly(stream, HEADER.size)
    magic, number, stamp_s, width, height, image_size, depth_size, facts_size, *poses = HEADER.unpack(header)
    sound = (
        magic == MAGIC
        and 0 < width * height <= MOST_PIXELS
        and image_size == 3 * width * height
        and depth_size in (0, 4 * width * height)
        and facts_size <= MOST_FACTS
    )
    if not sound:
        raise _damaged(f"a header that starts with {header[:4]!r} and says {width} x {height}, {image_size} bytes")
    body = _exactly(stream, image_size + depth_size + facts_size)
    if CRC.unpack(_exactly(stream, CRC.size))[0] != zlib.crc32(body, zlib.crc32(header)):
        raise _damaged(f"frame {number} with a wrong checksum")
    image = np.frombuffer(body, np.uint8, image_size).reshape(height, width, 3)
    depth = np.frombuffer(body, "<f4", depth_size // 4, image_size).reshape(height, width) if depth_size else None
    facts: Mapping[str, Any] = json.loads(body[image_size + depth_size :]) if facts_size else {}
    K, T_base_cam = np.reshape(poses[:9], (3, 3)), np.reshape(poses[9:], (4, 4))
    return Frame(image, stamp_s, number, PinholeCamera(K, T_base_cam, width, height), depth, facts)


def _exactly(stream: socket.socket, count: int) -> bytes:
    """The next `count` bytes."""
    parts, left = [], count
    while left:
        part = stream.recv(min(left, 1 << 20))
        if not part:
            raise CameraError(
                "reading camera frames",
                f"the stream ended with {left} bytes to come",
                "whole frames",
                "look whether the camera's process still runs",
            )
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _damaged(got: str) -> CameraError:
    return CameraError(
        "reading camera frames", got, "frames as real_bridge/cameras/wire.py has them", "start the camera again"
    )
