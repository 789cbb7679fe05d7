"""One labelled frame, from a simulator, a photograph or a recording."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lace.core.camera import PinholeCamera
from lace.core.counting import counted
from lace.core.errors import InvalidValueError
from lace.core.geometry import BoolArray
from lace.core.keypoints import Visibility


@dataclass(frozen=True)
class Segment:
    """Meaning of one value of a segmentation image. Value 0 is the background and has no segment."""

    id: int
    name: str
    """Unique name ("robot/link7", "distractor_3")."""
    semantic: str
    """Class, one of `lace.core.semantics`."""
    instance: str
    """The object that this is a part of ("robot" for all its links)."""


@dataclass(repr=False)
class FrameRecord:
    """An image with its labels. None means not known; conventions as in docs/conventions.md."""

    image: np.ndarray
    """RGB (height, width, 3) uint8."""
    embodiment: str
    keypoints_uv: np.ndarray
    """(21, 2) float32 [px]; NaN where absent."""
    visibility: np.ndarray
    """(21,) uint8 of `Visibility`."""
    index: int = 0
    seed: int = 0
    attempt: int = 0
    """How often this frame was redrawn before it passed the checks."""
    source: str = ""
    """Origin of the image ("simulation", a file name)."""
    preset: str = ""
    room: str = ""
    keypoints_world: np.ndarray | None = None
    """(21, 3) float32 [m]."""
    K: np.ndarray | None = None
    """(3, 3) [px]."""
    T_world_cam: np.ndarray | None = None
    """(4, 4)."""
    distortion: np.ndarray | None = None
    """(8,) OpenCV's k1, k2, p1, p2, k3, k4, k5, k6; None for an ideal lens."""
    segmentation: np.ndarray | None = None
    """(height, width) uint8; values are `Segment.id`, 0 is background."""
    segments: tuple[Segment, ...] = ()
    depth_m: np.ndarray | None = None
    """(height, width) float32 along the camera axis [m]; 0 where there is no surface."""
    boxes: dict[str, np.ndarray] = field(default_factory=dict)
    """xyxy [px] (4,) float32 by name: "embodiment@segmentation", "hand@segmentation", "embodiment@keypoints",
    "target@segmentation", "target@owlv2"; NaN where there is none."""
    joint_names: tuple[str, ...] = ()
    joint_positions: np.ndarray | None = None
    """(joints,) [rad]."""
    link_names: tuple[str, ...] = ()
    T_world_link: np.ndarray | None = None
    """(links, 4, 4)."""
    objects: list[dict[str, Any]] = field(default_factory=list)
    """Each: name, family, role, T_world_object (16 numbers, row major), scale."""
    draws: dict[str, Any] = field(default_factory=dict)
    """Every random draw by axis and name ("light.direction")."""

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        seen = counted(int((self.visibility == Visibility.VISIBLE).sum()), "keypoint")
        facts = [
            f"#{self.index}",
            self.embodiment,
            f"{width}x{height}",
            self.room,
            f"{seen} visible",
        ]
        return f"FrameRecord({', '.join(fact for fact in facts if fact)})"

    @property
    def camera(self) -> PinholeCamera | None:
        """The camera, None if it is not known."""
        if self.K is None or self.T_world_cam is None:
            return None
        height, width = self.image.shape[:2]
        return PinholeCamera(self.K, self.T_world_cam, width, height, self.distortion)

    def mask(self, *, semantic: str | None = None, instance: str | None = None, name: str | None = None) -> BoolArray:
        """Boolean (height, width) mask of all segments that match every given name; empty without a segmentation."""
        if self.segmentation is None:
            return np.zeros(self.image.shape[:2], bool)
        wanted = [
            segment.id
            for segment in self.segments
            if (semantic is None or segment.semantic == semantic)
            and (instance is None or segment.instance == instance)
            and (name is None or segment.name == name)
        ]
        if self.segmentation is None:
            raise InvalidValueError(
                "reading a mask", "a frame without segmentation", "a simulated frame", "check `segmentation` before"
            )
        return np.isin(self.segmentation, wanted)
