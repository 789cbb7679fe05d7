"""Frames in the rerun viewer: image, depth, segmentation, keypoints and camera on one timeline."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import rerun as rr

from lace.core.errors import DatasetError
from lace.core.files import publish_bytes
from lace.core.frames import FrameRecord
from lace.core.keypoints import COUNT, NAMES, SKELETON, Visibility
from lace.data.overlay import keypoint_colour
from lace.data.schema import DEPTH_UNIT_M

APPLICATION = "lace"
_CAMERA, _IMAGE = "world/camera", "world/camera/image"
_POINT_RADIUS_PX, _POINT_RADIUS_M = 2.5, 0.006


def view(records: Iterable[FrameRecord], save: str | Path | None = None) -> None:
    """Logs frames to a file (`save`, .rrd; published atomically), or else to a viewer that it starts.

    Raises:
        DatasetError: No viewer can be started, or the file cannot be written.
    """
    recording = rr.RecordingStream(APPLICATION)
    # Rerun's own file sink hangs when the disk is full and leaves an incomplete file: log to memory, then publish.
    stream = None if save is None else recording.binary_stream()
    if stream is None:
        _spawn(recording)
    recording.log("world", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
    for record in records:
        log_frame(recording, record)
    if save is not None and stream is not None:
        publish_bytes(save, stream.read())
        return
    try:
        recording.flush()
    except (ValueError, RuntimeError) as error:  # rerun's own: RecordingStream.flush
        raise _not_shown(str(error)) from error
    recording.disconnect()


def _spawn(recording: rr.RecordingStream) -> None:
    if sys.platform == "linux" and not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        raise _not_shown("there is no screen: neither DISPLAY nor WAYLAND_DISPLAY is set")
    executable = Path(sys.executable).with_name("rerun")
    try:
        rr.spawn(recording=recording, executable_path=str(executable) if executable.exists() else None)
    except (RuntimeError, OSError) as error:
        raise _not_shown(str(error)) from error


def _not_shown(reason: str) -> DatasetError:
    return DatasetError(
        "showing frames in rerun",
        (reason.splitlines() or ["no reason given"])[0],
        "a screen and the viewer that comes with rerun-sdk",
        "on a machine without a screen write a file with --save FILE.rrd and open it elsewhere with `rerun FILE.rrd`",
    )


def log_frame(recording: rr.RecordingStream, record: FrameRecord) -> None:
    """Logs the labels of one frame at time `frame` = its index."""
    recording.set_time("frame", sequence=record.index)
    height, width = record.image.shape[:2]
    if record.camera is not None:
        T = record.camera.T_world_cam
        recording.log(_CAMERA, rr.Transform3D(translation=T[:3, 3], mat3x3=T[:3, :3]))
        axes = rr.ViewCoordinates.RDF  # OpenCV: x right, y down, z forward
        recording.log(_CAMERA, rr.Pinhole(image_from_camera=record.K, width=width, height=height, camera_xyz=axes))
    recording.log(_IMAGE, rr.Image(record.image).compress(jpeg_quality=95))
    if record.depth_m is not None:
        steps = np.minimum(record.depth_m / DEPTH_UNIT_M, np.iinfo(np.uint16).max).astype(np.uint16)
        recording.log(f"{_CAMERA}/depth", rr.DepthImage(steps, meter=1 / DEPTH_UNIT_M))
    if record.segmentation is not None:
        context = rr.AnnotationContext([(segment.id, segment.name) for segment in record.segments])
        recording.log(f"{_CAMERA}/segmentation", context)
        recording.log(f"{_CAMERA}/segmentation", rr.SegmentationImage(record.segmentation))
    _log_keypoints(recording, record)


def _log_keypoints(recording: rr.RecordingStream, record: FrameRecord) -> None:
    shown = np.flatnonzero((record.visibility >= Visibility.OCCLUDED) & np.isfinite(record.keypoints_uv).all(1))
    labels = [f"{NAMES[k]} ({Visibility(record.visibility[k]).name.lower()})" for k in shown]
    colours = np.array([keypoint_colour(k) for k in range(COUNT)], np.uint8)
    points = rr.Points2D(
        record.keypoints_uv[shown],
        colors=colours[shown],
        radii=rr.Radius.ui_points(_POINT_RADIUS_PX),
        labels=labels,
        show_labels=False,
    )
    recording.log(f"{_IMAGE}/keypoints", points)
    if record.keypoints_world is None:
        return
    known = np.all(np.isfinite(record.keypoints_world), axis=1)
    bones = [(a, b) for a, b in SKELETON if known[a] and known[b]]
    strips = [record.keypoints_world[[a, b]] for a, b in bones]
    recording.log("world/hand/bones", rr.LineStrips3D(strips, colors=[colours[b] for _, b in bones]))
    world = rr.Points3D(record.keypoints_world[known], colors=colours[known], radii=_POINT_RADIUS_M)
    recording.log("world/hand/keypoints", world)
