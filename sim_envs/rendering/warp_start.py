"""Importing this starts Warp without its banner, and without its complaint where there is no NVIDIA driver.

Isaac Lab starts Warp when it is imported, so whoever imports Isaac Lab imports this before.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import warp as wp


def start_warp() -> None:
    """Initialises Warp. Where there is a driver, everything from warnings upwards comes through."""
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
def silenced_stderr() -> Iterator[None]:
    """Drops what is written to file descriptor 2 meanwhile, also by C code; exceptions pass."""
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
