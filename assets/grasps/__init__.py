"""Grasps by target, found by `tools/grasp_search.py` and stored with their success rates."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

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
    return stored()[target if target in stored() else DEFAULT]


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
