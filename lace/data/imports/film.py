"""A video file as single upright frames with their times, through PyAV."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from lace.core.errors import InvalidValueError
from lace.data.imports.change import THUMBNAIL_PX

SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".3gp", ".mpg", ".mpeg")


class Film:
    """The frames of one video, once from its beginning to its end, turned as players turn them.

    Times are the file's own, so a variable frame rate is kept.
    """

    def __init__(self, path: Path):
        """Opens the file; InvalidValueError where no codec reads it."""
        self.path = path
        try:
            self._container = av.open(str(path))
            self._stream = self._container.streams.video[0]
            self._stream.thread_type = "AUTO"
            self._frames = (frame for frame in self._container.decode(self._stream) if frame.pts is not None)
        except (av.FFmpegError, OSError) as error:
            raise self._unreadable(_reason(error)) from error
        except (IndexError, AttributeError) as error:  # no such stream, or one without a codec
            raise self._unreadable("it has no pictures that a codec here reads") from error

    def __enter__(self) -> "Film":
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def _unreadable(self, why: str) -> InvalidValueError:
        return InvalidValueError(
            f"reading the video {self.path}", why, "a video with a codec that FFmpeg knows",
            "check that it plays, or convert it to H.264 MP4",
        )  # fmt: skip

    @property
    def frames_said(self) -> int:
        """How many frames the file says that it has; 0 where it does not say."""
        return self._stream.frames

    def thumbnails(self) -> Iterator[tuple[int, float, np.ndarray]]:
        """(time stamp, time [s], grey thumbnail) of every frame.

        Raises:
            InvalidValueError: The file is damaged from here on; the frames before are good.
        """
        try:
            for frame in self._frames:
                small = frame.reformat(THUMBNAIL_PX, THUMBNAIL_PX, "gray", interpolation="AREA").to_ndarray()
                yield frame.pts, float(frame.pts * (self._stream.time_base or 0)), small
        except av.FFmpegError as error:
            raise self._unreadable(f"it is damaged: {_reason(error)}") from error

    def frame(self, stamp: int) -> np.ndarray | None:
        """RGB (height, width, 3) uint8 of a frame behind those asked for before; None where there is none any more."""
        try:
            for frame in self._frames:
                if frame.pts == stamp:
                    quarters = round(frame.rotation / 90)  # counter-clockwise, by which players turn the picture
                    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), quarters))
        except av.FFmpegError:
            pass
        return None


def _reason(error: Exception) -> str:
    """FFmpeg's own words without its number and the path ("Invalid data found when processing input")."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
