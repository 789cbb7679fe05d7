"""The paper's filter of real images: exactly one detected hand, not a left one (sec. 5.1)."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from lace.core.frames import FrameRecord
from lace.core.registry import Registry
from lace.data.imports.detection import THRESHOLD, Detector, Found
from lace.data.imports.writing import Candidate, SkipFrame

FrameCheck = Callable[[FrameRecord], None]
"""Raises SkipFrame for a frame that is not wanted; called with the whole image, before any crop."""
HAND = "hand"
"""What a detector is asked for; hand detectors name their classes "hand", or "left_hand" and "right_hand"."""
HAND_DETECTORS: Registry[Callable[[], Detector]] = Registry("hand detector")
"""Name of a hand detector -> loads it; any other name is a model for `transformers`."""


def hand_detector(name: str) -> Detector:
    """A registered hand detector, or one that `transformers` loads by this hub name or folder.

    Raises:
        AssetError: The registered one's weights cannot be fetched.
        InvalidValueError: No such model, see `load_detector`.
    """
    if name in HAND_DETECTORS:
        return HAND_DETECTORS[name]()
    from lace.data.imports.detectors import load_detector

    return load_detector(name)


def right_hand_alone(detector: Detector) -> FrameCheck:
    """A check that accepts frames with exactly one detected hand that is not labelled left."""

    def check(record: FrameRecord) -> None:
        labels = detector.find(record.image, HAND).labels
        if not labels:
            raise SkipFrame("the detector sees no hand")
        if len(labels) > 1:
            raise SkipFrame("the detector sees several hands", ", ".join(labels))
        if "left" in labels[0].lower():
            raise SkipFrame("the detector sees a left hand")

    return check


def checked(candidates: Sequence[Candidate], check: FrameCheck) -> list[Candidate]:
    """The candidates, with the check applied after loading."""

    def load(candidate: Candidate) -> FrameRecord:
        record = candidate.load()
        check(record)
        return record

    return [replace(candidate, load=lambda one=candidate: load(one)) for candidate in candidates]


@HAND_DETECTORS.register("mediapipe")
class MediaPipeHands:
    """Implements Detector by MediaPipe's hand models; finds "right_hand" and "left_hand"."""

    def __init__(self) -> None:
        from lace.data.hands.detector import HandDetector

        self._detector = HandDetector()

    def find(self, image: np.ndarray, text: str, threshold: float = THRESHOLD) -> Found:
        """See Detector; a score is the hand's presence, which the models give from 0.5 on."""
        hands = sorted(self._detector.hands(image), key=lambda hand: -hand.presence)
        named = [(hand, "right_hand" if hand.is_right else "left_hand") for hand in hands if hand.presence >= threshold]
        kept = [(hand, label) for hand, label in named if text.lower() in label]
        boxes = np.array([hand.box for hand, _ in kept], np.float32).reshape(-1, 4)
        return Found(boxes, np.array([hand.presence for hand, _ in kept]), tuple(label for _, label in kept))
