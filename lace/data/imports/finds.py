"""What a detector and a segmenter are to the imports; light, so that asking for one loads no other."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

THRESHOLD = 0.3
"""Least score of a find: of OWLv2's users' usual choices (0.1 to 0.3) the strict end."""


@dataclass(frozen=True)
class Found:
    """What a detector found in one image, best first."""

    boxes: np.ndarray
    """(n, 4) float32 xyxy [px]."""
    scores: np.ndarray
    """(n,) in [0, 1]."""
    labels: tuple[str, ...]


class Detector(Protocol):
    """Finds what a text names in an image (height, width, 3) uint8 RGB."""

    def find(self, image: np.ndarray, text: str, threshold: float = THRESHOLD) -> Found:
        """Finds with at least `threshold`."""
        ...


class Segmenter(Protocol):
    """Says which pixels of an image (height, width, 3) uint8 RGB show what a text names."""

    def mask(self, image: np.ndarray, text: str) -> np.ndarray:
        """Boolean (height, width)."""
        ...
