"""Which pictures of a row are near-duplicates of the one that was last taken."""

import numpy as np

THUMBNAIL_PX = 24
MIN_CHANGE = 8.0
"""Grey levels of 255 by which a cell of the thumbnail must differ: above sensor noise (below 1 in a mean over a cell),
below what a hand moved by a tenth of its width changes."""


class ChangeFilter:
    """Takes a picture where it differs from the one that was last taken."""

    def __init__(self, least: float = MIN_CHANGE):
        """Starts with no picture taken.

        Args:
            least: Grey levels by which some cell must differ; 0 takes every picture.
        """
        self._least = least
        self._last: np.ndarray | None = None

    def takes(self, thumbnail: np.ndarray) -> bool:
        """Whether a grey (THUMBNAIL_PX, THUMBNAIL_PX) picture, shrunk by averaging, is new enough."""
        new = thumbnail.astype(np.float32)
        if self._last is not None and np.abs(new - self._last).max() < self._least:
            return False
        self._last = new
        return True
