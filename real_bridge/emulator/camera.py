"""The emulated camera, a separate process: reads the state of the emulator, draws it and sends the frame.

It also brings the scene: a trial of the simulated cell, by seed and number, so that both cells try the same trials.
"""

import json
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tyro

from lace.core.draws import Draws
from lace.core.geometry import Array
from policies.outcome import PlanRefused
from policies.primitives.lifting import end_effector_point
from real_bridge.cameras.camera import Frame
from real_bridge.cameras.wire import pack
from real_bridge.emulator.admin import Admin
from real_bridge.emulator.board import WITH_BOARD, RobotWithBoard
from real_bridge.emulator.broadcast import Broadcast
from real_bridge.emulator.faults import (
    FAULTS,
    CutFrames,
    DamagedFrames,
    DelayedFrames,
    Fault,
    FrozenCamera,
    SilentCamera,
    StaleClock,
    TornFrames,
)
from real_bridge.emulator.host import EmulatorError
from sim_envs.config.scene import SceneConfig, with_preset
from sim_envs.scenes.randomization import with_fresh_noise
from sim_envs.trials.cell import scene_at
from sim_envs.trials.source import Trial, TrialSource

LEAST_NOISE = 0.003
"""Standard deviation of the sensor's noise, share of full scale: two pictures of a real camera are never the same."""
IDLE_S = 0.2
"""How often the camera polls the emulator while it has no client [s]."""


@dataclass(frozen=True)
class CameraConfig:
    """The emulated camera."""

    admin_host: str
    admin_port: int
    width: int = 224
    height: int = 224
    fps: float = 10.0
    """Most frames a second; a busy machine gives fewer."""
    preset: str = "lab"
    """Scenes as `lace simulate` draws them."""
    seed: int = 0
    trial: int = 0
    """Which of its trials to begin with."""


class SceneCamera:
    """Draws the trial's scene as the emulator has it."""

    def __init__(self, config: CameraConfig):
        self.config = config
        generate = SceneConfig(
            embodiment=WITH_BOARD,
            seed=config.seed,
            width=config.width,
            height=config.height,
            device="cpu",
        )
        self.source = TrialSource(with_preset(generate, config.preset), worlds=1)
        self.trial: Trial | None = None
        self._count = 0

    def load(self, admin: Admin, number: int) -> None:
        """Draws trial `number` and begins it in the emulator."""
        self.trial = self.source.draw(np.array([number]))[0]
        kinds = [(row["object"], float(row["scale"])) for row in self.trial.record.objects]
        admin.start(self.trial.physics, kinds, trial=number)

    def frame(self, truth: dict[str, Any]) -> Frame:
        """The picture of a moment, with all that the emulator knows about it."""
        source, trial = self.source, self.trial
        if trial is None:
            raise EmulatorError("drawing the scene", "no trial", "a trial that was loaded", "call `load` first")
        q, T = np.array(truth["joint_positions"])[None], np.array(truth["T_world_object"]).reshape(1, -1, 4, 4)
        scene = scene_at(source, trial, q, T)
        self._show_board(scene.table, scene.pose.T_world_link[0], truth["board"])
        self._count += 1
        draws = Draws(self.config.seed, [self._count])
        scene = with_fresh_noise(scene, draws)
        scene.sensor.noise[:] = np.maximum(scene.sensor.noise, LEAST_NOISE)
        drawn = source.frames.draw(scene)
        record = source.frames.records(scene, *drawn, np.array([trial.index]), np.array([trial.attempt]))[0]
        points = {}
        for name, box in (("end_effector", "embodiment@keypoints"), ("target", "target@segmentation")):
            points[name] = ((record.boxes[box][:2].astype(float) + record.boxes[box][2:]) / 2).tolist()
        evidence = dict(truth["evidence"])
        world, camera = record.keypoints_world, record.camera
        assert world is not None and camera is not None  # drawn frames have both
        with suppress(PlanRefused):  # the hand has left the image: it is retreating, or at home
            evidence["end_effector_depth_m"] = end_effector_point(world.astype(float), camera)[1]
        facts = {
            "evidence": evidence, "trial": trial.index, "joint_positions": truth["joint_positions"],
            "table_z": truth["table_z"], "target_object": trial.record.objects[0]["object"],
            "emulator": [self.config.admin_host, self.config.admin_port],
            "keypoints_uv": [[None if np.isnan(x) else float(x) for x in row] for row in record.keypoints_uv],
            "visibility": record.visibility.tolist(),
        }  # fmt: skip
        if np.isfinite(points["target"]).all() and np.isfinite(points["end_effector"]).all():
            facts["truth"] = points
        return Frame(record.image, truth["stamp_s"], self._count, camera, record.depth_m, facts)

    def _show_board(self, table, T_world_link: Array, board: dict[str, Any] | None) -> None:
        body = self.source.body
        assert isinstance(body, RobotWithBoard)
        T = None
        if board is not None:
            T = np.array(board["T"], float)
            if board["on"] != "world":
                T = T_world_link[body.kinematics.link_index[board["on"]]] @ T
        body.board.show(table, self.source.frames.layout.distractors.stop - 1, T)


class Sender:
    """Sends frames with the camera's faults."""

    def __init__(self, broadcast: Broadcast):
        self.broadcast = broadcast
        self._before: Frame | None = None
        self._late: deque[tuple[float, bytes, bool]] = deque()

    def send(self, frame: Frame, faults: list[Fault]) -> None:
        """Sends `frame` as the faults leave it, and what is due by now."""
        wrong = {type(fault): fault for fault in faults}
        before, self._before = self._before, frame
        if FrozenCamera in wrong and before is not None:
            self._before = before  # the picture stays; number and stamp go on
            frame = replace(frame, image=before.image, depth_m=before.depth_m, facts=before.facts)
        elif TornFrames in wrong and before is not None:
            half = len(frame.image) // 2
            frame = replace(frame, image=np.concatenate([frame.image[:half], before.image[half:]]))
        stale, late = wrong.get(StaleClock), wrong.get(DelayedFrames)
        if isinstance(stale, StaleClock):
            frame = replace(frame, stamp_s=frame.stamp_s + stale.offset_s)
        delay = late.delay_s if isinstance(late, DelayedFrames) else 0.0
        if not delay:
            self._late.clear()  # what was delayed is lost when the delay ends
        if SilentCamera not in wrong:
            message = pack(frame)
            if DamagedFrames in wrong:
                middle = len(message) // 2
                message = message[:middle] + bytes([message[middle] ^ 1]) + message[middle + 1 :]
            self._late.append((time.monotonic() + delay, message, CutFrames in wrong))
        while self._late and self._late[0][0] <= time.monotonic():
            _due, message, cut = self._late.popleft()
            self.broadcast.send(message, cut)


def serve(config: CameraConfig) -> None:
    """Runs until the emulator ends. Its first line of output is JSON: its port."""
    admin = Admin(config.admin_host, config.admin_port)
    camera, broadcast = SceneCamera(config), Broadcast(config.admin_host)
    camera.load(admin, config.trial)
    camera.frame(admin.truth())  # compiles the kernels
    print(json.dumps({"port": broadcast.port}), flush=True)
    sender, due = Sender(broadcast), time.monotonic()
    while True:
        truth = admin.truth()
        if truth["wanted_trial"] != truth["trial"]:
            camera.load(admin, truth["wanted_trial"])
            continue
        if not broadcast.wait_for_client(IDLE_S):
            continue
        faults = [FAULTS[row["kind"]](**{k: v for k, v in row.items() if k != "kind"}) for row in truth["faults"]]
        sender.send(camera.frame(truth), faults)
        due = max(due + 1 / config.fps, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    serve(tyro.cli(CameraConfig))
