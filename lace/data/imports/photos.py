"""A person's own photographs, labelled by a hand detector."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np

from lace.core.frames import FrameRecord
from lace.data.hands.detector import HandDetector
from lace.data.imports.change import THUMBNAIL_PX, ChangeFilter
from lace.data.imports.hand_labels import HandLabels, labelled
from lace.data.imports.images import SUFFIXES, image_files, read_image
from lace.data.imports.writing import Candidate, Progress, SkipFrame

UNREAD = (".heic", ".heif", ".dng", ".cr2", ".nef", ".arw", ".tif", ".tiff")
"""Photographs that are counted but not read."""
_THUMBNAIL = cv2.IMREAD_REDUCED_GRAYSCALE_8


def photo_files(folder: Path) -> dict[str, Path]:
    """{name: file} of all photographs below a folder, also those of UNREAD; InvalidValueError if there is none."""
    wanted = (*SUFFIXES, *UNREAD)
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in wanted and path.is_file())
    return {file.relative_to(folder).as_posix(): file for file in files or image_files(folder)}


def candidates(
    files: dict[str, Path], change: float, labels: HandLabels, detector: HandDetector, progress: Progress
) -> list[Candidate]:
    """Every photograph, those too that will be skipped.

    Args:
        files: As from `photo_files`.
        change: Grey levels, see `ChangeFilter`; of a burst the first photograph stays.
        labels: What is wanted.
        detector: Sees the photographs that are new enough.
        progress: Told after each.
    """
    new, found = ChangeFilter(change), []
    for number, (name, file) in enumerate(files.items()):
        found.append(Candidate(name, partial(_load, name, file, _is_new(file, new), labels, detector)))
        progress(number + 1, len(files))
    return found


def _is_new(file: Path, new: ChangeFilter) -> bool:
    small = cv2.imdecode(np.frombuffer(file.read_bytes() or b"\0", np.uint8), _THUMBNAIL)
    if small is None:  # said when it is loaded
        return True
    return new.takes(cv2.resize(small, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA))


def _load(name: str, file: Path, is_new: bool, labels: HandLabels, detector: HandDetector) -> FrameRecord:
    if file.suffix.lower() in UNREAD:
        raise SkipFrame("a format that is not read", f"{file.suffix}: export it as JPEG")
    if not is_new:
        raise SkipFrame("near-duplicate of the photograph before")
    return labelled(read_image(file), f"photos/{name}", labels, detector)
