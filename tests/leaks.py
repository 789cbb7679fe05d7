"""Detects leaks of repeated work: counts live objects and measures memory."""

import gc
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROUNDS = 4
"""A leak grows in every round; a single larger allocation does not."""
OWN = ("RssAnon:", "RssShmem:", "VmSwap:")
"""Kinds of memory [kB] that can leak."""


@dataclass(frozen=True)
class Growth:
    """Growth in every one of ROUNDS rounds: ROUNDS times the smallest growth of a round."""

    objects: Counter
    """Live objects that the garbage collector tracks, by kind; kinds that did not grow in every round are omitted."""
    memory_MiB: float
    """The process's own memory when measured (not the peak), resident or swapped out, without pages of files."""


def growth(work: Callable[[], None], warm_up: int, times: int) -> Growth:
    """Does `work` `warm_up` times, then ROUNDS rounds of it, at least `times` in all, and measures after each."""

    def look() -> str:
        gc.collect()
        kinds = Counter(f"{type(thing).__module__}.{type(thing).__qualname__}" for thing in gc.get_objects())
        said = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
        memory = sum(int(words[1]) for words in said if words[0] in OWN) / 1024
        return json.dumps([kinds, memory])  # strings are not tracked: a stored snapshot does not count in the next one

    for _ in range(warm_up):
        work()
    looks = [look()]
    for _ in range(ROUNDS):
        for _ in range(-(-times // ROUNDS)):
            work()
        looks.append(look())
    seen = [(Counter(kinds), memory) for kinds, memory in map(json.loads, looks)]
    rounds = [(later[0] - before[0], later[1] - before[1]) for before, later in pairwise(seen)]
    kinds = set.intersection(*(set(objects) for objects, _memory in rounds))
    least = {kind: ROUNDS * min(objects[kind] for objects, _memory in rounds) for kind in kinds}
    return Growth(Counter(least), ROUNDS * min(memory for _objects, memory in rounds))
