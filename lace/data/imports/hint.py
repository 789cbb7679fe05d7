"""HInt as it lies on disk: folders like TRAIN_epick_img with <stem>.jpg and <stem>.json, one labelled hand each.

The json is a list of one dict: bbox [[x1, y1, x2, y2]], keypoints 21 x [u, v] in full-image pixels, occlusion 21 flags
(1: occluded), in some copies existence 21 flags (0: out of the frame). Which hand it is stands in the name alone
(ddshan/hint, draw_hand.py and issue 3).
"""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.errors import DatasetError
from lace.core.frames import FrameRecord
from lace.core.keypoints import COUNT, Visibility, keypoint_box
from lace.data.imports.images import crop_square, read_image, resize, settle
from lace.data.imports.one_hand import FrameCheck
from lace.data.imports.writing import Candidate, SkipFrame

EMBODIMENT = "human_right_hand"
SPLITS, PARTS = ("epick", "newdays", "ego4d"), ("TRAIN", "VAL", "TEST")
_FOLDER = re.compile(r"(TRAIN|VAL|TEST)_(epick|newdays|ego4d)_(img|seq)")


def candidates(
    folder: str | Path,
    splits: tuple[str, ...] = SPLITS,
    parts: tuple[str, ...] = PARTS,
    crop: bool = False,
    size: int | None = None,
    check: FrameCheck | None = None,
) -> list[Candidate]:
    """Everything in the chosen folders that has an image or an annotation, left hands included, sorted by name.

    Args:
        folder: HInt's folder, or one of its parts; DatasetError if none of the chosen folders is there.
        splits: Of SPLITS.
        parts: Of PARTS.
        crop: Cut a square around the hand.
        size: Longer side of the result [px]; None keeps it.
        check: Looks at each frame before the crop.
    """
    root = Path(folder)
    found = []
    for part in _folders(root, splits, parts):
        for stem in sorted({p.stem for p in part.iterdir() if p.suffix.lower() in (".jpg", ".json")}):
            load = partial(_load, part, stem, crop, size, check)
            found.append(Candidate(f"{part.name}/{stem}", load))
    return found


def _folders(root: Path, splits: tuple[str, ...], parts: tuple[str, ...]) -> list[Path]:
    below = [path for path in root.rglob("*") if path.is_dir()] if root.is_dir() else []
    there = {path: match for path in (root.resolve(), *below) if (match := _FOLDER.fullmatch(path.name))}
    chosen = [path for path, match in there.items() if match[1] in parts and match[2] in splits]
    if not chosen:
        names = ", ".join(sorted(path.name for path in there)) or "no folder of HInt at all"
        raise DatasetError(
            f"reading HInt from {root}",
            f"it has {names}",
            f"folders like TRAIN_epick_img of {', '.join(splits)} and {', '.join(parts)}",
            "give the folder into which HInt_annotation_partial.zip was unpacked, and --splits that it has",
        )
    return sorted(chosen, key=lambda path: path.name)


def _load(folder: Path, stem: str, crop: bool, size: int | None, check: FrameCheck | None) -> FrameRecord:
    if stem.endswith("_l"):
        raise SkipFrame("left hand")
    if not stem.endswith("_r"):
        raise SkipFrame("no _r or _l in the name")
    label = _label(folder / f"{stem}.json")
    uv, visibility, box = _keypoints(label)
    image = read_image(folder / f"{stem}.jpg")
    record = settle(
        FrameRecord(
            image=image,
            embodiment=EMBODIMENT,
            keypoints_uv=uv,
            visibility=visibility,
            source=f"hint/{folder.name}/{stem}",
            preset=folder.name,
            draws={"hint.bbox": box},
        )
    )
    if not (record.visibility >= Visibility.OCCLUDED).any():
        raise SkipFrame("no keypoint in the image")
    if check:
        check(record)
    if crop:
        record = crop_square(record, _around(record, box))
    return record if size is None else resize(record, size)


def _around(record: FrameRecord, box: np.ndarray) -> np.ndarray:
    """xyxy [px] around the annotated box and all keypoints in the image."""
    points = keypoint_box(record.keypoints_uv, record.visibility, tuple(range(COUNT)))
    return np.concatenate([np.minimum(box[:2], points[:2]), np.maximum(box[2:], points[2:])])


def _label(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SkipFrame("missing annotation", path.name)
    try:
        label = json.loads(path.read_bytes())
    except ValueError as error:
        raise SkipFrame("broken JSON", str(error)) from error
    if not (isinstance(label, list) and len(label) == 1 and isinstance(label[0], dict)):
        kind = f"{type(label).__name__} of {len(label)}" if isinstance(label, (list, dict)) else type(label).__name__
        raise SkipFrame("not a list of one hand", kind)
    absent = [key for key in ("bbox", "keypoints", "occlusion") if key not in label[0]]
    if absent:
        raise SkipFrame("absent keys", ", ".join(absent))
    return label[0]


def _keypoints(label: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(uv (21, 2), visibility (21,), box (4,)) of a label; existence counts as 1 where it is not given."""
    uv = _array(label, "keypoints", (COUNT, 2))
    box = _array({"bbox": label["bbox"][:1] if isinstance(label["bbox"], list) else label["bbox"]}, "bbox", (4,))
    occluded = _array(label, "occlusion", (COUNT,)) != 0
    exists = _array(label, "existence", (COUNT,)) != 0 if "existence" in label else np.ones(COUNT, bool)
    visibility = np.where(occluded, Visibility.OCCLUDED, Visibility.VISIBLE).astype(np.uint8)
    visibility[~exists] = Visibility.OUT_OF_VIEW
    uv[~exists] = np.nan  # out of the frame: what is written there is no place
    return uv, visibility, box


def _array(label: dict[str, Any], key: str, shape: tuple[int, ...]) -> np.ndarray:
    """float32 of exactly `shape`; leading dimensions of one are dropped."""
    try:
        value = np.array(label[key], np.float32)
    except (TypeError, ValueError) as error:
        raise SkipFrame("wrong shape", f"{key}: {error}") from error
    while value.ndim > len(shape) and value.shape[0] == 1:
        value = value[0]
    if value.shape != shape:
        raise SkipFrame("wrong shape", f"{key} {value.shape}, expected {shape}")
    if not np.isfinite(value).all():
        raise SkipFrame("not finite", key)
    return value
