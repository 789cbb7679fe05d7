"""Where fetched and built assets live, and how a folder appears there whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def cache_dir() -> Path:
    """The cache folder: $LACE_CACHE, else ~/.cache/lace."""
    root = os.environ.get("LACE_CACHE")
    return Path(root) if root else Path.home() / ".cache" / "lace"


def built_folder(name: str, build: Callable[[Path], None]) -> Path:
    """Folder `name` in the cache, made by `build(temporary folder)` if it is not there yet.

    The folder is renamed into place when whole, so a kill or a second process never leaves half of one.
    """
    folder = cache_dir() / name
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        build(scratch)
        try:
            scratch.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder
