"""A lock on a folder: held by one process, released by the operating system when that process ends in any way."""

import errno
import fcntl
import logging
import os
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from lace.core.errors import DatasetError
from lace.core.store import is_remote

LOCK_NAME = ".lock"
_log = logging.getLogger(__name__)
_RETRY_S = 0.02
_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)
"""What file systems without locks answer."""


class FolderInUseError(DatasetError):
    """Another process holds the lock of a folder."""


@contextmanager
def locked_folder(
    folder: str | Path,
    expected: str = "one run at a time in a folder",
    name: str = LOCK_NAME,
    wait_s: float = 0.0,
    shared: bool = False,
) -> Generator[None]:
    """Holds the lock file `folder`/`name`; it is removed at the end.

    A file system without locks gives a warning and no protection; an object store gives none.

    Args:
        folder: Made if it is not there.
        expected: What a second process is told.
        name: Of the lock file.
        wait_s: How long to wait for the lock [s].
        shared: Whether other processes that also share may hold it at the same time; one that does not share may not.

    Raises:
        FolderInUseError: Another process holds the lock.
        DatasetError: The folder cannot be written.
    """
    if is_remote(folder):
        yield  # stores have no locks; what two runs of one configuration publish there is the same
        return
    path = Path(folder) / name
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    descriptor = _awaited(path, expected, kind, time.monotonic() + wait_s)
    try:
        yield
    finally:
        if not shared or _is_last(descriptor):
            path.unlink(missing_ok=True)
        os.close(descriptor)


def _is_last(descriptor: int) -> bool:
    """Whether no other process shares the lock; it is then held by this one alone."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _awaited(path: Path, expected: str, kind: int, deadline: float) -> int:
    while True:
        try:
            return _acquired(path, expected, kind)
        except FolderInUseError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_RETRY_S)


def _acquired(path: Path, expected: str, kind: int) -> int:
    """Descriptor of the locked file. A file that its holder removed in between is opened again."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise DatasetError(
                f"opening {path.parent}",
                f"it cannot be written: {error.strerror} (errno {error.errno})",
                "a folder that can be written",
                "change its permissions, or choose another folder",
            ) from error
        if _lock(descriptor, path, expected, kind):
            return descriptor
        os.close(descriptor)


def _lock(descriptor: int, path: Path, expected: str, kind: int) -> bool:
    """Whether the locked file is still the one at `path`."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(descriptor, 200).decode("utf-8", "replace").strip() or "unknown"
        os.close(descriptor)
        raise FolderInUseError(
            f"opening {path.parent}",
            f"another process is at work in it ({holder})",
            expected,
            "wait until it ends or end it, or choose another folder",
        ) from error
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            os.close(descriptor)
            raise
        _log.warning("%s: the file system has no locks; do not start a second run there", path.parent)
    try:
        if os.stat(path).st_ino != os.fstat(descriptor).st_ino:
            return False
    except FileNotFoundError:
        return False
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
    return True
