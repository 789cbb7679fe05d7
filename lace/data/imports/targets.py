"""Target boxes in photographs, by a text and a detector; images and all other labels stay as they are."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from lace.core.frames import FrameRecord
from lace.data.dataset import FrameDataset
from lace.data.imports.finds import Detector
from lace.data.imports.writing import Candidate

BOX = "target@owlv2"


def candidates(dataset: FrameDataset, detector: Detector, text: str, threshold: float) -> list[Candidate]:
    """Every frame with the best find of `text` as its box BOX, NaN where there is none of at least `threshold`."""
    found = []
    for i in range(len(dataset)):
        row, _constants = dataset.row(i)
        load = partial(_load, dataset, i, detector, text, threshold)
        found.append(Candidate(f"frame {i}", load, (row["image"], row["image_format"])))
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


def share_found(boxes: Sequence) -> float:
    """Share of frames that have a box."""
    return float(np.mean([box is not None and bool(np.isfinite(box).all()) for box in boxes]))
