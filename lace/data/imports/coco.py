"""Keypoints in COCO's format, as CVAT and FiftyOne export them, by a mapping that the user spells out."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.errors import DatasetError, InvalidValueError, UnknownNameError
from lace.core.frames import FrameRecord
from lace.core.keypoints import COUNT, INDEX, Visibility
from lace.data.imports.images import read_image, settle
from lace.data.imports.writing import Candidate, SkipFrame

_VISIBILITY = {0: Visibility.ABSENT, 1: Visibility.OCCLUDED, 2: Visibility.VISIBLE}
"""COCO's 0 is "not labelled": nothing is known of the point, so it takes no part, like an absent one."""


def parse_mapping(pairs: Sequence[str]) -> dict[str, str]:
    """{name in the file: our keypoint} of "NAME=keypoint" texts; each name and each keypoint at most once.

    Raises:
        InvalidValueError: A text without "=", a name or a keypoint given twice, or no text at all.
        UnknownNameError: A keypoint that is none of ours.
    """
    doing, mapping = "reading --map", {}
    for pair in pairs:
        name, equals, keypoint = pair.rpartition("=")
        if not equals or not name:
            raise InvalidValueError(doing, repr(pair), "NAME=keypoint", "write for instance --map wrist=wrist")
        if keypoint not in INDEX:
            raise UnknownNameError("keypoint", keypoint, INDEX)
        if name in mapping or keypoint in mapping.values():
            raise InvalidValueError(
                doing, f"{pair!r} maps something a second time", "each name and each keypoint once", "drop one of them"
            )
        mapping[name] = keypoint
    if not mapping:
        raise InvalidValueError(doing, "no mapping", "at least one NAME=keypoint", "map the keypoints of your file")
    return mapping


def candidates(
    file: str | Path, images: str | Path, mapping: Mapping[str, str], embodiment: str, category: str | None = None
) -> list[Candidate]:
    """Every annotation of the chosen category and every image without one.

    Args:
        file: COCO keypoint json; DatasetError where it is none.
        images: Folder of its images.
        mapping: {keypoint name in the file: ours}; UnknownNameError where the file has no such name.
        embodiment: Name the frames get.
        category: Which category; None where only one has keypoints.
    """
    document = _document(Path(file))
    chosen = _category(document["categories"], category)
    names = list(chosen["keypoints"])
    unknown = [name for name in mapping if name not in names]
    if unknown:
        raise UnknownNameError(f"keypoint of category {chosen['name']!r}", unknown[0], names)
    columns = {names.index(name): INDEX[ours] for name, ours in mapping.items()}
    of_image: dict[Any, list[dict]] = {image["id"]: [] for image in document["images"]}
    for annotation in document["annotations"]:
        if annotation.get("category_id") == chosen["id"]:
            of_image.setdefault(annotation.get("image_id"), []).append(annotation)
    return [
        Candidate(
            str(image["file_name"]), partial(_load, image, of_image[image["id"]], Path(images), columns, embodiment)
        )
        for image in document["images"]
    ]


def _document(path: Path) -> dict[str, Any]:
    doing, next_step = f"reading {path}", "export it again as COCO keypoints (CVAT: 'COCO Keypoints 1.0')"
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise DatasetError(
            doing, f"it cannot be read ({error.strerror})", "a COCO json file", "check the path"
        ) from error
    except ValueError as error:
        raise DatasetError(doing, f"it is not JSON ({error})", "a COCO json file", next_step) from error
    for key, needed in (("images", ("id", "file_name")), ("annotations", ()), ("categories", ("id", "name"))):
        entries = document.get(key) if isinstance(document, dict) else None
        if not isinstance(entries, list) or not all(isinstance(e, dict) and set(needed) <= set(e) for e in entries):
            raise DatasetError(doing, f"{key!r} is absent or malformed", f"a list of {key} with {needed}", next_step)
    return document


def _category(categories: Sequence[dict[str, Any]], wanted: str | None) -> dict[str, Any]:
    usable = {category["name"]: category for category in categories if category.get("keypoints")}
    if wanted is not None:
        if wanted not in usable:
            raise UnknownNameError("category with keypoints", wanted, usable)
        return usable[wanted]
    if len(usable) != 1:
        raise InvalidValueError(
            "choosing the category",
            f"{len(usable)} categories have keypoints ({', '.join(usable)})",
            "exactly one, or --category",
            "give --category NAME" if usable else "export with a keypoint skeleton",
        )
    return next(iter(usable.values()))


def _load(
    image: dict[str, Any], annotations: list[dict], folder: Path, columns: Mapping[int, int], embodiment: str
) -> FrameRecord:
    if not annotations:
        raise SkipFrame("no annotation")
    if len(annotations) > 1:
        raise SkipFrame("several hands in one image", f"{len(annotations)} annotations")
    flat = annotations[0].get("keypoints")
    if not isinstance(flat, list) or len(flat) % 3 or len(flat) <= 3 * max(columns):
        raise SkipFrame("wrong shape", f"keypoints of {len(flat) if isinstance(flat, list) else type(flat).__name__}")
    try:
        triples = np.array(flat, float).reshape(-1, 3)
    except (TypeError, ValueError) as error:
        raise SkipFrame("wrong shape", str(error)) from error
    uv, visibility = np.full((COUNT, 2), np.nan, np.float32), np.zeros(COUNT, np.uint8)
    for theirs, ours in columns.items():
        if triples[theirs, 2] not in _VISIBILITY:
            raise SkipFrame("wrong shape", f"visibility {triples[theirs, 2]:g}, expected 0, 1 or 2")
        visibility[ours] = _VISIBILITY[int(triples[theirs, 2])]
        uv[ours] = triples[theirs, :2]
    if not np.isfinite(uv[visibility > 0]).all():
        raise SkipFrame("not finite", "keypoints")
    if not visibility.any():
        raise SkipFrame("no mapped keypoint is labelled")
    pixels = read_image(folder / image["file_name"])
    return settle(
        FrameRecord(
            image=pixels, embodiment=embodiment, keypoints_uv=uv, visibility=visibility, source=str(image["file_name"])
        )
    )
