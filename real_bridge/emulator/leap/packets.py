"""Dynamixel protocol 2.0 packets: checksum, byte stuffing, framing (ROBOTIS e-manual, "DYNAMIXEL Protocol 2.0")."""

import struct

HEADER = b"\xff\xff\xfd\x00"
BROADCAST = 0xFE
STATUS = 0x55
POLYNOMIAL = 0x8005


def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        value = byte << 8
        for _ in range(8):
            value = (value << 1 ^ POLYNOMIAL) & 0xFFFF if value & 0x8000 else value << 1 & 0xFFFF
        rows.append(value)
    return tuple(rows)


_CRC = _table()


def crc(data: bytes) -> int:
    """CRC-16 (IBM/ANSI, 0x8005) of a packet's bytes before the checksum."""
    value = 0
    for byte in data:
        value = (value << 8 ^ _CRC[value >> 8 ^ byte]) & 0xFFFF
    return value


def packet(ident: int, instruction: int, body: bytes = b"") -> bytes:
    """A whole packet, stuffed and with its checksum."""
    stuffed = (bytes([instruction]) + body).replace(b"\xff\xff\xfd", b"\xff\xff\xfd\xfd")
    head = HEADER + bytes([ident]) + struct.pack("<H", len(stuffed) + 2) + stuffed
    return head + struct.pack("<H", crc(head))


class Reader:
    """Cuts a stream of bytes into packets."""

    def __init__(self):
        self._left = b""

    def feed(self, data: bytes) -> list[tuple[int, int | None, bytes]]:
        """(addressee, instruction, body) of each whole packet; instruction None where the checksum is wrong."""
        self._left += data
        found = []
        while (one := self._next()) is not None:
            found.append(one)
        return found

    def _next(self) -> tuple[int, int | None, bytes] | None:
        start = self._left.find(HEADER)
        if start < 0:
            self._left = self._left[-3:]
            return None
        self._left = self._left[start:]
        if len(self._left) < 7:
            return None
        size = struct.unpack_from("<H", self._left, 5)[0] + 7
        if len(self._left) < size:
            return None
        frame, self._left = self._left[:size], self._left[size:]
        if size < 10 or crc(frame[:-2]) != struct.unpack("<H", frame[-2:])[0]:
            return frame[4], None, b""
        body = frame[7:-2].replace(b"\xff\xff\xfd\xfd", b"\xff\xff\xfd")
        return frame[4], body[0], body[1:]
