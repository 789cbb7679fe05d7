"""One progress display for all long work: a bar on a terminal, log lines elsewhere; both with rate and time to go."""

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_log = logging.getLogger(__name__)
LINE_EVERY_S = 10.0
"""Least time between two lines where there is no terminal [s]."""


@dataclass
class Meter:
    """Rate and time to go of work in progress; work that earlier runs did has no part in the rate."""

    unit: str
    clock: Callable[[], float] = time.monotonic
    _start: float | None = field(default=None, repr=False)
    _first: int = 0

    def start(self, done: int = 0) -> None:
        """Measures from now on; `done` was there before."""
        self._start, self._first = self.clock(), done

    def text(self, done: int, total: int) -> str:
        """Such as "12.3 frames/s, 40 s to go"; empty before anything was done."""
        if self._start is None:
            self.start(done)
        made, seconds = done - self._first, self.clock() - (self._start or 0.0)
        if made <= 0 or seconds <= 0:
            return ""
        rate = made / seconds
        shown = f"{rate:.1f}" if rate >= 1 else f"{rate:.2g}"
        return f"{shown} {self.unit}/s" + (f", {_duration((total - done) / rate)} to go" if done < total else "")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


Advance = Callable[..., None]
"""Called as advance(done, total, note=""): `note` is shown beside the rate."""


@contextmanager
def progress_bar(text: str, unit: str = "", meter: Meter | None = None, note_lines: bool = True) -> Generator[Advance]:
    """Shows work on stderr; nothing where the log level of our packages is above INFO (`--quiet`).

    Args:
        text: What is being done ("checking shards").
        unit: What is counted; by default the last word of `text`.
        meter: Measures the rate; give your own to start it when the work begins.
        note_lines: Without a terminal, log a line for every note, however soon it comes after the last line.
    """
    meter = meter or Meter(unit or text.split()[-1])
    console = Console(stderr=True)
    shown = _log.isEnabledFor(logging.INFO) and console.is_terminal
    columns = (
        TextColumn(text),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        task, last = bar.add_task(text, total=None, note=""), time.monotonic()

        def advance(done: int, total: int, note: str = "") -> None:
            nonlocal last
            words = ", ".join(word for word in (meter.text(done, total), note) if word)
            bar.update(task, completed=done, total=total, note=words)
            if not console.is_terminal and ((note and note_lines) or time.monotonic() - last >= LINE_EVERY_S):
                last = time.monotonic()
                _log.info("%s: %d of %d%s", text, done, total, words and f", {words}")

        yield advance


def track[T](items: Iterable[T], total: int, text: str, unit: str = "") -> Iterator[T]:
    """Yields the items and shows how many of them are done; arguments as for `progress_bar`."""
    with progress_bar(text, unit) as advance:
        for done, item in enumerate(items, 1):
            yield item
            advance(done, total)
