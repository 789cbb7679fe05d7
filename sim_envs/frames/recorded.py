"""Labels for images of a real robot: keypoints by kinematics of the measured joints, visibility by drawing it.

Only the robot is drawn. Other objects are not known, so a keypoint that one of them hides counts as visible.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from lace.core.camera import PinholeCamera
from lace.core.counting import evenly
from lace.core.frames import FrameRecord
from lace.core.geometry import Array
from lace.core.keypoints import Visibility, keypoint_box
from lace.data.imports.writing import Candidate, SkipFrame
from lace.data.recordings.recording import Recording
from sim_envs.bodies.registry import require_robot
from sim_envs.config.scene import SceneConfig, with_preset
from sim_envs.frames.source import SimulatedFrames
from sim_envs.rendering.slot_table import PARKED

UNKNOWN_BOXES = ("target@segmentation",)


class RobotLabeller:
    """Draws one robot alone, as a camera sees it, and labels what is drawn. Opening it takes some seconds."""

    def __init__(self, embodiment: str, width: int, height: int, assets: Path | None = None):
        config = SceneConfig(embodiment=embodiment, width=width, height=height, shadows=False, assets=assets)
        self.frames = SimulatedFrames(with_preset(config, "clean"), worlds=1)
        self.body = require_robot(self.frames.body)
        self.embodiment, self.kinematics = self.frames.embodiment, self.body.kinematics
        scene = self.frames.compose(np.zeros(1, int), np.zeros(1, int))
        layout = self.frames.layout
        others = np.setdiff1d(np.arange(layout.count), np.arange(layout.count)[layout.body])
        scene.table.T[:, others, :3, 3] = PARKED
        self._scene = replace(scene, objects=[], rooms=np.array([""]), draws=scene.draws)

    def label(self, q: Array, camera: PinholeCamera) -> FrameRecord:
        """The drawn robot with all labels; joints (joints,) [rad]. Its image is the drawing, see `labelled`."""
        frames, scene = self.frames, self._scene
        pose = self.body.pose(np.asarray(q, float)[None])
        frames.body.set_pose(scene.table, frames.layout.body, pose)
        batched = PinholeCamera(camera.K[None], camera.T_world_cam[None], camera.width, camera.height)
        scene = replace(scene, pose=pose, camera=batched)
        return frames.records(scene, *frames.draw(scene), np.zeros(1, int), np.zeros(1, int))[0]

    def labelled(self, image: np.ndarray, q: Array, camera: PinholeCamera, source: str) -> FrameRecord:
        """A recorded image (height, width, 3) uint8 with the labels of its moment."""
        drawn = self.label(q, camera)
        boxes = {name: box for name, box in drawn.boxes.items() if name not in UNKNOWN_BOXES}
        boxes["embodiment@keypoints"] = keypoint_box(drawn.keypoints_uv, drawn.visibility)
        return replace(drawn, image=image, boxes=boxes, source=source, preset="", room="", depth_m=None, draws={})


def candidates(
    recording: Recording, labeller: RobotLabeller, lag_s: float, frames: int, least: int = 5
) -> list[Candidate]:
    """Frames spread evenly over a recording whose joints are in the robot's order.

    Args:
        recording: Images and joints.
        labeller: Of the same robot and image size.
        lag_s: How late the images are [s].
        frames: How many; all images where there are fewer, or 0.
        least: Frames with fewer visible keypoints are skipped.
    """
    count = len(recording.image_stamps_s)
    chosen = evenly(count, frames or count)
    q = recording.joints_at(recording.image_stamps_s - lag_s)
    return [Candidate(f"{recording.name}/{i}", partial(_load, recording, labeller, i, q[i], least)) for i in chosen]


def _load(recording: Recording, labeller: RobotLabeller, number: int, q: Array, least: int) -> FrameRecord:
    if np.isnan(q).any():
        raise SkipFrame("no joint states around it")
    image = recording.image(number)
    record = labeller.labelled(image, q, recording.camera, f"{recording.name}/{number}")
    visible = int((record.visibility == Visibility.VISIBLE).sum())
    if visible < least:
        raise SkipFrame("too few visible keypoints", str(visible))
    return record
