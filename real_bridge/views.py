"""A frame as the policy sees it: rectified, with its camera in the robot's base frame."""

import numpy as np

from lace.core.camera import PinholeCamera
from policies.outcome import SafetyStop
from policies.policy import TwoPoints
from real_bridge.cameras.camera import Frame
from real_bridge.cameras.mount import Mount


def seen(frame: Frame, mount: Mount | None) -> tuple[PinholeCamera, np.ndarray, np.ndarray | None]:
    """The frame's camera, image and depth, rectified; SafetyStop if the camera's pose is unknown.

    Args:
        frame: As it came.
        mount: The camera's calibration; None where the camera knows its place itself.
    """
    if mount is None:
        if frame.camera is None:
            raise SafetyStop(
                "looking",
                "a camera of unknown place",
                "a calibrated camera",
                "run `lace bridge calibrate`, give --rig.calibration",
            )
        return frame.camera, frame.image, frame.depth_m
    if frame.image.shape[:2] != (mount.height, mount.width):
        raise SafetyStop(
            "looking",
            f"an image of {frame.image.shape[1]} x {frame.image.shape[0]}",
            f"{mount.width} x {mount.height} as it was calibrated",
            "calibrate again",
        )
    if frame.camera is not None:  # the device rectified its image itself: the calibration gives its place alone
        camera = PinholeCamera(frame.camera.K, mount.T_base_cam, mount.width, mount.height)
        return camera, frame.image, frame.depth_m
    return mount.camera, mount.rectified(frame.image), frame.depth_m


def truth_of(frame: Frame) -> TwoPoints | None:
    """The true points, if the frame has them (the emulator's camera)."""
    truth = frame.facts.get("truth")
    if truth is None:
        return None
    return TwoPoints(np.array(truth["end_effector"], float), np.array(truth["target"], float))
