"""Rows of tables in several processes or on Ray: each leaves its result on disk, and the table then reads them all."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lace.core.lock import LOCK_NAME
from lace.core.progress import Meter, progress_bar
from lace.core.workers import WorkerOptions, make_parts

Row = Callable[[Any], object]
"""Makes the row of a task, or finds it finished, and leaves its result on disk."""


@dataclass
class RowMaker:
    """Implements `lace.core.workers.Maker`."""

    row: Row

    def make(self, task: Any) -> None:
        """Makes one row."""
        self.row(task)

    def close(self) -> None:
        """Holds nothing."""


def _open(build: Callable[[], Row]) -> RowMaker:
    return RowMaker(build())


def make_rows(build: Callable[[], Row], tasks: Sequence[Any], options: WorkerOptions, out: Path, named: str) -> None:
    """Makes rows beside each other; does nothing for one process, where the table makes them one after the other.

    Args:
        build: Opens what makes rows; picklable.
        tasks: What a row is called with, once each.
        options: Where.
        out: Folder of the tables, which this process has locked; every machine must see it.
        named: What a task is called in progress and errors ("policy").
    """
    if not options.ray and options.workers == 1:
        return
    meter = Meter("rows")
    made = make_parts(partial(_open, build), tasks, options, lambda: meter.start(0), named, out / LOCK_NAME)
    with progress_bar(named, meter=meter) as advance, closing(made) as rows:
        for done, (task, _report) in enumerate(rows, 1):
            advance(done, len(tasks), str(task))
