"""Grasps by target, found by `lace assets find-grasp` and stored with their success rates."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from assets.objects import OBJECTS
from lace.core.files import publish_bytes
from lace.core.grasp import Grasp

DEFAULT = "default"
"""The power grasp used for objects without a grasp of their own."""
_FILE = Path(__file__).parent / "grasps.json"


@cache
def stored() -> dict[str, Grasp]:
    """All grasps by target."""
    return {name: from_json(row) for name, row in json.loads(_FILE.read_text()).items()}


def grasp_for(target: str) -> Grasp:
    """The grasp found for `target`, or the default one."""
    file, name = file_of(target)
    if file == _FILE or not file.is_file():
        return stored()[name if name in stored() else DEFAULT]
    rows = json.loads(file.read_text())
    return from_json(rows[name]) if name in rows else stored()[DEFAULT]


def file_of(target: str) -> tuple[Path, str]:
    """The file where grasps of `target` are kept, and its name there: of the user's own mesh, a file beside it."""
    known = target in OBJECTS and OBJECTS[target].grasps
    return known or (_FILE, target)


def store(grasp: Grasp) -> Path | None:
    """Keeps a grasp of `grasp.target` if it is better than the one that is there; its file, or None."""
    file, name = file_of(grasp.target)
    rows = json.loads(file.read_text()) if file.is_file() else {}
    old = rows.get(name)
    if old is not None and grasp.successes / grasp.trials <= old["successes"] / old["trials"]:
        return None
    publish_bytes(file, (json.dumps(dict(sorted((rows | {name: to_json(grasp)}).items())), indent=1) + "\n").encode())
    return file


def to_json(grasp: Grasp) -> dict:
    """Plain values, poses to a tenth of a millimetre and a tenth of a milliradian."""
    return {
        name: np.round(value, 4).tolist() if isinstance(value, np.ndarray) else value
        for name, value in vars(grasp).items()
    }


def from_json(row: dict) -> Grasp:
    """The inverse of `to_json`."""
    fields: dict[str, Any] = {
        name: np.array(value) if isinstance(value, list) else value for name, value in row.items()
    }
    return Grasp(**fields)
