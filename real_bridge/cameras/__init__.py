"""Cameras of the bridge: one file each, and one line here."""

from real_bridge.cameras.camera import CAMERAS, Camera, CameraError, Frame, open_camera

__all__ = ["CAMERAS", "Camera", "CameraError", "Frame", "open_camera"]


def _shared(argument: str) -> Camera:
    from real_bridge.cameras.shared import SharedCamera

    return SharedCamera(argument)


def _uvc(argument: str) -> Camera:
    from real_bridge.cameras.uvc import UvcCamera

    return UvcCamera(argument)


def _realsense(argument: str) -> Camera:
    from real_bridge.cameras.realsense import RealSenseCamera

    return RealSenseCamera(argument)


def _replay(argument: str) -> Camera:
    from real_bridge.cameras.replay import ReplayCamera

    return ReplayCamera(argument)


CAMERAS.add("shared", _shared)
CAMERAS.add("uvc", _uvc)
CAMERAS.add("realsense", _realsense)
CAMERAS.add("replay", _replay)
