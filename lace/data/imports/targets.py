"""Adds target boxes, found by a text and a detector, to a dataset; images and all other labels stay unchanged."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from lace.core.frames import FrameRecord
from lace.data.dataset import FrameDataset
from lace.data.imports.detection import Detector
from lace.data.imports.writing import Candidate

BOX = "target@owlv2"


def candidates(dataset: FrameDataset, detector: Detector, text: str, threshold: float) -> list[Candidate]:
    """Every frame, with the best detection of `text` as its box BOX; NaN if no detection scores `threshold` or more."""
    found = []
    for i in range(len(dataset)):
        load = partial(_load, dataset, i, detector, text, threshold)
        found.append(Candidate(f"frame {i}", load, partial(_stored, dataset, i), tuple(dataset.shards)))
    return found


def _load(dataset: FrameDataset, i: int, detector: Detector, text: str, threshold: float) -> FrameRecord:
    record = dataset[i]
    found = detector.find(record.image, text, threshold)
    height, width = record.image.shape[:2]
    box = np.clip(found.boxes[0], 0, (width, height, width, height)) if len(found.boxes) else np.full(4, np.nan)
    score = float(found.scores[0]) if len(found.scores) else None
    return replace(
        record,
        boxes={**record.boxes, BOX: box.astype(np.float32)},
        draws={**record.draws, "target.text": text, "target.score": score},
    )


def _stored(dataset: FrameDataset, i: int) -> tuple[bytes, str]:
    row, _constants = dataset.row(i)
    return row["image"], row["image_format"]


def share_found(boxes: Iterable[Any]) -> float:
    """Share of frames that have a box."""
    return float(np.mean([box is not None and bool(np.isfinite(box).all()) for box in boxes]))
