"""Files: published whole (temporary name, fsync, rename), in folders and in object stores; named in plain text."""

import errno
import fnmatch
import os
import secrets
import stat
from collections.abc import Collection, Generator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from lace.core import store
from lace.core.errors import DatasetError, LaceError

TEMPORARY_SUFFIX = ".part"
_LFS = b"version https://git-lfs.github.com/spec/"
"""How a pointer of Git LFS begins."""


def publish_bytes(path: str | Path, content: bytes) -> None:
    """Writes `content` to `path`; a crash leaves the old file or the new one, never a part of one.

    Raises:
        DatasetError: The file cannot be written.
    """
    path = Path(path)
    if store.is_remote(path):
        store.write(path, content)
        return
    # Not the process number alone: two machines that share the folder may have equal ones.
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(3)}{TEMPORARY_SUFFIX}")
    with _published_or_removed(path, temporary):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync(path.parent)


def read_bytes(path: str | Path) -> bytes:
    """Content of a file; FileNotFoundError if there is none."""
    return store.read(path) if store.is_remote(path) else Path(path).read_bytes()


def file_content(path: str | Path) -> bytes:
    """Content of a local file that others made; a named pipe or a device is an error: reading one can wait for ever.

    Raises:
        OSError: There is no such file, or it cannot be read.
    """
    _require_regular(path)
    return Path(path).read_bytes()


def _require_regular(path: str | Path) -> None:
    mode = Path(path).stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "not a regular file (a pipe, a socket or a device)", str(path))


@contextmanager
def reading(
    path: str | Path, expected: str, next_step: str, kind: type[LaceError] = DatasetError, doing: str = ""
) -> Generator[None]:
    """Around what takes a file's content apart: whatever is wrong in it becomes one error of `kind`; a pipe is refused.

    Args:
        path: Of the file.
        expected: What it should hold ("a checkpoint of this run").
        next_step: What the user can do.
        kind: Of the error.
        doing: What was being done; "reading PATH" by default.
    """
    try:
        if not store.is_remote(path) and Path(path).exists():
            _require_regular(path)
        yield
    except LaceError:
        raise
    except Exception as error:  # parsers of damaged content raise anything, errors of their own kinds too
        require_no_pointer(path, doing or f"reading {plain_text(str(path))}", kind)
        said = f"{error} is missing" if isinstance(error, KeyError) else str(error).strip() or "it is not complete"
        found = f"it does not read ({type(error).__name__}: {' '.join(said.split())[:MOST_CHARACTERS]})"
        raise kind(doing or f"reading {plain_text(str(path))}", found, expected, next_step) from error


MOST_CHARACTERS = 400
"""Of what a parser says; the names of a few weights that do not fit are in it."""


def file_size(path: str | Path) -> int | None:
    """Bytes of a file; None if there is none."""
    if store.is_remote(path):
        return store.size(path)
    return Path(path).stat().st_size if Path(path).is_file() else None


def file_names(folder: str | Path, pattern: str = "*") -> list[str]:
    """Sorted names of the files directly in a folder that match; none if there is no folder."""
    folder = Path(folder)
    if store.is_remote(folder):
        found = store.names(folder)
    else:
        with os.scandir(folder) if folder.is_dir() else nullcontext([]) as entries:
            found = [entry.name for entry in entries if entry.is_file()]
    return sorted(fnmatch.filter(found, pattern))


def make_folder(folder: str | Path) -> None:
    """Makes a folder and those above it; object stores need none."""
    if not store.is_remote(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)


def remove_file(path: str | Path) -> None:
    """Deletes a file, if there is one."""
    if store.is_remote(path):
        store.remove(path)
    else:
        Path(path).unlink(missing_ok=True)


@contextmanager
def _published_or_removed(path: Path, temporary: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise DatasetError(
            f"writing {path}",
            f"{error.strerror or error} (errno {error.errno})",
            f"a folder that can be written, with room for the file ({path.parent})",
            "free some space or change the permissions, then run the same command again: finished work is kept",
        ) from error
    finally:
        with suppress(OSError):  # on a read-only file system even this is an error
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder: str | Path, of: Collection[str] | None = None) -> int:
    """Deletes the temporary files that killed writers left in `folder`; returns how many.

    Call it before any writer starts: it deletes a running writer's file too.

    Args:
        folder: Where files are published.
        of: Names of the files whose temporary ones go; all by default.
    """
    if store.is_remote(folder):
        return 0  # what a killed writer began there never becomes an object
    left = [
        path
        for path in Path(folder).glob(f"*{TEMPORARY_SUFFIX}")
        if of is None or path.name.removesuffix(TEMPORARY_SUFFIX).rpartition(".")[0] in of
    ]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def walk(folder: str | Path) -> Generator[Path]:
    """Files below `folder` in no special order; linked folders are followed, each folder is entered once."""
    entered: set[tuple[int, int]] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        facts = os.stat(root)
        if (facts.st_dev, facts.st_ino) in entered:
            folders.clear()
            continue
        entered.add((facts.st_dev, facts.st_ino))
        yield from (path for name in names if (path := Path(root) / name).is_file())


def is_lfs_pointer(content: bytes) -> bool:
    """Whether a file's content is the pointer that Git LFS leaves where the file itself was not fetched."""
    return content.startswith(_LFS)


def require_no_pointer(path: str | Path, doing: str, kind: type[LaceError] = DatasetError) -> None:
    """Raises `kind` where a local file, or one directly in a local folder, is a pointer of Git LFS.

    Called where content did not read: the remedy is then another than for a damaged file.
    """
    if store.is_remote(path):
        return
    path = Path(path)
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in filter(Path.is_file, files):
        with file.open("rb") as opened:
            start = opened.read(len(_LFS))
        if is_lfs_pointer(start):
            name = plain_text(file.name)
            raise kind(doing, f"{name} is a Git LFS pointer", "the file itself", "run `git lfs pull` in its repository")


def plain_text(name: str) -> str:
    """The name with bytes that are not UTF-8 (lone surrogates in Python) written out as backslash escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
