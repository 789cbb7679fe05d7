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
from contextlib import contextmanager
from dataclasses import dataclass, fields
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

from lace.core.collection import collect_seldom
from lace.core.counting import counted
from lace.core.errors import DatasetError, InvalidValueError
from lace.core.limits import Within

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


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """Where the parts of a command are made; the result is the same everywhere."""

    workers: Annotated[int, Within(1)] = 1
    """Processes of this machine."""
    ray: str = ""
    """A Ray cluster instead: auto (the one this machine belongs to), HOST:PORT of its head, or local (this machine)."""
    task_cpus: Annotated[float, Within(0)] = 1.0
    """With --ray: CPUs that each worker takes; fractions are possible."""
    task_gpus: Annotated[float, Within(0)] = 0.0
    """With --ray: GPUs that each worker takes; 0.25 puts four on each."""

    def same_workers(self) -> dict[str, Any]:
        """These options alone, to hand on to a configuration that this one makes."""
        return {name: getattr(self, name) for name in WORKER_OPTIONS}


WORKER_OPTIONS = tuple(field.name for field in fields(WorkerOptions))
"""Names of options that never change a result."""


def make_parts(
    build: Callable[[], Maker[Any, Any]],
    tasks: Sequence[Any],
    options: WorkerOptions | int,
    on_ready: Callable[[], None] = lambda: None,
    named: str = "part",
    home: Path | None = None,
) -> Generator[tuple[Any, Any]]:
    """Makes the parts of all tasks: in this process, in several, or on a Ray cluster; yields (task, report) of each.

    However the loop over it ends (error, Ctrl-C, SIGTERM, break), no worker stays behind; close the generator
    (`contextlib.closing`) where the loop may end early. A worker whose parent was killed ends itself.

    Args:
        build: Opens a maker; picklable for more than one worker. Called once in each process that makes parts.
        tasks: What `Maker.make` is called with, once each.
        options: Where; a number of processes alone may be given. One makes everything in this process, without a pool.
        on_ready: Called once, when the first maker is open.
        named: What a task is called in errors ("shard of seed 0").
        home: A file of the output folder; on a cluster, every machine must see it.

    Raises:
        Exception: What `build` or `make` raised, with a note that names the task.
        DatasetError: A worker was killed; on a cluster, several times for the same task.
        InvalidValueError: There is no such cluster.
    """
    options = WorkerOptions(workers=options) if isinstance(options, int) else options
    if not tasks:
        return
    if options.ray:
        made = _ray_pool()(build, tasks, options, on_ready, named, home)
    elif options.workers == 1 or len(tasks) == 1:
        made = _made_here(build, tasks, on_ready, named)
    else:
        made = _made_in_pool(build, tasks, min(options.workers, len(tasks)), on_ready, named)
    yield from made


def _ray_pool() -> Callable[..., Generator[tuple[Any, Any]]]:
    try:
        from lace.core.ray_pool import made_on_ray
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise InvalidValueError(
            "starting workers on Ray",
            "Ray is not installed",
            "the extra `scale`",
            "run `uv sync --extra scale`, or leave out --ray (--workers and --part need no Ray)",
        ) from error
    return made_on_ray


@contextmanager
def _named(named: str, task: Any) -> Generator[None]:
    """Says in an error which task it was."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in: {named} {task}")
        raise


def _made_here(
    build: Callable[[], Maker[Any, Any]], tasks: Sequence[Any], on_ready: Callable[[], None], named: str
) -> Generator[tuple[Any, Any]]:
    maker = build()
    try:
        on_ready()
        for task in tasks:
            with _named(named, task):
                report = maker.make(task)
            yield task, report
    finally:
        maker.close()


def _made_in_pool(
    build: Callable[[], Maker[Any, Any]], tasks: Sequence[Any], workers: int, on_ready: Callable[[], None], named: str
) -> Generator[tuple[Any, Any]]:
    context = multiprocessing.get_context("spawn")
    numbers = context.Value("i", 0)
    # Workers exit when the other end of this pipe is closed: by us, or by the system when we were killed. An Event does
    # not serve: setting it waits for every process that waits for it, also for one that was killed.
    watched, held = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, context, _start_worker, (build, watched, numbers))
    try:
        pool.submit(_open_maker).result()
        on_ready()
        futures: dict[Future, Any] = {pool.submit(_make_in_worker, task): task for task in tasks}
        for future in as_completed(futures):
            with _named(named, futures[future]):
                report = future.result()
            yield futures[future], report
    except BrokenProcessPool as error:
        raise DatasetError(
            f"working in {counted(workers, 'process', 'processes')}",
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
_number = 0


def worker_number() -> int:
    """Number of this process among the workers of its pool, from 0: which GPU it takes of several."""
    return _number


def _start_worker(build: Callable[[], Maker[Any, Any]], watched: Connection, numbers: Any) -> None:
    global _build, _number
    collect_seldom()
    with numbers.get_lock():
        _number, numbers.value = numbers.value, numbers.value + 1
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
