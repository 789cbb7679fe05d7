"""A frame as the policy sees it: rectified, with its camera in the robot's base frame."""

import numpy as np

from lace.core.camera import PinholeCamera
from lace.core.geometry import Array
from policies.outcome import SafetyStop
from policies.policy import TwoPoints
from real_bridge.cameras.camera import Frame
from real_bridge.cameras.mount import Mount

LENS_PX = 0.5
"""Most difference between the intrinsics that a device states and those it was calibrated with."""


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
        _require_same_lens(frame.camera.K, mount.K)
        camera = PinholeCamera(frame.camera.K, mount.T_base_cam, mount.width, mount.height)
        return camera, frame.image, frame.depth_m
    return mount.camera, mount.rectified(frame.image), frame.depth_m


def _require_same_lens(now: Array, calibrated: Array) -> None:
    """A place was fitted with one lens: with another it is off by centimetres."""
    if np.abs(now - calibrated).max() > LENS_PX:
        raise SafetyStop(
            "looking",
            f"a lens with {_lens(now)}",
            f"the calibrated one with {_lens(calibrated)}",
            "calibrate again with this camera",
        )


def _lens(K: Array) -> str:
    return f"focal length {K[0, 0]:.1f} and {K[1, 1]:.1f} px, centre {K[0, 2]:.1f}, {K[1, 2]:.1f} px"


def truth_of(frame: Frame) -> TwoPoints | None:
    """The true points, if the frame has them (the emulator's camera)."""
    truth = frame.facts.get("truth")
    if truth is None:
        return None
    return TwoPoints(np.array(truth["end_effector"], float), np.array(truth["target"], float))
