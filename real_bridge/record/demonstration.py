"""Records the readings of the devices while a guide moves the robot."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lace.core.geometry import Array
from lace.data.recordings.folder import RecordingWriter
from real_bridge.cameras.camera import Camera, Frame
from real_bridge.cameras.mount import Mount
from real_bridge.ports import sight_of
from real_bridge.record.guide import Goal, Guide
from real_bridge.rig import Rig
from real_bridge.safety.guard import Guard

LEAD_SPEED_RAD_S, HAND_SPEED_RAD_S = 0.6, 2.0
"""Largest joint speed towards a guide's goals: keys and headsets jump, the robot does not."""


@dataclass(frozen=True)
class RecordedCounts:
    """What was recorded."""

    images: int
    states: int
    seconds: float


class DemonstrationRecorder:
    """One demonstration."""

    def __init__(self, rig: Rig, camera: Camera, mount: Mount | None, guide: Guide, guard: Guard | None):
        """Prepares one demonstration.

        Args:
            rig: Connected; enabled where the guide commands.
            camera: Running.
            mount: Its calibration; None where the camera knows its place.
            guide: Who leads.
            guard: Checks every step of a guide that commands; None for one that does not.
        """
        self.rig, self.camera, self.mount, self.guide, self.guard = rig, camera, mount, guide, guard
        self._seen = -1

    def run(
        self, writer: RecordingWriter, seconds: float, period_s: float, tell: Callable[[float], None]
    ) -> RecordedCounts:
        """Records until the guide ends it or `seconds` are over; `tell` is called with the time so far."""
        arm, hand = self.rig.arm.read(), self.rig.hand.read()
        self.guide.begin(arm.positions, hand.positions)
        if self.guard is not None:
            self.guard.begin(arm.positions, hand.positions)
        self._goal = (arm.positions.copy(), hand.positions.copy())
        start = due = time.monotonic()
        while due - start < seconds:
            arm, hand = self.rig.arm.read(), self.rig.hand.read()
            writer.add_state((arm.stamp_s + hand.stamp_s) / 2, np.concatenate([arm.positions, hand.positions]))
            self._take_image(writer)
            goal = self.guide.next(arm.positions, hand.positions, period_s)
            if goal is None:
                break
            if self.guard is not None:
                self.guard.require_readings(arm, hand, sight_of(self.camera.newest()), time.monotonic())
                self._lead(self.guard, goal, arm.positions, hand.positions, period_s)
            tell(due - start)
            due = max(due + period_s, time.monotonic() - period_s)
            time.sleep(max(0.0, due - time.monotonic()))
        return RecordedCounts(writer.images, writer.states, time.monotonic() - start)

    def _take_image(self, writer: RecordingWriter) -> None:
        frame: Frame = self.camera.newest()
        if frame.number != self._seen:
            self._seen = frame.number
            image = frame.image if self.mount is None else self.mount.rectified(frame.image)
            writer.add_image(frame.stamp_s, image)

    def _lead(self, guard: Guard, goal: Goal, measured_arm: Array, measured_hand: Array, dt: float) -> None:
        """One step towards the goal, no faster than allowed, through the guard."""
        before_arm, before_hand = self._goal
        wanted = before_arm + np.clip(goal.arm - before_arm, -LEAD_SPEED_RAD_S * dt, LEAD_SPEED_RAD_S * dt)
        fingers = before_hand + np.clip(goal.hand - before_hand, -HAND_SPEED_RAD_S * dt, HAND_SPEED_RAD_S * dt)
        self._goal = guard.step(wanted, fingers, measured_arm, measured_hand)
        self.rig.beat(moving=True)
        self.rig.arm.servo(self._goal[0])
        self.rig.hand.servo(self._goal[1])
