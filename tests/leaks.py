"""Does something that is done again and again leave anything behind? Live objects are counted and memory is read."""

import gc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from resource import getpagesize


@dataclass(frozen=True)
class Growth:
    """What is there after many times that was not there after some."""

    objects: Counter
    """Live objects that the garbage collector tracks, by kind; kinds that did not grow are left out."""
    memory_MiB: float
    """Of the process, as the kernel has it now (not its peak)."""


def growth(work: Callable[[], None], warm_up: int, times: int) -> Growth:
    """Does `work` `warm_up` times, looks, does it `times` more and looks again."""

    def look() -> tuple[Counter, float]:
        gc.collect()
        kinds = Counter(f"{type(thing).__module__}.{type(thing).__qualname__}" for thing in gc.get_objects())
        return kinds, int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize() / 2**20

    for _ in range(warm_up):
        work()
    first = look()  # is there while the second look counts, as the second is while the third counts
    objects, memory = look()
    del first
    for _ in range(times):
        work()
    later, now = look()
    return Growth(later - objects, now - memory)
