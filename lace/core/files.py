"""Files that are published whole: temporary name, fsync, rename."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lace.core.errors import DatasetError

TEMPORARY_SUFFIX = ".part"


def publish_bytes(path: str | Path, content: bytes) -> None:
    """Writes `content` to `path` so that a crash leaves the old file or the new one, never a part of one."""
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    with _published_or_removed(path, temporary):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync(path.parent)


@contextmanager
def _published_or_removed(path: Path, temporary: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DatasetError(
            f"writing {path}",
            f"{error.strerror or error} (errno {error.errno})",
            f"a folder that can be written, with room for the file ({path.parent})",
            "make room or mend the permissions, then run the same command again: finished shards are kept",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: str | Path) -> int:
    """Deletes the temporary files that killed writers left in `folder`; returns how many.

    Call it before any writer starts: a running writer's file would go too.
    """
    left = list(Path(folder).glob(f"*{TEMPORARY_SUFFIX}"))
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
