"""A Dynamixel bus (protocol 2.0): every reading is complete, new and checked, or raises an error.

Works around three problems of the maker's SDK, beside those of its port (serial_port.py). It marks the port as in use
while it waits and keeps the mark if Ctrl-C interrupts the wait; afterwards it refuses everything, also torque-off. It
returns the previous values after a failed group read. Replies carry no number, so a late reply would be taken as the
answer to the next request.
"""

import fcntl
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence

from dynamixel_sdk import COMM_RX_CORRUPT, COMM_SUCCESS, Protocol2PacketHandler
from dynamixel_sdk.protocol2_packet_handler import PKT_ID, PKT_LENGTH_L

from lace.core.counting import counted
from real_bridge.faults import DeviceFault
from real_bridge.leap_hand.motors import Register
from real_bridge.leap_hand.serial_port import SerialPort

BAUD = 4_000_000
ALERT = 0x80
"""Bit of a status packet's error byte: the motor has a hardware error (read HARDWARE_ERROR)."""
MARKS = range(5, 25)
"""Bytes of a reading that nothing else asks for: its reply shows that all earlier ones have come."""
NO_DATA = 4
"""Bytes of a reply's length beside its data: instruction, error, checksum."""
ATTEMPTS = 3
"""How often a question is asked while the patience lasts, if nothing comes back."""


class NoAnswer(DeviceFault):
    """A motor did not answer, or not completely."""


class SerialClient:
    """One serial port, opened exclusively."""

    def __init__(self, port: str, patience_s: float):
        """Opens `port`; DeviceFault where that fails or another program has it.

        Args:
            port: Serial port.
            patience_s: How long a question is asked again before it counts as not answered [s]: one packet in some
                thousands is lost. Each reply may be late by a third of this, or by 34 ms if that is longer.
        """
        self.patience_s = patience_s
        self._lock = threading.RLock()
        self._port, self._packets = SerialPort(port), Protocol2PacketHandler()
        self._dirty = True  # replies to an earlier program may still come
        self._mark, self._answered = 0, deque[int]()
        try:
            self._port.setBaudRate(BAUD)
            if self._port.ser is None:
                raise OSError("the port did not open")
            fcntl.flock(self._port.ser.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:  # serial.SerialException is one
            raise DeviceFault(
                f"opening {port}",
                str(error),
                "the hand's serial port, used by nobody else",
                "check the cable and your rights on the port; end the other program",
            ) from error

    def close(self) -> None:
        """Frees the port; may be called twice."""
        with self._lock:
            if self._port.is_open:
                self._port.closePort()

    def ping(self, motor: int) -> int:
        """The motor's model number."""
        model = self._asked(f"looking for motor {motor}", self._packets.ping, motor)[0]
        if motor not in self._answered:
            self._answered.append(motor)
        return model

    def read(self, motor: int, register: Register) -> int:
        """An unsigned value."""
        calls = {1: self._packets.read1ByteTxRx, 2: self._packets.read2ByteTxRx, 4: self._packets.read4ByteTxRx}
        doing = f"reading register {register.address} of motor {motor}"
        return self._asked(doing, calls[register.size], motor, register.address)[0]

    def write(self, motor: int, register: Register, value: int) -> None:
        """Writes with a confirmation by the motor; broadcast writes give none."""
        calls = {1: self._packets.write1ByteTxRx, 2: self._packets.write2ByteTxRx, 4: self._packets.write4ByteTxRx}
        doing = f"writing {value} into register {register.address} of motor {motor}"
        *_none, error = self._asked(doing, calls[register.size], motor, register.address, value)
        if error & ~ALERT:
            raise DeviceFault(
                doing, f"the motor refused it (error {error & ~ALERT})", "a value it takes", "look at the motor"
            )

    def write_all(self, register: Register, values: Mapping[int, int]) -> None:
        """One broadcast with a value for each motor; it is not confirmed, so read back what must have arrived."""
        packed = [byte for motor, value in values.items() for byte in (motor, *_bytes(value, register.size))]
        with self._lock:  # nothing is answered, so nothing has to be in step: a torque-off leaves at once
            result = self._guarded(self._packets.syncWriteTxOnly, register.address, register.size, packed, len(packed))
        self._require(f"writing register {register.address} of all motors", result)

    def read_all(self, register: Register, motors: Sequence[int]) -> dict[int, tuple[bytes, bool]]:
        """Bytes of each motor, and whether it raises the alert of a hardware error; all of them or a DeviceFault."""
        return self._until_answered(lambda: self._read_all(register, motors))

    def _read_all(self, register: Register, motors: Sequence[int]) -> dict[int, tuple[bytes, bool]]:
        with self._lock:
            self._talk(self._packets.syncReadTx, register.address, register.size, list(motors), len(motors), False)
            found = {}
            for motor in motors:
                data, result, error = self._guarded(self._packets.readRx, motor, register.size)
                self._require(f"reading register {register.address} of motor {motor}", result)
                if len(data) != register.size:
                    self._dirty = True
                    raise NoAnswer(
                        f"reading motor {motor}", counted(len(data), "byte"), f"{register.size}", "look at the bus"
                    )
                found[motor] = (bytes(data), bool(error & ALERT))
            return found

    def _asked(self, doing: str, call, *arguments):
        """Everything that `call` returned but its result, which was good: (value,) error."""

        def once():
            *answer, result, error = self._talk(call, *arguments)
            self._require(doing, result)
            return (*answer, error)

        return self._until_answered(once)

    def _until_answered(self, ask):
        """Calls `ask` again until it succeeds or the time is over; only for requests that may be repeated."""
        end = time.monotonic() + self.patience_s
        while True:
            try:
                return ask()
            except NoAnswer:
                if time.monotonic() >= end:
                    raise

    def _talk(self, call, *arguments):
        with self._lock:
            if self._dirty:
                self._catch_up()
            return self._guarded(call, *arguments)

    def _guarded(self, call, *arguments):
        """One request and its reply; discards late bytes before it and frees the port after it, also after an error."""
        done, self._port.reply_s = False, self.patience_s / ATTEMPTS
        try:
            answer = call(self._port, *arguments)
            done = True
            return answer
        except OSError as error:
            raise DeviceFault("talking to the hand", str(error), "an open serial port", "check the cable") from error
        finally:
            self._port.is_using = False
            self._dirty = self._dirty or not done

    def _require(self, doing: str, result: int) -> None:
        if result != COMM_SUCCESS:
            self._dirty = True
            raise NoAnswer(doing, self._packets.getTxRxResult(result), "an answer", "check the hand's power and cable")

    def _catch_up(self) -> None:
        """Discards late replies: they carry no number and would be taken as answers to the next request.

        The line keeps the order of replies, so a reply of a length that no other request has shows that all earlier
        ones have arrived.
        """
        if not self._answered:  # nobody has answered yet
            return
        self._mark = (self._mark + 1) % len(MARKS)
        self._answered.rotate(1)  # the last one may be the silent one
        motor, size = self._answered[0], MARKS[self._mark]
        doing = f"finding the place in the replies of motor {motor}"
        self._require(doing, self._guarded(self._packets.readTx, motor, 0, size))
        while True:
            packet, result = self._guarded(self._packets.rxPacket, False)
            if result != COMM_RX_CORRUPT:
                self._require(doing, result)
                if (packet[PKT_ID], packet[PKT_LENGTH_L]) == (motor, size + NO_DATA):
                    break
        self._dirty = False


def _bytes(value: int, size: int) -> bytes:
    return int(value).to_bytes(size, "little", signed=value < 0)
