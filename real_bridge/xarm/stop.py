"""Stops an xArm over a separate connection, by the controller's private TCP protocol; standard library only.

The SDK sends one command at a time, waits up to its time limit for each answer, and its threads end with the program
before `atexit` runs, so an immediate stop cannot use it. The controller accepts several clients.
"""

import socket
import struct
import time

PORT = 502
SET_STATE, GET_STATE = 12, 13
STOPPED = 4
ANSWER_S = 0.15
"""How long one answer is waited for [s]; the controller takes under 1 ms."""
TRIES = 3


class XArmStop:
    """A connection that is used only for stopping. One thread at a time."""

    def __init__(self, address: str):
        """Connects now, so that `stop` need not; OSError if the controller does not answer."""
        self._address, self._number = address, 0
        self._socket: socket.socket | None = None
        self._connect()

    def stop(self) -> bool:
        """True once the controller has reported standstill; never raises."""
        for _ in range(TRIES):
            try:
                if self._socket is None:
                    self._connect()
                self._ask(SET_STATE, bytes([STOPPED]))
                if self._ask(GET_STATE, b"")[:1] == bytes([STOPPED]):
                    return True
            except (OSError, ValueError):
                self.close()
        return False

    def close(self) -> None:
        """Frees the connection; may be called twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> None:
        self._socket = socket.create_connection((self._address, PORT), timeout=ANSWER_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _ask(self, register: int, payload: bytes) -> bytes:
        """Sends one request; the answer's payload. Answers to earlier requests are passed over."""
        self._number = self._number % 0xFFFF + 1
        connection = self._socket
        if connection is None:  # an OSError: `stop` connects again
            raise ConnectionError("there is no connection to the controller")
        connection.sendall(struct.pack(">HHHB", self._number, 2, len(payload) + 1, register) + payload)
        end = time.monotonic() + ANSWER_S
        while True:
            number, _protocol, length = struct.unpack(">HHH", _exactly(connection, 6, end))
            body = _exactly(connection, length, end)
            if number == self._number and body[0] == register:
                return body[2:]  # after the register and the status byte


def _exactly(connection: socket.socket, count: int, end: float) -> bytes:
    data = b""
    while len(data) < count:
        connection.settimeout(max(end - time.monotonic(), 1e-3))
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("the controller closed the connection")
        data += part
    return data
