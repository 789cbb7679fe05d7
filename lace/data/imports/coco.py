"""Keypoints in COCO's format, as CVAT and FiftyOne export them, through a mapping that the user gives."""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeGuard

import numpy as np

from lace.core.counting import counted
from lace.core.errors import DatasetError, InvalidValueError, UnknownNameError
from lace.core.files import file_content, plain_text, require_no_pointer
from lace.core.frames import FrameRecord
from lace.core.keypoints import COUNT, INDEX, Visibility
from lace.data.imports.images import read_image, settle
from lace.data.imports.writing import Candidate, SkipFrame

_VISIBILITY = {0: Visibility.ABSENT, 1: Visibility.OCCLUDED, 2: Visibility.VISIBLE}
"""COCO's 0 means "not labelled": nothing is known of the point, so it is treated as absent."""
_LISTS = ("images", "annotations", "categories")


def parse_mapping(pairs: Sequence[str]) -> dict[str, str]:
    """{name in the file: our keypoint} from "NAME=keypoint" texts; each name and each keypoint at most once.

    Raises:
        InvalidValueError: A text without "=", a name or a keypoint given twice, or no text at all.
        UnknownNameError: A keypoint that is not one of ours.
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
    """Every image of the file with its annotations of the chosen category; malformed entries are skipped candidates.

    Args:
        file: COCO keypoint json.
        images: Folder of its images.
        mapping: {keypoint name in the file: ours}.
        embodiment: Name the frames get.
        category: Which category; None where only one has keypoints.

    Raises:
        DatasetError: The file is not COCO.
        UnknownNameError: The file has no such category, or the category no such keypoint.
    """
    file, folder = Path(file), Path(images)
    document = _document(file)
    chosen = _category(file, document["categories"], category)
    names = list(chosen["keypoints"])
    unknown = [name for name in mapping if name not in names]
    if unknown:
        raise UnknownNameError(f"keypoint of category {chosen['name']!r}", unknown[0], names)
    columns = {names.index(name): INDEX[ours] for name, ours in mapping.items()}
    annotations, found = _by_image(document["annotations"], chosen["id"])
    times = Counter(image["id"] for image in document["images"] if _is_image(image))
    for number, image in enumerate(document["images"]):
        if not _is_image(image):
            found.append(_skipped(f"images[{number}]", "malformed image entry", repr(image)[:80]))
        elif times[image["id"]] > 1:
            found.append(_skipped(image["file_name"], "image id twice", f"id {image['id']}"))
        else:
            load = partial(_load, image, annotations.pop(image["id"], []), folder, columns, embodiment)
            path = folder / image["file_name"]
            sources = (file,) if os.path.isdir(path) else (file, path)
            found.append(Candidate(plain_text(image["file_name"]), load, sources=sources))
    orphans = [(key, some) for key, some in annotations.items() if key not in times]
    found += [_skipped(f"annotations of image {key}", "no image of that id") for key, _ in orphans]
    return found


def _by_image(annotations: Sequence[Any], category: Any) -> tuple[dict[Any, list[dict]], list[Candidate]]:
    """{image id: annotations of the category}, and a skipped candidate for each malformed annotation."""
    of_image: dict[Any, list[dict]] = {}
    malformed = []
    for number, annotation in enumerate(annotations):
        if not isinstance(annotation, dict) or not _is_id(annotation.get("image_id")):
            detail = repr(annotation)[:80]
            malformed.append(_skipped(f"annotations[{number}]", "malformed annotation entry", detail))
        elif _is_id(annotation.get("category_id")) and annotation["category_id"] == category:
            of_image.setdefault(annotation["image_id"], []).append(annotation)
    return of_image, malformed


def _is_id(value: Any) -> TypeGuard[int | float | str]:
    return (
        isinstance(value, (int, str)) and not isinstance(value, bool) or isinstance(value, float) and value.is_integer()
    )


def _is_image(image: Any) -> bool:
    good = isinstance(image, dict) and _is_id(image.get("id"))
    return good and isinstance(image.get("file_name"), str) and image["file_name"] != ""


def _skipped(name: str, reason: str, detail: str = "") -> Candidate:
    def load() -> NoReturn:
        raise SkipFrame(reason, plain_text(detail))

    return Candidate(plain_text(name), load)


def _document(path: Path) -> dict[str, Any]:
    doing, next_step = f"reading {path}", "export it again as COCO keypoints (CVAT: 'COCO Keypoints 1.0')"
    try:
        content = file_content(path)
    except (OSError, ValueError) as error:
        reason = f"it cannot be read ({getattr(error, 'strerror', None) or error})"
        raise DatasetError(doing, reason, "a COCO json file", "check the path") from error
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        require_no_pointer(path, doing)
        raise DatasetError(doing, f"it is not JSON ({error})", "a COCO json file", next_step) from error
    for key in _LISTS:
        if not isinstance(document, dict) or not isinstance(document.get(key), list):
            raise DatasetError(doing, f"{key!r} is absent or not a list", f"lists {', '.join(_LISTS)}", next_step)
    return document


def _category(path: Path, categories: Sequence[Any], wanted: str | None) -> dict[str, Any]:
    usable = {category["name"]: category for category in categories if _has_keypoints(category)}
    if not usable:
        raise DatasetError(
            f"reading {path}", "no category has keypoints", "one with a keypoint skeleton", "export with one"
        )
    if wanted is not None:
        if wanted not in usable:
            raise UnknownNameError("category with keypoints", wanted, usable)
        return usable[wanted]
    if len(usable) != 1:
        raise InvalidValueError(
            "choosing the category",
            f"{counted(len(usable), 'category with keypoints', 'categories with keypoints')} ({', '.join(usable)})",
            "exactly one, or --category",
            "give --category NAME",
        )
    return next(iter(usable.values()))


def _has_keypoints(category: Any) -> bool:
    if not isinstance(category, dict) or not isinstance(category.get("name"), str) or not _is_id(category.get("id")):
        return False
    names = category.get("keypoints")
    return isinstance(names, list) and bool(names) and all(isinstance(name, str) for name in names)


def _load(
    image: dict[str, Any], annotations: list[dict], folder: Path, columns: Mapping[int, int], embodiment: str
) -> FrameRecord:
    if not annotations:
        raise SkipFrame("no annotation")
    if len(annotations) > 1:
        raise SkipFrame("several hands in one image", f"{len(annotations)} annotations")
    uv, visibility = _keypoints(annotations[0].get("keypoints"), columns)
    pixels = read_image(folder / image["file_name"], _size(image))
    source = plain_text(image["file_name"])
    return settle(
        FrameRecord(image=pixels, embodiment=embodiment, keypoints_uv=uv, visibility=visibility, source=source)
    )


def _keypoints(flat: Any, columns: Mapping[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(uv (21, 2), visibility (21,)) of COCO's flat x, y, v; SkipFrame where it is anything else."""
    if not isinstance(flat, list) or len(flat) % 3 or len(flat) <= 3 * max(columns):
        raise SkipFrame("wrong shape", f"keypoints of {len(flat) if isinstance(flat, list) else type(flat).__name__}")
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in flat):
        raise SkipFrame("wrong shape", "keypoints that are not numbers")
    uv, visibility = np.full((COUNT, 2), np.nan, np.float32), np.zeros(COUNT, np.uint8)
    for theirs, ours in columns.items():
        u, v, flag = flat[3 * theirs : 3 * theirs + 3]
        if flag not in _VISIBILITY:
            raise SkipFrame("wrong shape", f"visibility {str(flag)[:20]}, expected 0, 1 or 2")
        visibility[ours] = _VISIBILITY[int(flag)]
        if flag and not max(abs(u), abs(v)) < np.finfo(np.float32).max:
            raise SkipFrame("not finite", "keypoints")
        if flag:
            uv[ours] = u, v
    if not visibility.any():
        raise SkipFrame("no mapped keypoint is labelled")
    return uv, visibility


def _size(image: dict[str, Any]) -> tuple[int, int] | None:
    """(width, height) [px] that the file says, None where it says none."""
    width, height = image.get("width"), image.get("height")
    if (width, height) in ((None, None), (0, 0)):
        return None
    if not (_is_id(width) and _is_id(height)) or isinstance(width, str) or isinstance(height, str):
        raise SkipFrame("malformed image entry", f"width and height {(width, height)}"[:80])
    return int(width), int(height)
