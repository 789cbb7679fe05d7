"""Export to COCO: keypoints, boxes and run-length masks of the embodiment and the target; pycocotools reads it."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.files import publish_bytes
from lace.core.frames import FrameRecord
from lace.core.keypoints import COUNT, NAMES, SKELETON, Visibility, keypoint_box
from lace.core.run_identity import RunIdentity
from lace.core.semantics import EMBODIMENTS, TARGET
from lace.data.dataset import FrameDataset, dataset_digest
from lace.data.schema import decode_row
from lace.data.verify import mask_box

_log = logging.getLogger(__name__)

ANNOTATIONS_NAME, IMAGES_NAME = "annotations.json", "images"
COCO_VISIBILITY = {Visibility.ABSENT: 0, Visibility.OUT_OF_VIEW: 0, Visibility.OCCLUDED: 1, Visibility.VISIBLE: 2}
"""COCO: 0 not labelled (x = y = 0), 1 labelled but hidden, 2 labelled and visible."""


def export_coco(ds: FrameDataset, out_dir: str | Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """Writes `out_dir`/images/ (the stored bytes, unchanged) and `out_dir`/annotations.json; returns the latter.

    Coordinates keep this project's convention, which is COCO's for boxes: (0, 0) is the first pixel's outer corner.
    Images are numbered by their frame index; by their position where indices repeat (shards of several datasets).

    Args:
        ds: The dataset.
        out_dir: New folder to write; export.json in it says which frames it belongs to.
        progress: Called with (frames done, frames in all).

    Raises:
        DatasetError: `out_dir` holds something else or an export of other frames, is in use, or cannot be written.
    """
    folder, out = Path(out_dir), Path(out_dir) / ANNOTATIONS_NAME
    origin = {"frames": dataset_digest(ds.folders)}
    with RunIdentity(folder / "export.json", "a COCO export", origin, compared=("frames",)).opened():
        document, names = _document(ds, progress)
        content = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
        for i, name in enumerate(names):
            publish_bytes(folder / IMAGES_NAME / name, ds.row(i)[0]["image"])
        publish_bytes(out, content)
    return out


def _document(ds: FrameDataset, progress: Callable[[int, int], None] | None) -> tuple[dict[str, Any], list[str]]:
    """The annotations, and the name of each frame's image."""
    numbers = ds.column("index")
    if len(set(numbers)) < len(numbers):
        _log.warning("%s: frame indices repeat; images are numbered by their position instead", ds.folder)
        numbers = range(len(ds))
    categories = _categories(sorted(set(ds.column("embodiment"))))
    ids = {category["name"]: category["id"] for category in categories}
    images, annotations = [], []
    for i in range(len(ds)):
        row, constants = ds.row(i)
        record = replace(decode_row(row, constants), index=int(numbers[i]))
        images.append(_image(record, f"{record.index:08d}.{row['image_format']}"))
        for annotation in _annotations(record, ids):
            annotations.append({"id": len(annotations) + 1, **annotation})
        if progress:
            progress(i + 1, len(ds))
    info = {"description": f"lace dataset {ds.folder.name}", "version": "1.0"}
    document = {"info": info, "licenses": [], "categories": categories, "images": images, "annotations": annotations}
    return document, [image["file_name"] for image in images]


def _categories(embodiments: list[str]) -> list[dict[str, Any]]:
    """One category with keypoints for each embodiment, then the target."""
    skeleton = [[a + 1, b + 1] for a, b in SKELETON]  # COCO counts keypoints from 1
    hands = [
        {"id": i, "name": name, "supercategory": "embodiment", "keypoints": list(NAMES), "skeleton": skeleton}
        for i, name in enumerate(embodiments, 1)
    ]
    return [*hands, {"id": len(hands) + 1, "name": TARGET, "supercategory": "object"}]


def _image(record: FrameRecord, file_name: str) -> dict[str, Any]:
    height, width = record.image.shape[:2]
    return {
        "id": record.index,
        "file_name": file_name,
        "width": width,
        "height": height,
        "camera_K": None if record.K is None else record.K.tolist(),
        "T_world_cam": None if record.T_world_cam is None else record.T_world_cam.tolist(),
        "room": record.room,
        "preset": record.preset,
        "seed": record.seed,
    }


def _annotations(record: FrameRecord, ids: dict[str, int]) -> list[dict[str, Any]]:
    """Of the embodiment and the target, each only if some of it is in the image."""
    found = []
    hand = _region(record, EMBODIMENTS, ("embodiment@segmentation", "embodiment@keypoints")) or _keypoint_region(record)
    if hand:
        found.append({"category_id": ids[record.embodiment], **hand, **_keypoints(record)})
    target = _region(record, (TARGET,), ("target@segmentation", "target@owlv2"))
    if target:
        found.append({"category_id": ids[TARGET], **target})
    return [{"image_id": record.index, "iscrowd": 0, **annotation} for annotation in found]


def _region(record: FrameRecord, semantics: tuple[str, ...], boxes: tuple[str, ...]) -> dict[str, Any]:
    """Box (x, y, width, height), area and mask; `bbox_source` says what the box was made of. Empty if there is none.

    Without a segmentation the first of the stored `boxes` that has an area is used, and the area is the box's.
    """
    if record.segmentation is not None:
        mask = np.isin(record.segmentation, [s.id for s in record.segments if s.semantic in semantics])
        return _box_fields(mask_box(mask), boxes[0], int(mask.sum()), encode_rle(mask)) if mask.any() else {}
    for name in boxes:
        box = record.boxes.get(name)
        if box is not None and np.isfinite(box).all() and (box[2:] > box[:2]).all():
            return _box_fields(box, name, float(np.prod(box[2:] - box[:2])), [])
    return {}


def _keypoint_region(record: FrameRecord) -> dict[str, Any]:
    """As `_region`, around all keypoints in the image and at least a pixel wide: for hands without wrist or tips."""
    box = keypoint_box(record.keypoints_uv, record.visibility, tuple(range(COUNT)))
    if not np.isfinite(box).all():
        return {}
    box = np.concatenate([np.minimum(box[:2], box[2:] - 1), box[2:]])
    return _box_fields(box, "keypoints", float(np.prod(box[2:] - box[:2])), [])


def _box_fields(box: np.ndarray, source: str, area: float, segmentation: Any) -> dict[str, Any]:
    x, y, right, bottom = (float(v) for v in box)
    bbox = [x, y, right - x, bottom - y]
    return {"bbox": bbox, "bbox_source": source, "area": area, "segmentation": segmentation}


def _keypoints(record: FrameRecord) -> dict[str, Any]:
    flags = np.array([COCO_VISIBILITY[Visibility(v)] for v in record.visibility])
    uv = np.where(flags[:, None] > 0, record.keypoints_uv, 0).astype(float)
    triples = [value for (x, y), v in zip(uv.tolist(), flags.tolist(), strict=True) for value in (x, y, v)]
    return {"keypoints": triples, "num_keypoints": int((flags > 0).sum())}


def encode_rle(mask: np.ndarray) -> dict[str, Any]:
    """Uncompressed COCO run lengths of a boolean mask (height, width): column by column, zeros first."""
    flat = np.asarray(mask, bool).ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff(np.concatenate([[0], changes, [len(flat)]])).tolist()
    return {"counts": [0, *counts] if flat[0] else counts, "size": list(mask.shape)}
