"""A run folder belongs to one configuration: the same command resumes it, another one is refused."""

import json
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lace.core import store
from lace.core.errors import DatasetError
from lace.core.files import TEMPORARY_SUFFIX, file_size, publish_bytes, read_bytes
from lace.core.lock import LOCK_NAME, locked_folder
from lace.core.parts import WHOLE, Part

_SHOWN = 6
"""How many differing fields a message names."""
_VALUE_LENGTH = 60
_CLAIM_S = 60.0
"""How long a part waits for others that claim the folder at the same moment [s]."""


@dataclass(frozen=True)
class RunIdentity:
    """What the content of a folder is made from, as a JSON file in that folder."""

    path: Path
    """The JSON file ("OUT/dataset.json"); its folder is the run's."""
    what: str
    """What the folder holds ("a dataset"), for messages."""
    origin: Mapping[str, Any]
    """Configuration, versions, commit, ...; JSON values, paths are stored as text."""
    compared: tuple[str, ...] = ("config",)
    """Entries of `origin` that must be the same on resume."""
    may_change: tuple[str, ...] = ()
    """Fields inside those entries that may differ on resume, by dotted name without the entry's ("workers")."""

    @contextmanager
    def opened(self, part: Part = WHOLE) -> Generator[None]:
        """Claims the folder, and holds its lock so that no second run can write to it.

        If the run fails without a result, its identity file and empty folders are removed. Parts of one run share the
        folder with each other, each at most once, and never remove the file.

        Raises:
            DatasetError: The folder holds something else, results of another origin, or another run is at work in it.
        """
        folder = self.path.parent
        if store.is_remote(folder):
            self._claim(part)
            yield
            return
        self._require_usable()
        made = not folder.exists()
        try:
            with locked_folder(folder, shared=bool(part)), _held_part(folder, part):
                self._claim(part)
                yield from self._withdrawn_if_nothing_came() if not part else _as_it_is()
        finally:
            if made and folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def _withdrawn_if_nothing_came(self) -> Generator[None]:
        try:
            yield
        except BaseException:
            if not self.has_results():
                self._withdraw()
            raise

    def check(self, claimed: bool = False) -> None:
        """Raises DatasetError where the folder cannot be used, or its results are of another origin.

        Args:
            claimed: Whether a folder without results counts too: another part of the run may be at work in it.
        """
        self._require_usable()
        if file_size(self.path) is None or not (claimed or self.has_results()):
            return
        changed = self.differences()
        if changed:
            more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
            raise DatasetError(
                f"opening {self.path.parent}",
                f"it holds {self.what} made with other values: {', '.join(changed[:_SHOWN])}{more}",
                "a new folder, or the same options, sources and packages to resume",
                "choose another --out, or go back to the old values",
            )

    def differences(self) -> list[str]:
        """Fields that differ from those in the file, as "name old -> new"."""
        there = self._read()
        missing = [name for name in self.compared if name not in there]
        if missing:
            raise DatasetError(
                f"opening {self.path.parent}",
                f"{self.path.name} has no {missing[0]!r}, so it was not written by this command",
                f"a new folder, or one that holds {self.what}",
                "choose another --out",
            )
        return changed_fields(self._compared_fields(there), self._compared_fields(self.origin), self.may_change)

    def has_results(self) -> bool:
        """Whether the folder holds any file besides the identity, locks and leftovers of killed writers."""
        if store.is_remote(self.path):
            return any(name != self.path.name for name in store.names(self.path.parent, below=True))
        return any(
            file != self.path
            and not file.name.startswith(LOCK_NAME)
            and not file.name.endswith(TEMPORARY_SUFFIX)
            and not file.is_dir()
            for file in self.path.parent.rglob("*")
        )

    def publish(self) -> None:
        """Writes the identity file, with the current values of the fields that may change."""
        publish_bytes(self.path, json.dumps(_as_json(self.origin), indent=1).encode())

    def _claim(self, part: Part) -> None:
        with locked_folder(self.path.parent, name=f"{LOCK_NAME}-claim", wait_s=_CLAIM_S) if part else nullcontext():
            self.check(claimed=bool(part))
            if file_size(self.path) is None or not (part or self.has_results()):
                self.publish()

    def _require_usable(self) -> None:
        folder = self.path.parent
        if file_size(self.path) is not None or not (store.is_remote(folder) or folder.exists()):
            return
        if not (store.is_remote(folder) or folder.is_dir()) or self.has_results():
            raise DatasetError(
                f"opening {folder}",
                f"it exists and is not {self.what}",
                "a new or empty folder",
                "choose another --out",
            )

    def _withdraw(self) -> None:
        self.path.unlink(missing_ok=True)
        folder = self.path.parent
        for below in sorted(folder.rglob("*"), reverse=True):
            if below.is_dir() and not any(below.iterdir()):
                below.rmdir()

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(read_bytes(self.path))
        except (ValueError, OSError, RecursionError) as error:
            content = error
        if not isinstance(content, dict):
            raise DatasetError(
                f"reading {self.path}",
                f"it is not a JSON object ({content if isinstance(content, Exception) else type(content).__name__})",
                f"what a run wrote that made {self.what}",
                "restore the file, or choose another --out",
            )
        return content

    def _compared_fields(self, origin: Mapping[str, Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for entry in self.compared:
            value = origin[entry]
            fields |= value if isinstance(value, Mapping) else {entry: value}
        return fields


def changed_fields(old: Mapping[str, Any], new: Mapping[str, Any], may_change: tuple[str, ...] = ()) -> list[str]:
    """Fields that differ between two configurations, as "name old -> new".

    Args:
        old: Nested mappings; compared as JSON, paths as text.
        new: Likewise.
        may_change: Dotted names of fields that are not compared; a name also stands for all fields inside it.
    """
    before, after = _flat(_as_json(old)), _flat(_as_json(new))
    return [
        f"{name} {_short(before, name)} -> {_short(after, name)}"
        for name in sorted(before.keys() | after.keys())
        if (name in before, before.get(name)) != (name in after, after.get(name))
        and not any(name == free or name.startswith(f"{free}.") for free in may_change)
    ]


def _held_part(folder: Path, part: Part) -> AbstractContextManager[None]:
    """The lock of one part: no second process makes it at the same time."""
    name = f"{LOCK_NAME}-part-{part.number}-of-{part.of}"
    return locked_folder(folder, "one run at a time of each part", name) if part else nullcontext()


def _as_it_is() -> Generator[None]:
    yield


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def _short(fields: Mapping[str, Any], name: str) -> str:
    text = json.dumps(fields[name], ensure_ascii=False) if name in fields else "(not there)"
    return text if len(text) <= _VALUE_LENGTH else text[: _VALUE_LENGTH - 3] + "..."
