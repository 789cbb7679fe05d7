"""Parts per second on Ray (this machine) and in our process pool, in turns in the same run: Ray's overhead.

    python benchmarks/ray_overhead.py --workers 2 --parts 64 --seconds 0.5 --rounds 3

A part burns a given amount of CPU time and publishes a file of 4 MB, as a shard does. Opening the workers is not
counted: it is seconds for both, and a simulator takes longer. A part costs CPU time, not waiting, so that the order of
the rounds and other jobs matter less; the median of the rounds' ratios is printed.
"""

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from lace.core.files import publish_bytes
from lace.core.workers import WorkerOptions, make_parts

PART_BYTES = 4_000_000


@dataclass
class Burner:
    """Makes parts of a given cost."""

    folder: Path
    seconds: float

    def make(self, number: int) -> int:
        """Burns CPU time and publishes a file."""
        end = time.process_time() + self.seconds
        while time.process_time() < end:
            pass
        publish_bytes(self.folder / f"part-{number}", np.random.default_rng(number).bytes(PART_BYTES))
        return number

    def close(self) -> None:
        """Holds nothing."""


def seconds_of(options: WorkerOptions, parts: int, seconds: float) -> float:
    """Time to make all parts once the first worker is open."""
    begun: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        made = make_parts(
            partial(Burner, Path(folder), seconds), range(parts), options, lambda: begun.append(time.perf_counter())
        )
        if sorted(number for number, _report in made) != list(range(parts)):
            raise AssertionError("a part was lost")
    return time.perf_counter() - begun[0]


def main() -> None:
    """Prints the times and the overhead, and a line of JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--parts", type=int, default=64)
    options.add_argument("--seconds", type=float, default=0.5)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    from lace.core.ray_pool import connected

    rounds = []
    with connected("local", given.workers):
        seconds_of(WorkerOptions(ray="auto"), given.workers, 0.01)  # starts Ray's workers
        for _ in range(given.rounds):
            pool = seconds_of(WorkerOptions(workers=given.workers), given.parts, given.seconds)
            on_ray = seconds_of(WorkerOptions(ray="auto"), given.parts, given.seconds)
            rounds.append((pool, on_ray))
            print(f"pool {pool:.2f} s, Ray {on_ray:.2f} s: {100 * (on_ray / pool - 1):+.1f} %", flush=True)
    overhead = statistics.median(on_ray / pool - 1 for pool, on_ray in rounds)
    print(json.dumps({"overhead": overhead, "rounds": rounds, "parts": given.parts, "seconds_each": given.seconds}))


if __name__ == "__main__":
    main()
