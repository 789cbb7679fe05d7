"""Python's collector of reference cycles: a simulator's million objects, of which none is garbage, are not searched.

Of the 9 s to a first frame 2 s went into that search, and 3 s more into another one when the process ended.
"""

import atexit
import gc
from collections.abc import Generator
from contextlib import contextmanager

ALLOCATIONS = 10_000
"""New objects after which the young are searched; Python's own number is 700."""


def collect_seldom() -> None:
    """Sets the collector up in a process of ours; nothing is searched at its end, when the system frees all memory."""
    gc.set_threshold(ALLOCATIONS)
    atexit.register(gc.freeze)


@contextmanager
def older_spared() -> Generator[None]:
    """Inside the block only objects made in it are searched, also by a library's `gc.collect()`."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def not_collecting() -> Generator[None]:
    """Inside the block nothing is searched, and what it made counts as old: imports make much and no garbage."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()  # into the oldest generation, without a search
        if collects:
            gc.enable()
