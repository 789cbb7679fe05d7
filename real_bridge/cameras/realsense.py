"""Intel RealSense through pyrealsense2: `realsense`, `realsense:SERIAL`; colour with the depth aligned to it."""

import time
from typing import Any

import numpy as np

from lace.core.camera import PinholeCamera
from lace.data.camera_file import square
from real_bridge.cameras.camera import CameraError, Frame
from real_bridge.cameras.mount import Mount
from real_bridge.cameras.stream import Stream

WIDTH, HEIGHT, RATE = 640, 480, 30


class RealSenseCamera(Stream):
    """Implements Camera. The intrinsics are the device's own; its place comes from a calibration."""

    def __init__(self, argument: str):
        try:
            import pyrealsense2 as rs
        except ImportError as error:  # also where libusb is missing
            raise CameraError(
                "opening the RealSense",
                str(error),
                "pyrealsense2 and libusb-1.0",
                "install the extra `robot` and the system's libusb-1.0",
            ) from error
        pipeline, config = rs.pipeline(), rs.config()
        if argument:
            config.enable_device(argument)
        config.enable_stream(rs.stream.color, WIDTH, HEIGHT, rs.format.rgb8, RATE)
        config.enable_stream(rs.stream.depth, WIDTH, HEIGHT, rs.format.z16, RATE)
        try:
            profile = pipeline.start(config)
        except RuntimeError as error:
            raise CameraError("opening the RealSense", str(error), "a connected device", "check the cable") from error
        scale = profile.get_device().first_depth_sensor().get_depth_scale()
        align = rs.align(rs.stream.color)

        def read() -> Frame:
            frames = align.process(pipeline.wait_for_frames())
            return frame_of(frames.get_color_frame(), frames.get_depth_frame(), scale, time.monotonic(), time.time())

        super().__init__(read, pipeline.stop)


def frame_of(colour: Any, depth: Any, scale: float, now_s: float, wall_s: float) -> Frame:
    """A pair of the SDK's frames as one of ours.

    Args:
        colour: rs.video_frame of RGB.
        depth: rs.depth_frame aligned to it.
        scale: Metres of one unit of depth.
        now_s: Monotonic clock at arrival [s].
        wall_s: Wall clock at arrival [s]: the SDK stamps in wall time where it knows the device's clock.
    """
    image = np.asanyarray(colour.get_data()).copy()
    age_s = wall_s - colour.get_timestamp() / 1000
    stamp_s = now_s - age_s if 0 <= age_s < 1 else now_s
    lens = colour.profile.as_video_stream_profile().intrinsics
    K = np.array([[lens.fx, 0, lens.ppx + 0.5], [0, lens.fy, lens.ppy + 0.5], [0, 0, 1]])
    mount = Mount(K, (0.0,) * 5, np.eye(4), image.shape[1], image.shape[0])
    deep = (np.asanyarray(depth.get_data()) * scale).astype(np.float32)
    image, deep = mount.rectified(image), mount.rectified(deep, nearest=True)
    camera = PinholeCamera(square(K), np.eye(4), image.shape[1], image.shape[0])
    return Frame(image, stamp_s, int(colour.get_frame_number()), camera, deep)
