"""Interfaces of detectors and segmenters; free of heavy imports."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

THRESHOLD = 0.3
"""Least score of a detection: the strict end of the usual range for OWLv2 (0.1 to 0.3)."""


@dataclass(frozen=True)
class Found:
    """What a detector found in one image, best first."""

    boxes: np.ndarray
    """(n, 4) float32 xyxy [px]."""
    scores: np.ndarray
    """(n,) in [0, 1]."""
    labels: tuple[str, ...]


class Detector(Protocol):
    """Detects what a text names in an image (height, width, 3) uint8 RGB."""

    def find(self, image: np.ndarray, text: str, threshold: float = THRESHOLD) -> Found:
        """Detections with a score of at least `threshold`."""
        ...


class Segmenter(Protocol):
    """Masks what a text names in an image (height, width, 3) uint8 RGB."""

    def mask(self, image: np.ndarray, text: str) -> np.ndarray:
        """Boolean (height, width)."""
        ...
