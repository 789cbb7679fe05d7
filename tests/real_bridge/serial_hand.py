"""Sixteen emulated motors on a pseudo-terminal, in a thread of the test: no physics; replies as late as asked."""

import os
import pty
import select
import threading
import time
import tty

from real_bridge.emulator.command_log import CommandLog
from real_bridge.emulator.faults import Fault, FaultBoard, PlannedFault
from real_bridge.emulator.leap import control_table as table
from real_bridge.emulator.leap.bus import Bus
from real_bridge.emulator.leap.motor import TICKS_PER_RAD, Motor


class SerialHand:
    """Serves `port` until it is closed."""

    def __init__(self):
        self.motors, self.faults, self.log = [Motor(i) for i in range(16)], FaultBoard(), CommandLog()
        self.bus = Bus(self.motors, self.faults, self.log)
        self.late_s: list[float] = []
        """Delays of the next replies, in order; later ones come at once [s]."""
        self._master, self._slave = pty.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        self.port, self._end = os.ttyname(self._slave), threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._end.is_set():
            if not select.select([self._master], [], [], 0.02)[0]:
                continue
            answer = self.bus.receive(os.read(self._master, 4096))
            if answer:
                time.sleep(self.late_s.pop(0) if self.late_s else 0.0)
                os.write(self._master, answer)

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    def fail(self, fault: Fault) -> None:
        """A fault from now on."""
        self.faults.plan([PlannedFault(fault)])
        self.faults.tick(time.monotonic(), False)

    def turn(self, motor: int, angle: float) -> None:
        """Puts a motor's shaft to an angle of the motor's own [rad]."""
        self.motors[motor].put(table.PRESENT_POSITION, round(angle * TICKS_PER_RAD))

    def goal(self, motor: int) -> float:
        """The goal of a motor, in its own angle [rad]."""
        return self.motors[motor].get(table.GOAL_POSITION) / TICKS_PER_RAD

    def torques(self) -> list[int]:
        return [motor.get(table.TORQUE_ENABLE) for motor in self.motors]
