"""USB cameras through OpenCV: `uvc:DEVICE`, `uvc:DEVICE:WIDTHxHEIGHT`, DEVICE a number or a path."""

import itertools
import time

import cv2

from real_bridge.cameras.camera import CameraError, Frame
from real_bridge.cameras.stream import Stream


class UvcCamera(Stream):
    """Implements Camera.

    Stamps are of the frame's arrival: USB cameras give no clock of their own, so the exposure is older by their latency
    (`lace bridge check` measures it).
    """

    def __init__(self, argument: str):
        device, _, size = (argument or "0").partition(":")
        capture = cv2.VideoCapture(int(device) if device.isdigit() else device)
        if not capture.isOpened():
            raise CameraError(
                "opening the camera", f"nothing answers at {device!r}", "a USB camera", "check /dev/video*"
            )
        if size:
            width, _, height = size.partition("x")
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, int(width))
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, int(height))
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        numbers = itertools.count()

        def read() -> Frame:
            good, image = capture.read()
            if not good:
                raise CameraError("reading the camera", "it gave no frame", "a frame", "check the cable")
            return Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), time.monotonic(), next(numbers))

        super().__init__(read, capture.release)
