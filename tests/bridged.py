"""Shared by the tests of the bridge: the emulator with a camera that draws two discs, and a cell on it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from assets.grasps import grasp_for
from assets.robots import ROBOTS
from assets.robots.robot import Robot
from lace.core.camera import PinholeCamera, intrinsics
from lace.core.geometry import look_at
from lace.core.kinematics import Kinematics
from policies.primitives.grasp import GraspPrimitive
from policies.primitives.lifting import end_effector_point
from real_bridge.cameras import open_camera
from real_bridge.cameras.camera import Frame
from real_bridge.cell import CellConfig, RealCell
from real_bridge.cell_log import RecordedPorts
from real_bridge.emulator.admin import Admin
from real_bridge.emulator.broadcast import Broadcast
from real_bridge.emulator.camera import Sender
from real_bridge.emulator.faults import FAULTS
from real_bridge.emulator.process import EmulatorProcess
from real_bridge.operator import EmulatorWord
from real_bridge.ports import LivePorts
from real_bridge.rig import Rig, RigConfig
from real_bridge.safety import SafetyLimits

PATIENT = SafetyLimits(image_age_s=2.0, arm_age_s=1.0, hand_age_s=1.0, watchdog_s=2.0)
"""Limits for a machine that is busy with other tests: its delays are not device faults."""
SIZE, EYE, LOOKS_AT = 96, (1.3, 0.4, 0.8), (0.4, 0.05, 0.05)
SEEN_M = 0.045
"""Height above the table at which a target is observed (GraspConfig.seen_height_m)."""


class SketchCamera:
    """Serves frames with the faults of the emulator's camera, but draws the target and the hand as discs."""

    def __init__(self, emulator: EmulatorProcess, robot: Robot, fps: float = 20.0):
        self.camera = PinholeCamera(intrinsics(0.9, SIZE, SIZE), look_at(EYE, LOOKS_AT), SIZE, SIZE)
        self._admin = Admin(*emulator.admin.address)
        self._kinematics, self._random = Kinematics(robot.embodiment), np.random.default_rng(0)
        self._broadcast, self._sender_end = Broadcast("127.0.0.1"), threading.Event()
        self._period, self._count = 1 / fps, 0
        self.address = f"shared:127.0.0.1:{self._broadcast.port}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._sender_end.set()
        self._thread.join()
        self._broadcast.close()

    def _run(self) -> None:
        sender = Sender(self._broadcast)
        while not self._sender_end.wait(self._period):
            truth = self._admin.truth()
            rows = [dict(row) for row in truth["faults"]]
            sender.send(self.frame(truth), [FAULTS[row.pop("kind")](**row) for row in rows])
        self._admin.close()

    def frame(self, truth: dict) -> Frame:
        """The image at a given time."""
        q = np.array(truth["joint_positions"])
        keypoints = self._kinematics.keypoints(self._kinematics.link_poses(q))
        hand, depth = end_effector_point(keypoints, self.camera)
        place = np.array(truth["T_world_object"][0])[:3, 3]
        target = self.camera.project([[*place[:2], place[2] + SEEN_M]])[0][0]
        image = self._random.integers(90, 110, (SIZE, SIZE, 3), np.uint8)
        for uv, colour in ((target, (40, 160, 60)), (hand, (230, 150, 40))):
            cv2.circle(image, tuple(int(x) for x in uv), 6, colour, -1)
        self._count += 1
        facts = {
            "truth": {"end_effector": hand.tolist(), "target": target.tolist()},
            "evidence": truth["evidence"] | {"end_effector_depth_m": depth},
        }
        return Frame(image, truth["stamp_s"], self._count, self.camera, None, facts)


@dataclass
class Bench:
    """An emulator with a sketch camera and everything needed to attempt a grasp on it."""

    emulator: EmulatorProcess
    sketch: SketchCamera
    robot: Robot
    folder: Path
    primitive: GraspPrimitive
    count: int = 0

    @property
    def config(self) -> RigConfig:
        return RigConfig(
            self.emulator.arm,
            str(self.emulator.hand),
            self.sketch.address,
            table_z=self.emulator.admin.truth()["table_z"],
            state=self.folder / "state",
        )

    def reset(self) -> None:
        """The plain scene reset to its start: devices as after power-on, no latch."""
        self.emulator.admin.clear()
        self.emulator.admin.start()
        for latch in (self.folder / "state").glob("*/latch.json"):
            latch.unlink()

    @contextmanager
    def rig(self, limits: SafetyLimits = PATIENT, **changes) -> Iterator[Rig]:
        """A session, not yet enabled."""
        rig = Rig(replace(self.config, **changes), self.robot.embodiment, {}, limits)
        try:
            yield rig
        finally:
            rig.close()

    @contextmanager
    def cell(self, limits: SafetyLimits = PATIENT, speed: float = 1.0, **changes) -> Iterator[RealCell]:
        """An enabled cell, recorded; `.rig` and `.record` are on it."""
        self.count += 1
        camera = open_camera(self.sketch.address)
        try:
            with self.rig(limits, **changes) as rig:
                rig.enable()
                ports = RecordedPorts(LivePorts(rig, camera, EmulatorWord()), self.folder / f"run-{self.count}")
                cell = RealCell(
                    ports,
                    self.robot.embodiment,
                    self.robot.xml_path,
                    rig.config.table_z,
                    CellConfig(speed, limits),
                    tell=ports.tell,
                )
                cell.rig, cell.record = rig, self.folder / f"run-{self.count}"
                yield cell
        finally:
            camera.close()


@contextmanager
def bench(folder: Path, host: str) -> Iterator[Bench]:
    """Starts an emulator and its sketch camera."""
    robot = ROBOTS["xarm7_leap"](None)
    with EmulatorProcess(host, folder) as emulator:
        sketch = SketchCamera(emulator, robot)
        try:
            primitive = GraspPrimitive(robot.embodiment, robot.xml_path, grasp_for("dinosaur"))
            yield Bench(emulator, sketch, robot, folder, primitive)
        finally:
            sketch.close()


def wait_for(condition, within_s: float = 10.0) -> bool:
    """Whether `condition()` comes true."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
