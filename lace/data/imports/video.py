"""A person's own recordings: every n-th frame of each video, labelled by a hand detector."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from lace.core.errors import InvalidValueError
from lace.core.frames import FrameRecord
from lace.data.hands.detector import HandDetector
from lace.data.imports.change import ChangeFilter
from lace.data.imports.film import SUFFIXES, Film
from lace.data.imports.hand_labels import HandLabels, labelled
from lace.data.imports.writing import Candidate, Progress, SkipFrame

_ENDS_BYTES = 1 << 20
"""Of a video's content so much at each end goes into its digest; whole ones would take as long as the import."""


def video_files(path: Path) -> dict[str, Path]:
    """{name: file} of one video, or of all below a folder, sorted; InvalidValueError where there is none."""
    if path.is_file():
        return {path.name: path}
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not files:
        got = "there are none" if path.is_dir() else "there is no such file or folder"
        raise InvalidValueError(
            f"looking for videos in {path}", got, f"a video, or a folder with files ending in {', '.join(SUFFIXES)}",
            "check the path",
        )  # fmt: skip
    return {file.relative_to(path).as_posix(): file for file in files}


def content_digest(files: Sequence[Path]) -> str:
    """16 digits that change with the files' sizes and contents."""
    digest = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        digest.update(size.to_bytes(8, "big"))
        with file.open("rb") as stream:
            digest.update(stream.read(_ENDS_BYTES))
            stream.seek(max(0, size - _ENDS_BYTES))
            digest.update(stream.read(_ENDS_BYTES))
    return digest.hexdigest()[:16]


def candidates(
    files: dict[str, Path], every: int, change: float, labels: HandLabels, detector: HandDetector, progress: Progress
) -> list[Candidate]:
    """Every `every`-th frame of each video, those too that will be skipped; decodes all videos once.

    Args:
        files: As from `video_files`. One that no codec reads is a candidate that says so.
        every: 1 takes all.
        change: Grey levels, see `ChangeFilter`.
        labels: What is wanted.
        detector: Sees the frames that are new enough.
        progress: Told after each frame.

    Raises:
        InvalidValueError: No video can be read.
    """
    reader, found, broken = _Reader(files), [], []
    for name, file in files.items():
        try:
            with Film(file) as film:
                load = partial(_load, reader, name, labels, detector)
                for candidate in _of_film(name, film, every, ChangeFilter(change), load, progress):
                    found.append(candidate)  # one by one: those before a damaged place stay
        except InvalidValueError as error:
            broken.append(error)
            found.append(Candidate(f"{name}@end", partial(_skip, "the video cannot be read", error.got)))
    if len(broken) == len(found) and broken:
        raise broken[0]
    return found


def _of_film(
    name: str, film: Film, every: int, new: ChangeFilter, load: Callable[[int, float], FrameRecord], progress: Progress
) -> Iterator[Candidate]:
    for number, (stamp, time, thumbnail) in enumerate(film.thumbnails()):
        progress(number + 1, max(film.frames_said, number + 1))
        if number % every:
            continue
        taken = new.takes(thumbnail)
        skip = partial(_skip, "near-duplicate of the frame before")
        yield Candidate(f"{name}@{time:.3f}s", partial(load, stamp, time) if taken else skip)


def _skip(reason: str, detail: str = "") -> FrameRecord:
    raise SkipFrame(reason, detail)


def _load(
    reader: "_Reader", name: str, labels: HandLabels, detector: HandDetector, stamp: int, time: float
) -> FrameRecord:
    image = reader.frame(name, stamp)
    if image is None:
        raise SkipFrame("the frame cannot be decoded")
    return labelled(image, f"video/{name}@{time:.3f}s", labels, detector)


class _Reader:
    """One open film at a time; frames are asked for in the order of the candidates."""

    def __init__(self, files: dict[str, Path]):
        self._files = files
        self._name = ""
        self._film: Film | None = None

    def frame(self, name: str, stamp: int) -> np.ndarray | None:
        """See `Film.frame`."""
        film = self._film
        if film is None or name != self._name:
            if film is not None:
                film.__exit__()
            self._name, self._film = name, (film := Film(self._files[name]))
        return film.frame(stamp)
