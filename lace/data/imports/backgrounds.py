"""Another background behind the hand: a mask of what stays, and the picture put behind it."""

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from lace.core.counting import counted
from lace.core.errors import InvalidValueError
from lace.core.frames import FrameRecord
from lace.core.geometry import BoolArray
from lace.core.keypoints import SKELETON, Visibility
from lace.core.semantics import EMBODIMENTS, TARGET
from lace.data.dataset import FrameDataset
from lace.data.imports.writing import Candidate, SkipFrame
from lace.data.origins import made_from

if TYPE_CHECKING:
    from lace.data.imports.detection import Segmenter

KEPT = (*EMBODIMENTS, TARGET)
"""Classes of a dataset's own segmentation that stay in front of the new background."""
_ROUNDS = 5
"""GrabCut's iterations; the mask hardly changes after three."""


def grabcut_mask(record: FrameRecord) -> np.ndarray:
    """Boolean (height, width) estimate of the hand by GrabCut (Rother et al. 2004) from its keypoints, without a model.

    Bones and keypoints in the image are certain foreground; pixels farther than half a hand from all of them are
    certain background.

    Raises:
        InvalidValueError: Fewer than two keypoints are in the image, or GrabCut finds no foreground to learn from.
    """
    points = record.keypoints_uv
    there = (record.visibility >= Visibility.OCCLUDED) & np.isfinite(points).all(1)
    if there.sum() < 2:
        raise InvalidValueError(
            "masking a hand by GrabCut",
            f"{counted(there.sum(), 'keypoint')} in the image",
            "at least two",
            "label more keypoints",
        )
    size = float((points[there].max(0) - points[there].min(0)).max())
    bones = np.zeros(record.image.shape[:2], np.uint8)
    for a, b in SKELETON:
        if there[a] and there[b]:
            ends = points[[a, b]].astype(int).tolist()
            cv2.line(bones, ends[0], ends[1], 1, max(1, round(size / 25)))
    for point in points[there]:  # where the keypoint's neighbours are not labelled, there is no bone
        bones[tuple(np.clip(point[::-1].astype(int), 0, np.subtract(bones.shape, 1)))] = 1
    distance = cv2.distanceTransform(1 - bones, cv2.DIST_L2, 5)
    guess = np.where(distance < size / 10, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    guess[distance > size / 2], guess[bones > 0] = cv2.GC_BGD, cv2.GC_FGD
    cv2.setRNGSeed(0)
    bgr = cv2.cvtColor(record.image, cv2.COLOR_RGB2BGR)
    try:
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(bgr, guess, (0, 0, 0, 0), *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    except cv2.error as error:
        raise InvalidValueError(
            "masking a hand by GrabCut", f"OpenCV says {error.err!r}", "keypoints apart from each other", "label more"
        ) from error
    return (guess == cv2.GC_FGD) | (guess == cv2.GC_PR_FGD)


def replace_background(record: FrameRecord, background: np.ndarray, mask: np.ndarray) -> FrameRecord:
    """The frame with `background` wherever `mask` is false; segmentation and depth become 0 there.

    Args:
        record: The frame.
        background: RGB uint8 of any size; scaled to cover the image, its middle is used.
        mask: Boolean (height, width): what stays.
    """
    height, width = record.image.shape[:2]
    ratio = max(height / background.shape[0], width / background.shape[1])
    size = max(width, round(background.shape[1] * ratio)), max(height, round(background.shape[0] * ratio))
    scaled = cv2.resize(background, size, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR)
    y, x = (size[1] - height) // 2, (size[0] - width) // 2
    image = np.where(mask[..., None], record.image, scaled[y : y + height, x : x + width])
    kept = {
        name: np.where(mask, value, 0).astype(value.dtype)
        for name in ("segmentation", "depth_m")
        if (value := getattr(record, name)) is not None
    }
    return replace(record, image=image, **kept)


class Backgrounds(Protocol):
    """Pictures to put behind a hand."""

    sources: tuple[Path, ...]
    """Files and folders that the pictures are made from."""

    def picture(self, index: int) -> tuple[str, np.ndarray]:
        """Its name and RGB uint8 of any size, for frame `index`; the same for the same index."""
        ...


@dataclass
class Masker:
    """Finds what stays of a frame: by the dataset's segmentation, else by `segmenter`, else by GrabCut."""

    segmenter: "Segmenter | None" = None
    query: str = "hand"
    """What the segmenter is asked for."""
    used: Counter = field(default_factory=Counter)
    """How many frames each way served."""

    def mask(self, record: FrameRecord) -> tuple[str, BoolArray]:
        """The way and the boolean mask (height, width); SkipFrame where nothing would stay."""
        if record.segmentation is not None:
            way = "segmentation"
            mask = np.any([record.mask(semantic=semantic) for semantic in KEPT], axis=0)
        elif self.segmenter is not None:
            way, mask = "segmenter", self.segmenter.mask(record.image, self.query)
        else:
            way, mask = "grabcut", self._grabcut(record)
        if not mask.any():
            raise SkipFrame("nothing of the hand was found", way)
        self.used[way] += 1
        return way, mask

    def _grabcut(self, record: FrameRecord) -> np.ndarray:
        try:
            return grabcut_mask(record)
        except InvalidValueError as error:
            raise SkipFrame("its keypoints do not suffice for a mask", error.got) from error


def candidates(dataset: FrameDataset, masker: Masker, backgrounds: Backgrounds) -> list[Candidate]:
    """Every frame of the dataset before another background; the way of its mask and the picture are in its draws."""
    sources = (*dataset.shards, *backgrounds.sources)
    return [
        Candidate(f"frame {i}", partial(_load, dataset, i, masker, backgrounds), sources=sources)
        for i in range(len(dataset))
    ]


def _load(dataset: FrameDataset, i: int, masker: Masker, backgrounds: Backgrounds) -> FrameRecord:
    record = dataset[i]
    way, mask = masker.mask(record)
    name, picture = backgrounds.picture(i)
    draws = {**record.draws, "background.mask": way, "background.picture": name, **made_from(record)}
    return replace(replace_background(record, picture, mask), room=name, draws=draws)
