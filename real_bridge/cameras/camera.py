"""Interface of a camera driver: the newest frame, stamped by the host's monotonic clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from lace.core.camera import PinholeCamera
from lace.core.errors import LaceError
from lace.core.registry import Registry


class CameraError(LaceError):
    """A camera that does not open or delivers no usable frames."""


@dataclass(frozen=True)
class Frame:
    """One image and when it was taken."""

    image: np.ndarray
    """RGB (height, width, 3) uint8."""
    stamp_s: float
    """When it was taken, on the host's monotonic clock [s] (`time.monotonic`)."""
    number: int
    """Counts the camera's frames; the same number is the same frame."""
    camera: PinholeCamera | None = None
    """Intrinsics, and T_world_cam with the robot's base as the world; None where a calibration must give them."""
    depth_m: np.ndarray | None = None
    """(height, width) along the camera axis [m], float32, 0 where unknown."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Ground truth of an emulated scene as JSON values (see `cameras.wire`); empty for physical cameras."""


@runtime_checkable
class Camera(Protocol):
    """Holds the newest frame; after the first frame, reading never blocks."""

    def newest(self) -> Frame:
        """The newest frame; the caller judges its age. CameraError where the stream has ended or is damaged."""
        ...

    def close(self) -> None:
        """Frees the device; may be called twice."""
        ...


CAMERAS: Registry[Callable[[str], Camera]] = Registry("camera", "lace.drivers:camera")
"""By kind; each is opened from the text after the colon of `KIND:ARGUMENT` ("" where there is none)."""


def open_camera(text: str) -> Camera:
    """The camera that `KIND` or `KIND:ARGUMENT` stands for; UnknownNameError with the nearest kind."""
    kind, _, argument = text.partition(":")
    return CAMERAS[kind](argument)
