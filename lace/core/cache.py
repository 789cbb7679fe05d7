"""The cache folder: where fetched and built assets are kept, and how a folder is published there.

$LACE_CACHE moves it. The caches of Warp, Hugging Face and Matplotlib then go below it too, unless their own variables
(WARP_CACHE_PATH, HF_HOME, MPLCONFIGDIR) are set.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from lace.core.errors import AssetError

_OTHERS = {"WARP_CACHE_PATH": "warp", "HF_HOME": "huggingface", "MPLCONFIGDIR": "matplotlib"}
"""Variable of another library -> folder in ours."""


def cache_dir() -> Path:
    """The cache folder: $LACE_CACHE, else ~/.cache/lace."""
    root = os.environ.get("LACE_CACHE")
    return Path(root) if root else Path.home() / ".cache" / "lace"


def share_cache() -> None:
    """Moves the caches of other libraries below $LACE_CACHE if it is set; call it before they are imported."""
    if os.environ.get("LACE_CACHE"):
        for variable, folder in _OTHERS.items():
            os.environ.setdefault(variable, str(cache_dir().absolute() / folder))


def require_cache() -> None:
    """Raises AssetError if the cache folder cannot be written; says how to move it."""
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise AssetError(
            f"opening the cache {folder}",
            f"it cannot be written: {error.strerror or error} (errno {error.errno})",
            "a folder for fetched assets and compiled kernels",
            "set LACE_CACHE to a folder that can be written; the caches of Warp (WARP_CACHE_PATH) and Hugging Face "
            "(HF_HOME) then go below it too",
        ) from error


def built_folder(name: str, build: Callable[[Path], None]) -> Path:
    """Folder `name` in the cache, made by `build(temporary folder)` if it is not there yet.

    The folder is renamed into place when complete, so neither a kill nor a second process leaves a part of one.

    Raises:
        AssetError: The cache cannot be written.
    """
    folder = cache_dir() / name
    if folder.is_dir():
        return folder
    require_cache()
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
