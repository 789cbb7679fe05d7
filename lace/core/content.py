"""Content digest of files and folders, with a cache of file hashes.

The hash of a file is taken from the cache folder while the file's size, times and inode are unchanged; otherwise the
file is read again.
"""

import hashlib
import os
import sqlite3
import stat
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from lace.core.cache import cache_dir

_CACHE_NAME = "content.sqlite"
_SETTLED_NS = 2_000_000_000
"""A file changed less than this ago may change again within one tick of its file system's clock: not remembered."""
_MISSING = "missing"


def content_of(paths: Iterable[str | Path]) -> str:
    """Hex digest of the files' content, in order; their locations do not matter.

    Args:
        paths: Files and folders. A folder stands for all files below it with their names in it, sorted. A path that
            does not exist counts as such: it has another digest once it does.
    """
    total = hashlib.sha256()
    with _memory() as memory:
        for path in map(Path, paths):
            for name, file in _files(path):
                total.update(f"{name}\0{_digest(file, memory)}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    if not os.path.isdir(path):  # unlike Path.is_dir, no error for names that are too long
        yield "", path
        return
    yield "folder", path  # an empty folder is not a missing one
    for root, folders, names in os.walk(path, followlinks=True):
        folders[:] = sorted(name for name in folders if not _is_above(Path(root) / name))
        for name in sorted(names):
            file = Path(root) / name
            yield file.relative_to(path).as_posix(), file


def _is_above(folder: Path) -> bool:
    """Whether a folder is a link to one that it lies in: following it would not end."""
    if not folder.is_symlink():
        return False
    target = folder.resolve()
    return any(parent.resolve().is_relative_to(target) for parent in folder.parents)


def _digest(path: Path, memory: sqlite3.Connection | None) -> str:
    try:
        facts = path.stat()
        if path.is_dir():
            return "folder"
        if not stat.S_ISREG(facts.st_mode):
            return "not a regular file"  # a named pipe would wait for ever
    except (OSError, ValueError):  # ValueError: a null character in the name
        return _MISSING
    look = ":".join(map(str, (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)))
    key = os.fsencode(path.absolute())
    if memory is not None:
        with suppress(sqlite3.Error):
            row = memory.execute("SELECT digest FROM seen WHERE path = ? AND look = ?", (key, look)).fetchone()
            if row:
                return row[0]
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable: {error.errno}"
    if memory is not None and time.time_ns() - max(facts.st_mtime_ns, facts.st_ctime_ns) > _SETTLED_NS:
        with suppress(sqlite3.Error):
            memory.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (key, look, digest))
    return digest


@contextmanager
def _memory() -> Generator[sqlite3.Connection | None]:
    """The remembered digests; None where the cache folder cannot be used: then every file is read."""
    path = cache_dir() / _CACHE_NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=1.0)
        connection.execute("CREATE TABLE IF NOT EXISTS seen (path BLOB PRIMARY KEY, look TEXT, digest TEXT)")
    except (OSError, sqlite3.Error):
        yield None
        return
    with closing(connection):
        yield connection
        with suppress(sqlite3.Error):
            connection.commit()
