"""The files of a film: H.264, with a contact strip and its deepest overlaps beside it."""

import json
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import cv2
import numpy as np

from lace.core.files import publish_bytes

STRIP, STRIP_COLUMNS = 12, 4
"""Pictures on the contact strip beside a film, and in each of its rows."""


class FilmEncoder:
    """Encodes pictures in a thread of its own, while others are drawn.

    Args:
        fps: Pictures per second.
    """

    def __init__(self, fps: Fraction):
        self._file, self._thread, self._added = BytesIO(), ThreadPoolExecutor(1), []
        self._container = av.open(self._file, "w", format="mp4")
        self._stream = self._container.add_stream("libx264", rate=fps)
        self._stream.pix_fmt = "yuv420p"

    def __enter__(self) -> "FilmEncoder":
        return self

    def __exit__(self, *_error: object) -> None:
        self._thread.shutdown(cancel_futures=True)
        self._container.close()

    def add(self, images: np.ndarray) -> None:
        """Takes RGB pictures (n, height, width, 3) uint8, of one even size, in their order."""
        self._added.append(self._thread.submit(self._encode, images))

    def _encode(self, images: np.ndarray) -> None:
        self._stream.height, self._stream.width = images.shape[1:3]
        for image in images:
            self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))

    def finished(self) -> bytes:
        """The film of all that was added, as MP4."""
        for added in self._added:
            added.result()
        self._container.mux(self._stream.encode())
        self._container.close()
        return self._file.getvalue()


def publish(path: Path, film: bytes, images: np.ndarray, overlaps: dict[str, dict[str, float]]) -> None:
    """Writes an encoded film of `images` (frames, height, width, 3) and the files beside it.

    The film comes last, so that a film that exists is complete.
    """
    publish_bytes(path.with_suffix(".json"), json.dumps(overlaps, indent=1).encode())
    _ok, strip = cv2.imencode(".png", cv2.cvtColor(contact_strip(images), cv2.COLOR_RGB2BGR))
    publish_bytes(path.with_suffix(".png"), strip.tobytes())
    publish_bytes(path, film)


def contact_strip(images: np.ndarray) -> np.ndarray:
    """Evenly spread pictures, first and last among them, in rows from left to right."""
    chosen = images[np.linspace(0, len(images) - 1, STRIP).round().astype(int)]
    rows = chosen.reshape(-1, STRIP_COLUMNS, *images.shape[1:])
    return np.concatenate([np.concatenate(list(row), 1) for row in rows], 0)
