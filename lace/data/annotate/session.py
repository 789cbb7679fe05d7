"""Labels of one folder, on disk after every click; several sessions may label one folder."""

import json
import math
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.errors import DatasetError, InvalidValueError
from lace.core.files import plain_text, publish_bytes
from lace.core.frames import FrameRecord
from lace.core.keypoints import COUNT, INDEX, NAMES, Visibility
from lace.core.lock import locked_folder
from lace.core.semantics import HUMAN_HAND
from lace.data.dataset import META_NAME, FrameDataset
from lace.data.imports.images import image_files, read_image, settle
from lace.data.imports.writing import Candidate, SkipFrame
from lace.data.schema import encode_image

LABELS_NAME = "annotations.lace.json"
LOCK_NAME = ".annotations.lock"
WAIT_S = 10.0
"""How long a save waits for another session's save."""
_BY_NAME = {kind.name.lower(): kind for kind in Visibility}
_NAMES = tuple(_BY_NAME)


class Session:
    """Frames of a dataset folder or a folder of images, and the labels clicked on them.

    A frame's labels are {"skipped": bool, "points": {keypoint: [u px, v px, visibility]}}; a point that is absent or
    out of view has None for u and v. A keypoint that is not named has not been labelled yet.
    """

    def __init__(self, folder: str | Path):
        """Opens a folder and reads its labels.

        Args:
            folder: A dataset of ours, or a folder of images; its labels are kept in it as LABELS_NAME.
        """
        self.folder = Path(folder)
        self._path = self.folder / LABELS_NAME
        self._dataset = FrameDataset(folder) if (self.folder / META_NAME).is_file() else None
        self._files = [] if self._dataset else image_files(folder)
        if self._dataset:
            self.names = [f"frame-{index:08d}" for index in np.asarray(self._dataset.column("index"))]
        else:
            self.names = [file.relative_to(self.folder).as_posix() for file in self._files]
        self.labels: dict[str, dict[str, Any]] = self._read()
        """Frame name -> labels that were clicked; they replace those of `given`."""
        self.given: dict[str, dict[str, Any]] = self._brought()
        """Frame name -> labels of the dataset itself, to be corrected."""
        self._lock = threading.Lock()

    def _read(self) -> dict[str, dict[str, Any]]:
        if not self._path.exists():
            return {}
        try:
            frames = json.loads(self._path.read_bytes())["frames"]
            return {name: checked(frame) for name, frame in frames.items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DatasetError(
                f"reading {self._path}", f"it is not what the page saved ({error})", "labels", "move it away"
            ) from error

    def _brought(self) -> dict[str, dict[str, Any]]:
        if not self._dataset:
            return {}
        rows = zip(self.names, self._dataset.column("keypoints_uv"), self._dataset.column("visibility"), strict=True)
        return {
            name: {"skipped": False, "points": _points(np.reshape(uv, (COUNT, 2)), np.asarray(visibility))}
            for name, uv, visibility in rows
            if np.any(visibility)
        }

    @property
    def embodiment(self) -> str:
        """What the dataset says that its images show; a human right hand for a plain folder of images."""
        return (self._dataset.meta.get("embodiment") if self._dataset else None) or HUMAN_HAND

    def image(self, number: int) -> np.ndarray:
        """RGB uint8 of frame `number`."""
        return self._dataset[number].image if self._dataset else read_image(self._files[number])

    def png(self, number: int) -> bytes:
        """The same as a PNG file."""
        return encode_image(self.image(number), "png")

    def save(self, number: int, frame: Any) -> None:
        """Replaces the labels of frame `number`, on disk when this returns; keeps what other sessions saved.

        Raises:
            InvalidValueError: `frame` is not labels.
            DatasetError: Another session has labelled this frame since this one read it, or the file cannot be written.
        """
        frame, name = checked(frame), self.names[number]
        with self._lock, locked_folder(self.folder, "one save at a time", LOCK_NAME, WAIT_S):
            there = self._read()
            if there.get(name) not in (self.labels.get(name), frame):
                raise DatasetError(
                    f"saving the labels of {plain_text(name)}",
                    "another session has labelled this frame",
                    "a frame that nobody else is labelling",
                    "reload the page to see the other labels",
                )
            there[name] = frame
            text = json.dumps({"format": "lace annotations 1", "frames": there}, indent=1)
            publish_bytes(self._path, text.encode())
            self.labels = there

    def refreshed(self) -> dict[str, dict[str, Any]]:
        """The labels of all frames, with those that other sessions saved."""
        with self._lock:
            self.labels = self._read()
        return self.labels

    def candidates(self, embodiment: str) -> list[Candidate]:
        """Every frame, for `write_frames`: as clicked, else as the dataset has it; SkipFrame without labels."""
        shards = tuple(self._dataset.shards) if self._dataset else ()
        return [
            Candidate(plain_text(name), partial(self._record, i, embodiment), sources=shards or (self._files[i],))
            for i, name in enumerate(self.names)
        ]

    def _record(self, number: int, embodiment: str) -> FrameRecord:
        name = self.names[number]
        by_hand = name in self.labels
        frame = (self.given | self.labels).get(name, {"skipped": False, "points": {}})
        if frame["skipped"]:
            raise SkipFrame("skipped by hand")
        uv, visibility = np.full((COUNT, 2), np.nan, np.float32), np.zeros(COUNT, np.uint8)
        for point, (u, v, kind) in frame["points"].items():
            visibility[INDEX[point]] = _BY_NAME[kind]
            if u is not None:
                uv[INDEX[point]] = u, v
        if not visibility.any():
            raise SkipFrame("not labelled yet")
        record = FrameRecord(self.image(number), embodiment, uv, visibility, source=plain_text(f"annotated/{name}"))
        if not by_hand and self._dataset is not None:
            brought = self._dataset[number]
            record = replace(record, source=brought.source, draws=brought.draws)
        return settle(record)


def _points(uv: np.ndarray, visibility: np.ndarray) -> dict[str, list[Any]]:
    """Keypoints (21, 2) and visibility (21,) in the form of a frame's "points"."""
    return {
        name: [*(uv[k].tolist() if visibility[k] >= Visibility.OCCLUDED else (None, None)), _NAMES[visibility[k]]]
        for k, name in enumerate(NAMES)
    }


def checked(frame: Any) -> dict[str, Any]:
    """The labels of a frame as the page sends them; InvalidValueError where they are anything else."""
    points = frame.get("points") if isinstance(frame, dict) else None
    good = isinstance(points, dict) and isinstance(frame.get("skipped"), bool) and all(map(_is_point, points.items()))
    if not good:
        raise InvalidValueError(
            "saving labels",
            repr(frame)[:200],
            f"skipped, and points of {', '.join(NAMES[:2])}, ... as [u, v, one of {', '.join(_BY_NAME)}]",
            "reload the page",
        )
    return {"skipped": frame["skipped"], "points": dict(points)}


def _is_point(item: tuple[str, Any]) -> bool:
    name, point = item
    if name not in INDEX or not isinstance(point, list) or len(point) != 3 or point[2] not in _BY_NAME:
        return False
    if _BY_NAME[point[2]] < Visibility.OCCLUDED:
        return point[:2] == [None, None]
    return all(isinstance(x, (int, float)) and not isinstance(x, bool) and math.isfinite(x) for x in point[:2])
