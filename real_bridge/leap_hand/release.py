"""Takes the torque off all motors of a LEAP Hand with one broadcast; standard library alone, for the watchdog.

It opens the port although another program may hold it: that program is dead or hangs when this is called.
"""

import os
import struct
import termios
import time

TORQUE, SYNC_WRITE, BROADCAST = 64, 0x83, 0xFE
MOTORS = range(16)
TRIES = 3
"""Broadcasts are not confirmed."""


def release(port: str) -> bool:
    """True if the broadcast left; never raises."""
    try:
        handle = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        raw = termios.tcgetattr(handle)
        raw[:4] = 0, 0, termios.CS8 | termios.CREAD | termios.CLOCAL, 0
        raw[4:6] = [termios.B4000000] * 2
        termios.tcsetattr(handle, termios.TCSANOW, raw)
        for _ in range(TRIES):
            os.write(handle, packet())
            time.sleep(0.005)
        return True
    except OSError:
        return False
    finally:
        os.close(handle)


def packet() -> bytes:
    """The broadcast: torque enable 0 for every motor."""
    values = b"".join(bytes([motor, 0]) for motor in MOTORS)
    body = struct.pack("<BHH", SYNC_WRITE, TORQUE, 1) + values
    head = b"\xff\xff\xfd\x00" + struct.pack("<BH", BROADCAST, len(body) + 2) + body
    return head + struct.pack("<H", crc(head))


def crc(data: bytes) -> int:
    """CRC-16 of protocol 2.0: polynomial 0x8005, not reflected, from 0."""
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x8005 if value & 0x8000 else value << 1) & 0xFFFF
    return value
