"""The folder of a run: claimed by one configuration, so that the same command resumes it and another one is refused."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lace.core.errors import DatasetError
from lace.core.files import publish_bytes


def claim_folder(path: Path, what: str, origin: dict[str, Any], compared: Sequence[str] = ("config",)) -> None:
    """Makes the folder of `path` if it is not there and writes `origin` into `path`, or checks what was written before.

    Args:
        path: The JSON file that says where the folder's content is from.
        what: What the folder holds ("a dataset"), for messages.
        origin: Configuration, versions, commit, ...
        compared: Entries of `origin`, dictionaries, that must not have changed.

    Raises:
        DatasetError: The folder holds something else, or `what` of another origin.
    """
    out = path.parent
    if path.is_file():
        there = json.loads(path.read_text())
        for name in compared:
            _require_same(out, f"{what} with other", name, there[name], origin[name])
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DatasetError(
            f"opening {out}", f"it exists and is not {what}", "a new or empty folder", "choose another --out"
        )
    out.mkdir(parents=True, exist_ok=True)
    publish_bytes(path, json.dumps(origin, indent=1).encode())


def _require_same(out: Path, holds: str, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    changed = sorted(name for name in old | new if old.get(name) != new.get(name))
    if changed:
        raise DatasetError(
            f"opening {out}",
            f"it holds {holds} {name}: {', '.join(changed)}",
            "a new folder, or the same options and packages to resume",
            "choose another --out, or go back to the old ones",
        )
