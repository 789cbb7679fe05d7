"""Frames of demonstrations with the points that a policy or a probe must predict in them."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from lace.core.counting import counted
from lace.core.errors import DatasetError, InvalidValueError
from lace.core.frames import FrameRecord
from lace.core.geometry import Array
from lace.core.keypoints import FINGERTIPS, Visibility, keypoint_box
from lace.core.registry import Registry
from lace.data.dataset import FrameDataset

POSE_POINTS = (0, *FINGERTIPS[:4])
"""Wrist and the tips of thumb, index, middle and ring finger: what human and robot both have (paper, sec. 5.2)."""
POSE_NAMES = ("wrist", "thumb tip", "index tip", "middle tip", "ring tip")

TRANSFORMS: Registry[Callable[[FrameRecord], Array]] = Registry("image transform")
"""Pictures to learn from instead of the frames' own: record -> RGB (height, width, 3) uint8."""
TRANSFORMS.add("none", lambda record: record.image)


@TRANSFORMS.register("masked")
def masked(record: FrameRecord) -> Array:
    """The embodiment masked in mid-grey, as in Shadow (Lepert et al. 2025), which removes its appearance."""
    if record.segmentation is None:
        raise DatasetError(
            f"masking the embodiment of frame {record.index}",
            "it has no segmentation",
            "a segmented frame",
            "use simulation",
        )
    hidden = record.mask(semantic="robot") | record.mask(semantic="human")
    return np.where(hidden[..., None], np.uint8(127), record.image)


@dataclass(frozen=True)
class Episode:
    """One demonstration (or one independent frame) of a dataset."""

    folder: str
    number: int
    frames: int
    digest: str
    """SHA-256 of its encoded images: equal digests are the same demonstration, wherever they lie."""


@dataclass(frozen=True)
class LabelledFrames:
    """Labels in memory, images on disk; all in pixels of square images of `size` px."""

    sources: tuple[FrameDataset, ...]
    row: tuple[tuple[int, int], ...]
    """(n) which source, and which of its frames."""
    episode: tuple[Episode, ...]
    """(n)."""
    size: int
    pose: Array
    """(n, 5, 2) of POSE_NAMES; NaN outside the image."""
    boxes: Array
    """(n, 2, 4) xyxy of the embodiment (around `pose`) and the target (of its visible part)."""
    image_digest: tuple[str, ...]
    """(n) SHA-256 of each encoded image."""
    transform: str = "none"

    def __len__(self) -> int:
        return len(self.row)

    @property
    def points(self) -> Array:
        """(n, 2, 2) middles of `boxes`: what the two-point policy predicts."""
        return (self.boxes[..., :2] + self.boxes[..., 2:]) / 2

    @property
    def hand_size(self) -> Array:
        """(n,) the longer side of the embodiment's box [px]."""
        return (self.boxes[:, 0, 2:] - self.boxes[:, 0, :2]).max(1)

    @property
    def episodes(self) -> list[Episode]:
        """The demonstrations, each once, in order."""
        return list(dict.fromkeys(self.episode))

    @property
    def digests(self) -> list[str]:
        """Demonstration of each frame, by content."""
        return [episode.digest for episode in self.episode]

    def images(self, rows: Sequence[int]) -> Tensor:
        """(len(rows), 3, size, size) uint8 RGB, read and transformed now."""
        look = TRANSFORMS[self.transform]
        pictures = []
        for i in rows:
            source, frame = self.row[i]
            pictures.append(resized(look(self.sources[source][frame]), self.size))
        return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()

    def take(self, rows: Sequence[int] | np.ndarray) -> "LabelledFrames":
        """The frames `rows`, in that order."""
        rows = np.asarray(rows, int)
        return replace(
            self,
            row=tuple(self.row[i] for i in rows),
            episode=tuple(self.episode[i] for i in rows),
            image_digest=tuple(self.image_digest[i] for i in rows),
            pose=self.pose[rows],
            boxes=self.boxes[rows],
        )

    def first_episodes(self, count: int) -> "LabelledFrames":
        """Frames of the first `count` demonstrations, as a regime takes them."""
        if not 0 <= count <= len(self.episodes):
            raise InvalidValueError(
                "taking demonstrations", f"{count} of {len(self.episodes)}", "no more than there are", "generate more"
            )
        kept = {episode.digest for episode in self.episodes[:count]}
        return self.take([i for i, digest in enumerate(self.digests) if digest in kept])

    def digest(self) -> str:
        """SHA-256 of the images, their size and transform, as 16 hexadecimal digits; labels are not in it."""
        found = hashlib.sha256(f"{self.size} {self.transform}".encode())
        for one in self.image_digest:
            found.update(one.encode())
        return found.hexdigest()[:16]


def resized(image: np.ndarray, size: int) -> np.ndarray:
    """RGB uint8 at `size` x `size` px, both axes on their own, as LACE's training images."""
    if image.shape[:2] == (size, size):
        return image
    kind = cv2.INTER_AREA if size < min(image.shape[:2]) else cv2.INTER_LINEAR
    return cv2.resize(image, (size, size), interpolation=kind)


def joined(parts: Sequence[LabelledFrames]) -> LabelledFrames:
    """All frames of all parts, in order; they must be of one size and transform."""
    kinds = sorted({(part.size, part.transform) for part in parts})
    if len(kinds) != 1:
        raise InvalidValueError("joining labelled frames", f"sizes and transforms {kinds}", "one", "read them alike")
    starts = np.cumsum([0, *(len(part.sources) for part in parts)])
    return LabelledFrames(
        tuple(source for part in parts for source in part.sources),
        tuple((s + start, frame) for part, start in zip(parts, starts, strict=False) for s, frame in part.row),
        tuple(episode for part in parts for episode in part.episode),
        parts[0].size,
        np.concatenate([part.pose for part in parts]),
        np.concatenate([part.boxes for part in parts]),
        tuple(digest for part in parts for digest in part.image_digest),
        parts[0].transform,
    )


def read(folder: str | Path, size: int, transform: str = "none") -> LabelledFrames:
    """The frames of a dataset folder that show some of the hand and some of the target.

    Args:
        folder: As `lace generate` writes it; frames that show neither are left out.
        size: Side of the images [px].
        transform: Name of TRANSFORMS.

    Raises:
        DatasetError: No frame has both labels.
    """
    TRANSFORMS[transform]
    data = FrameDataset(folder)
    pictures = [hashlib.sha256(image).hexdigest() for image in data.column("image")]
    pose, boxes = _labels(data, size)
    good = np.flatnonzero(np.isfinite(boxes).all((1, 2)))
    if not len(good):
        raise DatasetError(
            f"reading the points of {folder}",
            f"none of {counted(len(data), 'frame')} shows hand and target",
            "frames with both",
            "generate demonstrations with a target (`lace generate robot --demonstrations 10`)",
        )
    episodes = _episodes(data, str(folder), pictures)
    return LabelledFrames(
        (data,),
        tuple((0, int(i)) for i in good),
        tuple(episodes[i] for i in good),
        size,
        pose[good],
        boxes[good],
        tuple(pictures[i] for i in good),
        transform,
    )


def _labels(data: FrameDataset, size: int) -> tuple[Array, Array]:
    """Pose points (n, 5, 2) and boxes (n, 2, 4) [px of `size`], NaN where unknown; no image is decoded."""
    n = len(data)
    scale = size / np.stack([data.column("width"), data.column("height")], 1).astype(float)
    uv = np.asarray(data.column("keypoints_uv"), float).reshape(n, -1, 2)
    seen = np.asarray(data.column("visibility")).reshape(n, -1)
    pose = np.where((seen >= Visibility.OCCLUDED)[..., None], uv, np.nan)[:, POSE_POINTS, :] * scale[:, None]
    hand = np.stack([keypoint_box(u, v, POSE_POINTS) for u, v in zip(uv, seen, strict=True)])
    target = [np.full(4, np.nan) if box is None else np.asarray(box) for box in data.column("box_target_segmentation")]
    return pose, np.stack([hand, np.stack(target)], 1) * np.tile(scale, 2)[:, None]


def _episodes(data: FrameDataset, folder: str, pictures: list[str]) -> list[Episode]:
    """The demonstration of each frame."""
    each = frames_each(data)
    numbers = np.asarray(data.column("index")) // each
    found = {}
    for number in dict.fromkeys(numbers.tolist()):
        mine = [pictures[i] for i in np.flatnonzero(numbers == number)]
        found[number] = Episode(folder, number, len(mine), hashlib.sha256("".join(mine).encode()).hexdigest())
    return [found[number] for number in numbers.tolist()]


def read_episodes(folder: str | Path) -> list[Episode]:
    """The demonstrations of a dataset folder, in order, labelled or not; no image is decoded."""
    data = FrameDataset(folder)
    pictures = [hashlib.sha256(image).hexdigest() for image in data.column("image")]
    return list(dict.fromkeys(_episodes(data, str(folder), pictures)))


def frames_each(data: FrameDataset) -> int:
    """Frames of one demonstration of a dataset; 1 where its frames are independent."""
    config = data.meta.get("config", {})
    if config.get("demonstrations"):
        return int(config.get("demonstration_frames", 50))
    return len(data) if config.get("demonstration") else 1
