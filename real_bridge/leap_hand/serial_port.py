"""The maker's serial port with a stated wait for replies, during which it sleeps, measured by the monotonic clock."""

import select
import time

from dynamixel_sdk.port_handler import PortHandler

WAKE_S = 0.001
"""Longest sleep before the end of the wait is looked at again [s]."""


class SerialPort(PortHandler):
    """The maker's class waits 34 ms for every reply, in a loop that uses a whole core, by the clock of the day."""

    reply_s = 0.0
    """How late a reply may be [s]; at least what the maker's class waits."""

    def setPacketTimeout(self, packet_length: int) -> None:
        """Starts to wait for a reply of `packet_length` bytes."""
        super().setPacketTimeout(packet_length)
        self.packet_timeout = max(self.packet_timeout, 1000 * self.reply_s)

    def readPort(self, length: int) -> bytes:
        """Up to `length` bytes; sleeps for at most WAKE_S where none has come."""
        if length > 0 and self.ser is not None:
            select.select([self.ser], [], [], WAKE_S)
        return super().readPort(length)

    def getCurrentTime(self) -> float:
        """[ms]."""
        return 1000 * time.monotonic()
