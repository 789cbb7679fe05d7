"""Which images and recordings frames come from, so that training and held-out data can be compared."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.counting import counted
from lace.core.errors import InvalidValueError
from lace.core.files import reading
from lace.core.frames import FrameRecord
from lace.data.schema import to_json
from lace.data.verify import image_digest

NAME = "training_sources.json"
"""Name of the manifest in a backbone's folder."""
MADE_FROM = "edited.digest"
"""Draw of a frame whose image was changed: the digest of the first image that it was made from."""
_SCENE_INDEPENDENT = ("sensor.", "demonstration.", "edited.", "background.", "target.text", "target.score")
"""Draws that differ between the frames of one simulated motion, or say what was done to them later."""
_FRAME_OF_RECORDING = {
    r"(lerobot/.+/\d+)/\d+": "LeRobot episode",
    r"(video/.+)@[\d.]+s": "video",
    r"(hint/.+)_[lr]": "photograph of HInt",
    r"(photos/.+)": "photograph",
}
"""Pattern of `FrameRecord.source` whose group names the recording -> what it is."""


@dataclass(frozen=True)
class Origins:
    """Images and recordings of a set of frames."""

    images: frozenset[str] = frozenset()
    """Digests of the decoded images; of a changed image, that of the first one it was made from."""
    recordings: frozenset[str] = frozenset()
    """Names of the episodes, videos, photographs or simulated scenes."""

    @classmethod
    def of(cls, records: Iterable[FrameRecord]) -> "Origins":
        """Origins of frames in memory."""
        images, recordings = set(), set()
        for record in records:
            images |= {*made_from(record).values()}
            recordings |= {recording_of(record)} - {""}
        return cls(frozenset(images), frozenset(recordings))

    def __or__(self, other: "Origins") -> "Origins":
        return Origins(self.images | other.images, self.recordings | other.recordings)

    def as_json(self) -> dict[str, Any]:
        """Plain values, sorted."""
        return {"format": 1, "images": sorted(self.images), "recordings": sorted(self.recordings)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Origins":
        """The inverse of `as_json`."""
        return cls(frozenset(values["images"]), frozenset(values["recordings"]))


def made_from(record: FrameRecord) -> dict[str, str]:
    """The draw that a frame gets when its image is changed, so that it is still known to be the same photograph."""
    return {MADE_FROM: record.draws.get(MADE_FROM) or image_digest(np.ascontiguousarray(record.image)).hex()[:32]}


def recording_of(record: FrameRecord) -> str:
    """Name of the recording that a frame was taken from; "" if only its pixels identify it.

    Frames of one simulated motion share all draws of the scene, so these name it.
    """
    for pattern in _FRAME_OF_RECORDING:
        if match := re.fullmatch(pattern, record.source):
            return match.group(1)
    if record.source == "simulation" and record.draws:
        scene = {name: value for name, value in record.draws.items() if not name.startswith(_SCENE_INDEPENDENT)}
        text = f"{record.embodiment} {record.seed} {to_json(dict(sorted(scene.items())))}"
        return f"simulation/{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    return ""


def read_origins(backbone: str | Path) -> Origins:
    """The manifest of sources in a backbone's folder; empty for a backbone without one (a pretrained one)."""
    path = Path(backbone) / NAME
    if not path.is_file():
        return Origins()
    with reading(path, "the manifest of training sources of `lace finetune`", "restore it, or fine-tune again"):
        return Origins.from_json(json.loads(path.read_bytes()))


def require_held_out(training: Origins, held_out: Origins, name: str) -> None:
    """Raises InvalidValueError if held-out frames share an image or a recording with training.

    Args:
        training: Origins of the training frames.
        held_out: Origins of the frames that are measured on.
        name: What the held-out frames are called in the message ("robot").
    """
    images, recordings = training.images & held_out.images, training.recordings & held_out.recordings
    if not images and not recordings:
        return
    shared = f", for example {sorted(recordings)[0]}" if recordings else ""
    raise InvalidValueError(
        f"opening the held-out {name} frames",
        f"{len(images)} of {counted(len(held_out.images), 'image')} and {counted(len(recordings), 'recording')} were "
        f"trained on{shared}",
        "held-out frames that share no image and no recording with the training frames",
        "give a dataset of other images: another seed, another split of HInt, another episode or video",
    )
