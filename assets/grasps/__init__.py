"""Grasps by hand and target, found by `lace assets find-grasp` and stored with their success rates."""

import json
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from assets.objects import OBJECTS
from lace.core.errors import InvalidValueError
from lace.core.files import publish_bytes, reading
from lace.core.grasp import Grasp

DEFAULT = "default"
"""The power grasp used for objects without a grasp of their own."""
LEAP = "xarm7_leap"
"""The hand of which grasps are asked for where none is named."""
_FILE = Path(__file__).parent / "grasps.json"


def grasp_for(target: str, embodiment: str = LEAP, own: Path | None = None) -> Grasp:
    """The grasp found for a hand and a target, or the hand's default one.

    Args:
        target: Name of the object.
        embodiment: Name of the hand's embodiment.
        own: `Robot.grasps` of a robot of the user's own, or None.

    Raises:
        InvalidValueError: Nothing was found for this hand yet.
    """
    for file, name in (file_of(target, own), file_of(DEFAULT, own)):
        rows = _rows(file).get(embodiment, {})
        if name in rows:
            with reading(file, f"a grasp of {name!r}", "restore the file, or search again"):
                return from_json(rows[name])
    known = ", ".join(targets_of(embodiment, own))
    raise InvalidValueError(
        f"looking for a grasp of {target!r}",
        f"none is stored for {embodiment!r}" + f", which has those of {known}" * bool(known),
        "a target with a grasp for this hand, or a default grasp",
        f"search one for any target: lace assets find-grasp default --embodiment {embodiment}",
    )


def content_of_grasps(targets: Iterable[str], embodiment: str = LEAP, own: Path | None = None) -> str:
    """Hex digest of the grasps that a hand has for `targets`: what a search changes; their test figures do not count.

    Raises:
        InvalidValueError: The hand has no grasp for one of them.
    """
    rows = [to_json(grasp_for(target, embodiment, own)) for target in targets]
    moves = [{name: row[name] for name in ("T_table_palm", "open", "closed")} for row in rows]
    return sha256(json.dumps(moves).encode()).hexdigest()


def targets_of(embodiment: str, own: Path | None = None) -> tuple[str, ...]:
    """Targets with a grasp of their own, for a hand."""
    return tuple(_rows(own or _FILE).get(embodiment, {}))


def file_of(target: str, own: Path | None = None) -> tuple[Path, str]:
    """The file where grasps of `target` are kept, and its name there: of the user's own mesh, a file beside it."""
    known = target in OBJECTS and OBJECTS[target].grasps
    return known or (own or _FILE, target)


def is_stored(target: str, embodiment: str, own: Path | None = None) -> bool:
    """Whether a hand has a grasp for just this target, not its default one."""
    file, name = file_of(target, own)
    return name in _rows(file).get(embodiment, {})


def store(grasp: Grasp, own: Path | None = None, always: bool = False) -> Path | None:
    """Keeps a grasp of `grasp.target` if it is better than the one that is there (or always); its file, or None."""
    file, name = file_of(grasp.target, own)
    hands = _rows(file)
    old = hands.get(grasp.embodiment, {}).get(name)
    if not always and old is not None and grasp.successes / grasp.trials <= old["successes"] / old["trials"]:
        return None
    rows = hands.get(grasp.embodiment, {}) | {name: to_json(grasp)}
    hands = hands | {grasp.embodiment: dict(sorted(rows.items()))}
    publish_bytes(file, (json.dumps(hands, indent=1) + "\n").encode())
    return file


def _rows(file: Path) -> dict[str, dict[str, dict]]:
    """Embodiment -> target -> row."""
    return _read(file, file.stat().st_mtime_ns) if file.is_file() else {}


@cache
def _read(file: Path, _changed_ns: int) -> dict[str, dict[str, dict]]:
    with reading(file, "grasps that `lace assets find-grasp` wrote", "restore the file, or search again"):
        hands = json.loads(file.read_bytes())
        return {hand: {target: dict(row) for target, row in rows.items()} for hand, rows in hands.items()}


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
