"""The serial line: what each instruction does to which motors, and the bytes that come back."""

import struct
from collections.abc import Iterator
from types import MethodType

from lace.core.draws import Draws
from real_bridge.emulator.command_log import CommandLog
from real_bridge.emulator.faults import BadChecksums, FaultBoard, SilentHand, SilentMotor
from real_bridge.emulator.leap.control_table import FIRMWARE_VERSION, MODEL_NUMBER, STATUS_LEVEL
from real_bridge.emulator.leap.motor import ACCESS, Motor
from real_bridge.emulator.leap.packets import BROADCAST, HEADER, STATUS, Reader, crc, packet

PING, READ, WRITE, REG_WRITE, ACTION, FACTORY_RESET, REBOOT, CLEAR = 1, 2, 3, 4, 5, 6, 8, 0x10
SYNC_READ, SYNC_WRITE, FAST_SYNC_READ, BULK_READ, BULK_WRITE, FAST_BULK_READ = 0x82, 0x83, 0x8A, 0x92, 0x93, 0x9A
BAD_INSTRUCTION, BAD_CRC = 2, 3
READS = {PING, READ, SYNC_READ, FAST_SYNC_READ, BULK_READ, FAST_BULK_READ}
ROW = struct.Struct("<BHH")


class Bus:
    """Sixteen motors on one line. `receive` takes the bytes of the host and gives those that the motors send."""

    def __init__(self, motors: list[Motor], faults: FaultBoard, log: CommandLog, seed: int = 0):
        self.motors = {motor.ident: motor for motor in motors}
        self.faults, self.log, self.seed = faults, log, seed
        self.refused: list[tuple[int, int, int]] = []
        """(motor, address, error) of failed synchronous writes, which have no reply."""
        self._reader, self._replies = Reader(), 0
        self._instructions: dict[int, MethodType] = {
            PING: self._ping, READ: self._read, WRITE: self._write, REG_WRITE: self._register, ACTION: self._action,
            REBOOT: self._reboot, FACTORY_RESET: self._acknowledge, CLEAR: self._acknowledge,
            SYNC_WRITE: self._sync_write, SYNC_READ: self._sync_read, FAST_SYNC_READ: self._fast_sync_read,
            BULK_READ: self._bulk_read, BULK_WRITE: self._bulk_write, FAST_BULK_READ: self._fast_bulk_read,
        }  # fmt: skip

    def receive(self, data: bytes) -> bytes:
        """Answers to bytes from the host."""
        out = b""
        for ident, instruction, body in self._reader.feed(data):
            if instruction is None:
                answers = [self._status(motor, BAD_CRC) for motor in self._listening(ident) if ident != BROADCAST]
            else:
                answers = self._answers(ident, instruction, body)
            out += b"".join(map(self._noisy, answers))
        return out

    def _answers(self, ident: int, instruction: int, body: bytes) -> list[bytes]:
        for motor in self.motors.values():
            motor.silence_s = 0.0
        run = self._instructions.get(instruction)
        name = run.__name__.strip("_").upper() if run else f"UNKNOWN {instruction:#x}"
        address = struct.unpack_from("<H", body)[0] if len(body) >= 2 else ""
        self.log.add("hand", f"{name} {address}".strip(), bytes([ident]) + body, reads=instruction in READS)
        try:
            if run is not None:
                return list(run(ident, body))
        except (struct.error, IndexError):  # shorter than its fields
            pass
        return [self._status(motor, BAD_INSTRUCTION) for motor in self._listening(ident) if ident != BROADCAST]

    def _noisy(self, answer: bytes) -> bytes:
        fault = self.faults.find(BadChecksums)
        self._replies += 1
        if fault is None or Draws(self.seed, self._replies).unit("bus.noise")[0, 0] >= fault.share:
            return answer
        return answer[:-1] + bytes([answer[-1] ^ 0x5A])

    def silent(self, ident: int) -> bool:
        """Whether a motor does not respond."""
        return bool(self.faults.find(SilentHand)) or any(f.motor == ident for f in self.faults.all_of(SilentMotor))

    def _alive(self, ident: int) -> Motor | None:
        return None if self.silent(ident) else self.motors.get(ident)

    def _listening(self, ident: int) -> list[Motor]:
        idents = self.motors if ident == BROADCAST else [ident]
        return [motor for i in idents if (motor := self._alive(i)) is not None]

    @staticmethod
    def _status(motor: Motor, error: int = 0, data: bytes = b"") -> bytes:
        return packet(motor.ident, STATUS, bytes([error | motor.alert]) + data)

    def _memory(self, motor: Motor, address: int, size: int) -> bytes:
        data = motor.read(address, size)
        return self._status(motor, ACCESS) if data is None else self._status(motor, 0, data)

    def _ping(self, ident: int, _body: bytes) -> Iterator[bytes]:
        for motor in self._listening(ident):
            yield self._status(motor, 0, struct.pack("<HB", MODEL_NUMBER, FIRMWARE_VERSION))

    def _read(self, ident: int, body: bytes) -> Iterator[bytes]:
        if ident != BROADCAST:
            for motor in self._listening(ident):
                yield self._memory(motor, *struct.unpack("<HH", body))

    def _write(self, ident: int, body: bytes) -> Iterator[bytes]:
        for motor in self._listening(ident):
            error = motor.write(struct.unpack_from("<H", body)[0], body[2:])
            if ident != BROADCAST and motor.get(STATUS_LEVEL) == 2:
                yield self._status(motor, error)

    def _register(self, ident: int, body: bytes) -> Iterator[bytes]:
        for motor in self._listening(ident):
            motor.registered = (struct.unpack_from("<H", body)[0], body[2:])
            if ident != BROADCAST:
                yield self._status(motor)

    def _action(self, ident: int, _body: bytes) -> Iterator[bytes]:
        for motor in self._listening(ident):
            if motor.registered is not None:
                motor.write(*motor.registered)
            motor.registered = None
            if ident != BROADCAST:
                yield self._status(motor)

    def _reboot(self, ident: int, _body: bytes) -> Iterator[bytes]:
        for motor in self._listening(ident):
            motor.reboot()
            if ident != BROADCAST:
                yield self._status(motor)

    def _acknowledge(self, ident: int, _body: bytes) -> Iterator[bytes]:
        for motor in self._listening(ident):
            if ident != BROADCAST:
                yield self._status(motor)

    def _sync_write(self, _ident: int, body: bytes) -> Iterator[bytes]:
        address, size = struct.unpack_from("<HH", body)
        for at in range(4, len(body), size + 1):
            self._write_silently(body[at], address, body[at + 1 : at + 1 + size])
        yield from ()

    def _bulk_write(self, _ident: int, body: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(body):
            ident, address, size = ROW.unpack_from(body, at)
            self._write_silently(ident, address, body[at + ROW.size : at + ROW.size + size])
            at += ROW.size + size
        yield from ()

    def _write_silently(self, ident: int, address: int, data: bytes) -> None:
        motor = self._alive(ident)
        error = motor.write(address, data) if motor is not None else 0
        if error:
            self.refused.append((ident, address, error))

    def _sync_read(self, _ident: int, body: bytes) -> Iterator[bytes]:
        address, size = struct.unpack_from("<HH", body)
        for ident in body[4:]:
            if (motor := self._alive(ident)) is not None:
                yield self._memory(motor, address, size)

    def _bulk_read(self, _ident: int, body: bytes) -> Iterator[bytes]:
        for ident, address, size in ROW.iter_unpack(body):
            if (motor := self._alive(ident)) is not None:
                yield self._memory(motor, address, size)

    def _fast_sync_read(self, _ident: int, body: bytes) -> Iterator[bytes]:
        address, size = struct.unpack_from("<HH", body)
        yield from self._chain([(ident, address, size) for ident in body[4:]])

    def _fast_bulk_read(self, _ident: int, body: bytes) -> Iterator[bytes]:
        yield from self._chain(list(ROW.iter_unpack(body)))

    def _chain(self, rows: list[tuple[int, int, int]]) -> Iterator[bytes]:
        """One packet to which each motor adds its part and the checksum so far; it breaks off at a silent motor."""
        length = sum(size + 4 for _ident, _address, size in rows) + 1
        out = HEADER + bytes([BROADCAST]) + struct.pack("<H", length) + bytes([STATUS])
        first = len(out)
        for ident, address, size in rows:
            motor = self._alive(ident)
            data = motor.read(address, size) if motor is not None else None
            if motor is None or data is None:
                break
            out += bytes([motor.alert, ident]) + data
            out += struct.pack("<H", crc(out))
        if len(out) > first:
            yield out
