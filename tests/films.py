"""Small videos made from images, encoded as cameras and phones write them."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

HANDS = Path(__file__).parent / "golden" / "hands"
"""Images of our simulated humans with MediaPipe 0.10.21's results; `benchmarks.hand_detector` makes them."""
_UNIT = Fraction(1, 1000)
_IDENTITY, _QUARTER = (
    (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000),
    (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000),
)


def picture(name: str) -> np.ndarray:
    """RGB uint8 of one of HANDS ("plain_0")."""
    return cv2.cvtColor(cv2.imread(str(HANDS / f"{name}.jpg")), cv2.COLOR_BGR2RGB)


def write_film(path: Path, frames: Sequence[np.ndarray], times: Sequence[float], portrait: bool = False) -> Path:
    """An H.264 MP4 of RGB frames at these times [s].

    Args:
        path: File to write.
        frames: All of one size.
        times: Increasing.
        portrait: Stores the frames rotated, with a display matrix that turns them upright, as phones do.
    """
    stored = [np.rot90(frame) if portrait else frame for frame in frames]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width = stored[0].shape[:2]
        stream.pix_fmt, stream.time_base, stream.codec_context.time_base = "yuv420p", _UNIT, _UNIT
        for image, time in zip(stored, times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = round(time * 1000), _UNIT
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    if portrait:
        _replace_display_matrix(path)
    return path


def _replace_display_matrix(path: Path) -> None:
    """Writes a quarter turn instead of the identity into the track header; PyAV cannot."""
    old, new = (b"".join(value.to_bytes(4, "big", signed=value < 0) for value in m) for m in (_IDENTITY, _QUARTER))
    content = path.read_bytes()
    start = content.index(b"tkhd")
    assert content.count(old, start, start + 100) == 1
    path.write_bytes(content[:start] + content[start:].replace(old, new, 1))
