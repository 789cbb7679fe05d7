"""The emulated cell with our renderer as its camera, running in a thread of the test instead of a process."""

import threading
from dataclasses import replace

import numpy as np

from lace.core.geometry import look_at
from real_bridge.cameras import open_camera
from real_bridge.cameras.camera import Camera, Frame
from real_bridge.emulator.admin import Admin
from real_bridge.emulator.broadcast import Broadcast
from real_bridge.emulator.camera import CameraConfig, SceneCamera, Sender
from real_bridge.emulator.process import EmulatorProcess

WIDTH, HEIGHT = 480, 360
EYE, LOOKS_AT = (0.95, -0.15, 0.75), (0.38, 0.0, 0.36)
"""The camera views the palm from the front and above."""


class Filmed:
    """Serves images of an emulator until it is closed."""

    def __init__(self, emulator: EmulatorProcess, scenes: SceneCamera, fps: float = 10.0):
        self.emulator, self._scenes, self._end = emulator, scenes, threading.Event()
        self._admin, self._broadcast, self._period = Admin(*emulator.admin.address), Broadcast("127.0.0.1"), 1 / fps
        scenes.load(self._admin, 0)
        trial = scenes.trial
        trial.scene.camera.T_world_cam[:] = look_at(EYE, LOOKS_AT)
        scenes.trial = replace(trial, scene=trial.scene)
        self.address = f"shared:127.0.0.1:{self._broadcast.port}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        sender = Sender(self._broadcast)
        while not self._end.wait(self._period):
            sender.send(self._scenes.frame(self._admin.truth()), [])

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        self._broadcast.close()
        self._admin.close()


class Watched:
    """A camera that stores the emulator's state for each frame, by time stamp."""

    def __init__(self, address: str):
        self._camera: Camera = open_camera(address)
        self.truth: dict[float, np.ndarray] = {}

    def newest(self) -> Frame:
        frame = self._camera.newest()
        uv = [[np.nan if x is None else x for x in row] for row in frame.facts["keypoints_uv"]]
        self.truth[frame.stamp_s] = np.array(uv)
        return frame

    def close(self) -> None:
        self._camera.close()


def scene_camera() -> SceneCamera:
    """Opens the renderer, which takes some seconds."""
    return SceneCamera(CameraConfig("", 0, WIDTH, HEIGHT, preset="lab"))
