"""Worker processes for commands that make independent parts, and programs; none outlives the one that started it."""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any, Protocol, TypeVar

from lace.core.errors import DatasetError

Task = TypeVar("Task", contravariant=True)
Made = TypeVar("Made", covariant=True)


class Maker(Protocol[Task, Made]):
    """Makes parts; each part depends on the configuration and its task alone."""

    def make(self, task: Task, /) -> Made:
        """Makes and publishes one part; returns a short report of it."""
        ...

    def close(self) -> None:
        """Frees what the maker holds."""
        ...


def make_parts(
    build: Callable[[], Maker[Any, Any]],
    tasks: Sequence[Any],
    workers: int,
    on_ready: Callable[[], None] = lambda: None,
) -> Generator[tuple[Any, Any]]:
    """Makes the parts of all tasks, in this process or in several; yields (task, report) as each is finished.

    However the loop over it ends (error, Ctrl-C, SIGTERM, break), no worker stays behind; close the generator
    (`contextlib.closing`) where the loop may end early. A worker whose parent was killed ends itself.

    Args:
        build: Opens a maker; picklable for more than one worker. Called once in each process that makes parts.
        tasks: What `Maker.make` is called with, once each.
        workers: Processes; 1 makes everything in this one, without a pool.
        on_ready: Called once, when the first maker is open.

    Raises:
        Exception: What `build` or `make` raised, in the order in which it arrives.
        DatasetError: A worker was killed.
    """
    if not tasks:
        return
    if workers == 1 or len(tasks) == 1:
        yield from _made_here(build, tasks, on_ready)
    else:
        yield from _made_in_pool(build, tasks, min(workers, len(tasks)), on_ready)


def _made_here(
    build: Callable[[], Maker[Any, Any]], tasks: Sequence[Any], on_ready: Callable[[], None]
) -> Generator[tuple[Any, Any]]:
    maker = build()
    try:
        on_ready()
        for task in tasks:
            yield task, maker.make(task)
    finally:
        maker.close()


def _made_in_pool(
    build: Callable[[], Maker[Any, Any]], tasks: Sequence[Any], workers: int, on_ready: Callable[[], None]
) -> Generator[tuple[Any, Any]]:
    context = multiprocessing.get_context("spawn")
    # Workers exit when the other end of this pipe is closed: by us, or by the system when we were killed. An Event does
    # not serve: setting it waits for every process that waits for it, also for one that was killed.
    watched, held = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, context, _start_worker, (build, watched))
    try:
        pool.submit(_open_maker).result()
        on_ready()
        futures: dict[Future, Any] = {pool.submit(_make_in_worker, task): task for task in tasks}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise DatasetError(
            f"working in {workers} processes",
            "a worker process was killed",
            "workers that run to the end",
            "free memory or use fewer --workers; run the same command to resume",
        ) from error
    finally:
        held.close()
        pool.shutdown(cancel_futures=True)
        watched.close()


_PR_SET_PDEATHSIG = 1


def run_program(words: Sequence[str]) -> int:
    """Runs a program with this process's terminal; returns its exit code.

    On Linux the program gets SIGTERM when this process ends, also by SIGKILL.
    """
    bind = _end_with_parent if sys.platform == "linux" else None
    return subprocess.run(words, check=False, preexec_fn=bind).returncode


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


_build: Callable[[], Maker[Any, Any]] | None = None
_maker: Maker[Any, Any] | None = None
"""Of a worker process: how it opens its maker, and the maker once it is open."""


def _start_worker(build: Callable[[], Maker[Any, Any]], watched: Connection) -> None:
    global _build
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which closes the pipe
    threading.Thread(target=_exit_with_parent, args=(watched,), daemon=True).start()
    _build = build


def _exit_with_parent(watched: Connection) -> None:
    """Ends this process when the run is over or its parent is gone; unfinished parts are not on disk."""
    watched.poll(None)
    os._exit(0)


def _open_maker() -> None:
    global _maker
    if _maker is None:
        assert _build is not None, "the pool starts every worker with _start_worker"
        _maker = _build()


def _make_in_worker(task: Any) -> Any:
    _open_maker()
    assert _maker is not None
    return _maker.make(task)
