"""Reads HInt: folders like TRAIN_epick_img with <stem>.jpg and <stem>.json, one labelled hand each.

The json is a list of one dict: bbox [[x1, y1, x2, y2]], keypoints 21 x [u, v] in full-image pixels, occlusion 21 flags
(1: occluded), in some copies existence 21 flags (0: out of the frame). Only the file name says which hand it is
(ddshan/hint, draw_hand.py and issue 3).
"""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.errors import DatasetError
from lace.core.files import is_lfs_pointer, plain_text, walk
from lace.core.frames import FrameRecord
from lace.core.keypoints import COUNT, Visibility, keypoint_box
from lace.core.semantics import HUMAN_HAND
from lace.data.imports.images import crop_square, read_image, resize, settle
from lace.data.imports.one_hand import FrameCheck
from lace.data.imports.writing import Candidate, SkipFrame

SPLITS, PARTS = ("epick",), ("TRAIN",)
"""What the paper trains on (sec. 5.1): EpicKitchens, training part. VAL and TEST are held out."""
_FOLDER = re.compile(r"(TRAIN|VAL|TEST)_(epick|newdays|ego4d)_(img|seq)")


def candidates(
    folder: str | Path,
    splits: tuple[str, ...] = SPLITS,
    parts: tuple[str, ...] = PARTS,
    crop: bool = False,
    image_size: int | None = None,
    check: FrameCheck | None = None,
) -> list[Candidate]:
    """Every image or annotation in the chosen folders, left hands included, sorted by name.

    Args:
        folder: HInt's folder, or one of its parts.
        splits: Of epick, newdays, ego4d.
        parts: Of TRAIN, VAL, TEST.
        crop: Cut a square around the hand, from the full-size image.
        image_size: Longer side of the result [px], scaled after the crop; None keeps it.
        check: Called with each frame before the crop.

    Raises:
        DatasetError: None of the chosen folders exists.
    """
    root = Path(folder)
    found = []
    for part in _folders(root, splits, parts):
        for stem in sorted({p.stem for p in part.iterdir() if p.suffix.lower() in (".jpg", ".json")}):
            load = partial(_load, part, stem, crop, image_size, check)
            files = (part / f"{stem}.json", part / f"{stem}.jpg")
            found.append(Candidate(plain_text(f"{part.name}/{stem}"), load, sources=files))
    return found


def _folders(root: Path, splits: tuple[str, ...], parts: tuple[str, ...]) -> list[Path]:
    below = {path.parent for path in walk(root)}
    there = {path: match for path in {root.absolute(), *below} if (match := _FOLDER.fullmatch(path.name))}
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


def _load(folder: Path, stem: str, crop: bool, image_size: int | None, check: FrameCheck | None) -> FrameRecord:
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
            embodiment=HUMAN_HAND,
            keypoints_uv=uv,
            visibility=visibility,
            source=plain_text(f"hint/{folder.name}/{stem}"),
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
    return record if image_size is None else resize(record, image_size)


def _around(record: FrameRecord, box: np.ndarray) -> np.ndarray:
    """Box (4,) xyxy [px] around the annotated box and all keypoints in the image."""
    points = keypoint_box(record.keypoints_uv, record.visibility, tuple(range(COUNT)))
    return np.concatenate([np.minimum(box[:2], points[:2]), np.maximum(box[2:], points[2:])])


def _label(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SkipFrame("missing annotation", path.name)
    try:
        content = path.read_bytes()
        if is_lfs_pointer(content):
            raise SkipFrame("Git LFS pointer instead of an annotation", "run `git lfs pull`")
        label = json.loads(content)
    except OSError as error:
        raise SkipFrame("unreadable annotation", error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise SkipFrame("broken JSON", str(error)[:200]) from error
    if not (isinstance(label, list) and len(label) == 1 and isinstance(label[0], dict)):
        kind = f"{type(label).__name__} of {len(label)}" if isinstance(label, (list, dict)) else type(label).__name__
        raise SkipFrame("not a list of one hand", kind)
    absent = [key for key in ("bbox", "keypoints", "occlusion") if key not in label[0]]
    if absent:
        raise SkipFrame("absent keys", ", ".join(absent))
    return label[0]


def _keypoints(label: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(uv (21, 2), visibility (21,), box (4,)) of a label; without existence flags every keypoint exists."""
    uv = _array(label, "keypoints", (COUNT, 2))
    box = _array({"bbox": label["bbox"][:1] if isinstance(label["bbox"], list) else label["bbox"]}, "bbox", (4,))
    occluded = _array(label, "occlusion", (COUNT,)) != 0
    exists = _array(label, "existence", (COUNT,)) != 0 if "existence" in label else np.ones(COUNT, bool)
    visibility = np.where(occluded, Visibility.OCCLUDED, Visibility.VISIBLE).astype(np.uint8)
    visibility[~exists] = Visibility.OUT_OF_VIEW
    uv[~exists] = np.nan  # out of the frame: the numbers there are no position
    return uv, visibility, box


def _array(label: dict[str, Any], key: str, shape: tuple[int, ...]) -> np.ndarray:
    """float32 of exactly `shape`; leading dimensions of one are dropped."""
    try:
        value = np.array(label[key], np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise SkipFrame("wrong shape", f"{key}: {error}") from error
    while value.ndim > len(shape) and value.shape[0] == 1:
        value = value[0]
    if value.shape != shape:
        raise SkipFrame("wrong shape", f"{key} {value.shape}, expected {shape}")
    if not np.isfinite(value).all():
        raise SkipFrame("not finite", key)
    return value
