"""Importing this starts Warp without its banner, and without its warning where there is no NVIDIA driver.

Isaac Lab starts Warp when it is imported, so import this file before Isaac Lab.
"""

import ctypes
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager

import warp as wp

import sim_envs.rendering.newton_start  # noqa: F401
from lace.core.cache import require_cache, share_cache


def start_warp() -> None:
    """Initialises Warp, its kernel cache below $LACE_CACHE if that is set; with a driver its warnings are shown.

    Raises:
        AssetError: The kernel cache cannot be written.
    """
    share_cache()
    if "WARP_CACHE_PATH" not in os.environ:
        require_cache()  # Warp's own folder lies beside ours and ends with a traceback
    wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)
    if has_driver():
        wp.init()
        return
    # Warp 1.17 prints from C whatever its log level (native/cuda_util.cpp: init_cuda_driver); no setting stops it.
    with silenced_stderr():
        wp.init()


def has_driver() -> bool:
    """Whether NVIDIA's driver library loads, under either of the names that Warp tries."""
    for name in ("libcuda.so", "libcuda.so.1"):
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


@contextmanager
def silenced_stderr() -> Generator[None]:
    """Discards what is written to file descriptor 2 inside the block, also by C code."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


start_warp()
