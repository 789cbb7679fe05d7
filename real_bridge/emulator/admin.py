"""Test access to a running emulator: JSON lines over TCP. One request {"do": NAME, ...}, one answer.

`Admin` is the client; its methods are the requests.
"""

import asyncio
import json
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np

from lace.core.errors import LaceError
from real_bridge.emulator import faults as fault_plan
from real_bridge.emulator import scene as scenes
from real_bridge.emulator.arm.controller import GUIDE_SPEED
from real_bridge.emulator.faults import Fault, PlannedFault
from real_bridge.emulator.host import Emulator, EmulatorError
from sim_envs.physics.protocol import PhysicsScene


class AdminServer:
    """Serves the emulator's internal state to tests."""

    def __init__(self, emulator: Emulator):
        self.emulator = emulator
        self.trial: int | None = None
        self.wanted_trial: int | None = None
        """The trial whose scene the camera shall bring; it looks here."""
        self.board: dict[str, Any] | None = None

    async def open(self, host: str, port: int) -> int:
        """Listens; the port, chosen by the system where 0 was asked for."""
        self._server = await asyncio.start_server(self._serve, host, port)
        return self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            run = getattr(self, f"do_{request.pop('do')}", None)
            return {"ok": {} if run is None else run(**request)} if run else {"error": "no such request"}
        except (LaceError, ValueError, TypeError, KeyError) as error:
            return {"error": str(error)}

    def do_truth(self) -> dict[str, Any]:
        """Where everything is, and what the devices think."""
        e, state, c = self.emulator, self.emulator.devices.state, self.emulator.controller
        return {
            "stamp_s": time.monotonic(), "joint_positions": state.joint_positions.tolist(),
            "joint_velocities": state.joint_velocities.tolist(), "T_world_object": state.T_world_object.tolist(),
            "table_z": e.devices.scene.table_z, "evidence": e.witness.evidence(), "mode": c.mode, "state": c.state,
            "error": c.error, "warning": c.warning, "enabled": c.enabled, "command": c.command.tolist(),
            "errors": c.faults, "torque_on": [bool(m.drive().max_torque) for m in e.motors],
            "hand_goals": [m.drive().goal - np.pi for m in e.motors], "simulated_s": e.devices.time_s,
            "faults": [{"kind": f.kind} | asdict(f) for f in e.faults.active], "refused": e.bus.refused[-20:],
            "robot_table_N": float(state.robot_table_N), "trial": self.trial, "wanted_trial": self.wanted_trial,
            "board": self.board,
        }  # fmt: skip

    def do_plan(self, faults: list[Mapping[str, Any]]) -> dict[str, Any]:
        """Adds faults to come, or of now."""
        board = self.emulator.faults
        board.plan([fault_plan.from_plain(row) for row in faults])
        board.tick(time.monotonic(), moving=False)  # what is due now is there when this is answered
        return {}

    def do_clear(self, kind: str | None = None) -> dict[str, Any]:
        """Ends faults; pulls the emergency button out with all of them or with its own."""
        self.emulator.faults.clear(kind)
        if kind in (None, fault_plan.EmergencyStop.kind):
            self.emulator.release_emergency()
        return {}

    def do_start(self, scene: Mapping[str, Any] | None = None, trial: int | None = None) -> dict[str, Any]:
        """A scene from its beginning, the present one if none is given; devices as after power-on."""
        self.emulator.start(scenes.from_plain(scene) if scene else self.emulator.devices.scene)
        if scene:
            self.trial = self.wanted_trial = trial
        return {}

    def do_want(self, trial: int) -> dict[str, Any]:
        """Asks the camera to bring a trial's scene."""
        self.wanted_trial = trial
        return {}

    def do_board(self, on: str | None = None, T: list[list[float]] | None = None) -> dict[str, Any]:
        """Shows the calibration board at T on a link or in the "world"; takes it away without `on`."""
        self.board = None if on is None else {"on": on, "T": T}
        return {}

    def do_log(self, since_s: float = 0.0) -> dict[str, Any]:
        """Commands that arrived after `since_s`, and how often each was read."""
        log = self.emulator.log
        return {"commands": [asdict(command) for command in log.since(since_s)], "reads": dict(log.reads)}

    def do_guide(
        self, arm: list[float] | None = None, fingers: list[float] | None = None, speed: float = GUIDE_SPEED
    ) -> dict[str, Any]:
        """A person takes the arm (in its guided mode) and the fingers (whose motors are off) there."""
        if arm is not None:
            self.emulator.controller.guide, self.emulator.controller.guide_speed = np.array(arm, float), speed
        if fingers is not None:
            self.emulator.guided_fingers = np.array(fingers, float)
        return {}

    def do_misalign(self, hand_rad: list[float]) -> dict[str, Any]:
        """Puts the hand's motors off their zeros (16,) [rad]."""
        self.emulator.devices.hand_offset = np.array(hand_rad, float)
        return {}


class Admin:
    """Client of `AdminServer`; not for use from several threads."""

    def __init__(self, host: str, port: int, timeout_s: float = 20.0):
        self._socket = socket.create_connection((host, port), timeout_s)
        self._file = self._socket.makefile("rwb")
        self.address = (host, port)

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """One request; EmulatorError where it was refused or the emulator is gone."""
        try:
            self._file.write(json.dumps({"do": do} | arguments).encode() + b"\n")
            self._file.flush()
            answer: dict[str, Any] = json.loads(self._file.readline() or b'{"error": "the emulator has ended"}')
        except OSError as error:
            answer = {"error": str(error)}
        if "error" in answer:
            raise EmulatorError(f"asking the emulator to {do}", answer["error"], "an answer", "look at its output")
        return answer["ok"]

    def truth(self) -> dict[str, Any]:
        """Where everything is (see AdminServer.do_truth)."""
        return self.ask("truth")

    def inject(self, *faults: Fault | PlannedFault) -> None:
        """Faults of now, or planned ones."""
        planned = [fault if isinstance(fault, PlannedFault) else PlannedFault(fault) for fault in faults]
        self.ask("plan", faults=[fault_plan.to_plain(fault) for fault in planned])

    def clear(self, kind: str | None = None) -> None:
        """Ends faults of a kind, or all."""
        self.ask("clear", kind=kind)

    def start(
        self, scene: PhysicsScene | None = None, kinds: Sequence[tuple[str, float]] = (), trial: int | None = None
    ) -> None:
        """Begins `scene` (objects by name and scale in `kinds`) or the present one; devices as after power-on."""
        self.ask("start", scene=None if scene is None else scenes.to_plain(scene, list(kinds)), trial=trial)

    def load_trial(self, number: int, within_s: float = 60.0) -> None:
        """Has the camera bring trial `number`, and waits for it; EmulatorError where it does not come."""
        if self.truth()["trial"] == number:
            return self.start()
        self.ask("want", trial=number)
        end = time.monotonic() + within_s
        while self.truth()["trial"] != number:
            if time.monotonic() > end:
                raise EmulatorError(
                    f"loading trial {number}", f"no camera brought it within {within_s:.0f} s",
                    "an emulator with --camera", "start the emulator with --camera",
                )  # fmt: skip
            time.sleep(0.05)

    def board(self, on: str | None = None, T: Any = None) -> None:
        """Shows the calibration board at T (4, 4) on a link or in the "world"; takes it away without `on`."""
        self.ask("board", on=on, T=None if T is None else np.asarray(T, float).tolist())

    def commands(self, since_s: float = 0.0) -> list[dict[str, Any]]:
        """Commands that arrived after `since_s` of this machine's monotonic clock."""
        return self.ask("log", since_s=since_s)["commands"]

    def guide(self, arm: Any, fingers: Any = None, speed: float = GUIDE_SPEED) -> None:
        """A person takes the arm (7,) [rad] and the fingers (16,), in the motors' order, there; see AdminServer."""
        fingers = None if fingers is None else np.asarray(fingers, float).tolist()
        self.ask("guide", arm=np.asarray(arm, float).tolist(), fingers=fingers, speed=speed)

    def close(self) -> None:
        """Closes the connection."""
        self._file.close()
        self._socket.close()
