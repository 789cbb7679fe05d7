"""The controller's network side: control on TCP 502 and 503, reports on 30000 to 30003."""

import asyncio
import struct
import time
from contextlib import suppress

import real_bridge.emulator.arm.motion_registers  # noqa: F401  (fills REGISTERS)
from real_bridge.emulator.arm import reports, wire
from real_bridge.emulator.arm.controller import BAD_PARAMETER, UNKNOWN_COMMAND, Controller
from real_bridge.emulator.arm.motions import Ticket
from real_bridge.emulator.arm.registers import REGISTERS, Invalid
from real_bridge.emulator.arm.wire import Packet
from real_bridge.emulator.command_log import CommandLog
from real_bridge.emulator.faults import (
    DroppedConnection,
    FaultBoard,
    SilentController,
    SlowController,
    TornReplies,
)

CONTROL_PORTS = (502, 503)
MODBUS, HEARTBEAT = 0, 0
SILENCE_S = 0.02
"""How often a silent server looks whether it may speak again."""


class ArmServer:
    """Serves one controller to any number of clients."""

    def __init__(self, controller: Controller, faults: FaultBoard, log: CommandLog):
        self.controller, self.faults, self.log = controller, faults, log
        self._clients: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task] = set()
        self._servers: list[asyncio.Server] = []
        self._start = time.monotonic()
        controller.notify = self.notify

    async def open(self, host: str) -> None:
        """Listens on all ports of `host`; OSError where it may not."""
        for port in CONTROL_PORTS:
            self._servers.append(await asyncio.start_server(self._control, host, port))
        for port in reports.PORTS:
            self._servers.append(await asyncio.start_server(self._reporter(port), host, port))

    async def close(self) -> None:
        """Stops listening and ends all connections."""
        for server in self._servers:
            server.close()
        self.drop_clients()

    def drop_clients(self) -> None:
        """Closes all connections."""
        for writer in list(self._clients):
            writer.close()

    def _microseconds(self) -> int:
        return int(1e6 * (time.monotonic() - self._start))

    def _state_byte(self) -> int:
        c = self.controller
        return wire.ERROR * bool(c.error) | wire.WARNING * bool(c.warning) | wire.NOT_MOVABLE * (not c.ready)

    def notify(self, ticket: Ticket, event: int, code: int) -> None:
        """Tells the client of a motion what became of it."""
        if ticket.client in self._clients and not self.faults.find(SilentController):
            ticket.client.write(wire.feedback(ticket, self._state_byte(), event, code, self._microseconds()))

    def _admitted(self, writer: asyncio.StreamWriter) -> bool:
        if self.faults.find(DroppedConnection):
            writer.close()
            return False
        self._clients.add(writer)
        return True

    async def _control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._admitted(writer):
            return
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                transaction, protocol, length = wire.HEADER.unpack(await reader.readexactly(wire.HEADER.size))
                body = await reader.readexactly(length)
                if protocol == MODBUS:
                    writer.write(wire.modbus_reply(transaction, body))
                elif body and body[0] != HEARTBEAT:
                    await self._answer(Packet(writer, transaction, protocol, body[0], body[1:]))
        self._clients.discard(writer)
        writer.close()

    async def _answer(self, packet: Packet) -> None:
        slow = self.faults.find(SlowController)
        if slow is not None:
            await asyncio.sleep(slow.delay_s)
        invalid, payload = self._run(packet)
        if self.faults.find(SilentController):
            return
        answer = wire.reply(packet, self._state_byte() | invalid, payload)
        torn = self.faults.find(TornReplies)
        if torn is not None:
            packet.client.write(answer[: len(answer) // 2])
            await asyncio.sleep(torn.pause_s)
            answer = answer[len(answer) // 2 :]
        packet.client.write(answer)

    def _run(self, packet: Packet) -> tuple[int, bytes]:
        """(bits for the state byte, payload) of a request, which takes effect here."""
        register = REGISTERS.get(packet.register)
        if register is None:
            self.log.add("arm", f"UNKNOWN {packet.register}", packet.payload)
            self.controller.warning = UNKNOWN_COMMAND
            return 0, b""
        self.log.add("arm", register.name, packet.payload, register.reads)
        try:
            return 0, register.run(self.controller, packet)
        except Invalid as invalid:
            return wire.INVALID, invalid.payload
        except (struct.error, ValueError):  # too short, or numbers that make no sense
            self.controller.warning = BAD_PARAMETER
            return wire.INVALID, b""

    def _reporter(self, port: int):
        hertz, body = reports.PORTS[port]

        async def report(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if not self._admitted(writer):
                return
            due = time.monotonic()
            with suppress(ConnectionError):
                while not writer.is_closing():
                    if not self.faults.find(SilentController):
                        writer.write(reports.framed(body(self.controller, self._microseconds())))
                        await writer.drain()
                    due = max(due + 1 / hertz, time.monotonic() - 1)
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._clients.discard(writer)
            writer.close()

        return report
