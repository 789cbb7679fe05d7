"""Parts made on a Ray cluster: each by a worker that holds nothing but an open maker, so that any of them may die.

A worker whose process or machine dies is replaced and its part made again. The only file that imports Ray.
"""

import logging
import os
import signal
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# Under `uv run`, Ray would build the driver's environment again for each worker, and copy the working folder there.
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from lace.core.counting import counted
from lace.core.errors import DatasetError, InvalidValueError, LaceError
from lace.core.files import read_bytes
from lace.core.provenance import environment

TRIES = 4
"""How often a part is begun whose worker dies each time."""
_LOOK_S = 1.0
"""How often machines that joined the cluster are noticed [s]."""
_CONNECT_S = 5.0
_STORE_BYTES = 80 * 2**20
"""Of the object store of `--ray local`: parts are published by the workers, only short reports travel."""
_log = logging.getLogger(__name__)


class Worker:
    """Runs in a process of the cluster."""

    def __init__(self):
        self.maker: Any = None

    def open(self, build: Callable[[], Any], expected: dict[str, str], home: tuple[Path, bytes] | None) -> None:
        """Opens the maker, after checking that this machine has the driver's packages and sees its folder."""
        host = socket.gethostname()
        found = environment()
        differing = [
            f"{name} {found.get(name)}, not {value}" for name, value in expected.items() if found.get(name) != value
        ]
        if differing:
            raise DatasetError(
                f"starting a worker on {host}",
                f"it has {'; '.join(differing)}",
                "the same packages and code on every machine of the cluster as where the command runs",
                "install the same commit and `uv sync --extra scale` there, then run the same command again",
            )
        if home is not None:
            _require_seen(*home, host)
        self.maker = build()

    def make(self, task: Any) -> Any:
        """Makes and publishes one part; errors say on which machine."""
        try:
            return self.maker.make(task)
        except Exception as error:
            error.add_note(f"on machine: {socket.gethostname()}")
            raise


def _require_seen(path: Path, content: bytes, host: str) -> None:
    try:
        same = read_bytes(path) == content
    except (OSError, LaceError):
        same = False
    if not same:
        raise DatasetError(
            f"opening {path.parent} on {host}",
            f"{path.name} of this run is not there",
            "a folder that every machine of the cluster sees at the same path, or an object store",
            "give a shared folder or s3://, gs:// or az:// as --out",
        )


class RayPool:
    """Gives parts to workers and collects what they report."""

    def __init__(self, build: Callable[[], Any], tasks: Sequence[Any], resources: dict[str, float], named: str):
        """A pool on the cluster that this process is connected to.

        Args:
            build: Opens the maker of a worker.
            tasks: What to make.
            resources: "num_cpus" and "num_gpus" that each worker takes.
            named: What a task is called in messages ("shard of seed 0").
        """
        self.build, self.resources, self.named = build, resources, named
        self.waiting, self.left = deque(tasks), len(tasks)
        self.deaths: Counter = Counter()
        self.opening: dict[Any, Any] = {}
        self.idle: list[Any] = []
        self.running: dict[Any, tuple[Any, Any]] = {}
        self._died_opening = 0
        self._actor = ray.remote(Worker).options(**resources, max_restarts=0)

    def made(self, home: tuple[Path, bytes] | None, on_ready: Callable[[], None]) -> Generator[tuple[Any, Any]]:
        """Yields (task, report) as parts are finished."""
        expected = environment()
        try:
            while self.left:
                self._start(expected, home)
                while self.idle and self.waiting:
                    worker, task = self.idle.pop(), self.waiting.popleft()
                    self.running[worker.make.remote(task)] = worker, task
                done, _ = ray.wait([*self.opening, *self.running], timeout=_LOOK_S)
                for reference in done:
                    if reference in self.opening:
                        self._opened(reference, on_ready)
                    else:
                        yield from self._finished(reference)
        finally:
            self._end()

    def _start(self, expected: dict[str, str], home: tuple[Path, bytes] | None) -> None:
        """Starts workers where there is room, not more than parts are left; machines may have joined."""
        most = min(slots(self.resources), self.left)
        there = len(self.opening) + len(self.idle) + len(self.running)
        for _ in range(most - there):
            worker = self._actor.remote()
            self.opening[worker.open.remote(self.build, expected, home)] = worker

    def _opened(self, reference: Any, on_ready: Callable[[], None]) -> None:
        worker = self.opening.pop(reference)
        try:
            ray.get(reference)
        except RayActorError as error:
            self._died_opening += 1
            if self._died_opening >= TRIES:
                raise _died("opening a worker on Ray", self._died_opening, error) from None
            _log.warning("a worker died while it opened (%s); starting another", _reason(error))
        except RayTaskError as error:
            raise _cause(error) from None
        else:
            self._died_opening = 0
            self.idle.append(worker)
            on_ready()

    def _finished(self, reference: Any) -> Iterator[tuple[Any, Any]]:
        worker, task = self.running.pop(reference)
        try:
            report = ray.get(reference)
        except RayActorError as error:
            self.deaths[task] += 1
            if self.deaths[task] >= TRIES:
                raise _died(f"making {self.named} {task}", self.deaths[task], error) from None
            _log.warning("%s %s: its worker died (%s); trying again", self.named, task, _reason(error))
            self.waiting.append(task)
        except RayTaskError as error:
            cause = _cause(error)
            cause.add_note(f"in: {self.named} {task}")
            raise cause from None
        else:
            self.left -= 1
            self.idle.append(worker)
            yield task, report

    def _end(self) -> None:
        if self.deaths:
            _log.info("%d parts were made again because their workers died", self.deaths.total())
        for worker in [*self.opening.values(), *self.idle, *(worker for worker, _task in self.running.values())]:
            with suppress(RayError):
                ray.kill(worker)


def made_on_ray(
    build: Callable[[], Any],
    tasks: Sequence[Any],
    options: Any,
    on_ready: Callable[[], None],
    named: str,
    home: Path | None,
) -> Generator[tuple[Any, Any]]:
    """As `lace.core.workers.make_parts`, on the cluster of `options.ray`."""
    ready: list[bool] = []

    def once() -> None:
        if not ready:
            ready.append(True)
            on_ready()

    resources = {"num_cpus": options.task_cpus, "num_gpus": options.task_gpus}
    with connected(options.ray, options.workers):
        if slots(resources) < 1:
            raise InvalidValueError(
                "starting workers on Ray",
                f"no machine of the cluster has {options.task_cpus:g} CPUs and {options.task_gpus:g} GPUs",
                f"what the cluster has: {_have()}",
                "lower --task-cpus or --task-gpus, or add machines",
            )
        pool = RayPool(build, tasks, resources, named)
        yield from pool.made(None if home is None else (home, read_bytes(home)), once)


@contextmanager
def connected(address: str, workers: int = 1) -> Generator[None]:
    """Connects to a cluster, unless this process is connected already.

    Args:
        address: "local" (a cluster of this machine alone, ended with the command), "auto" (the one this machine is part
            of) or HOST:PORT.
        workers: CPUs of "local"; 1 stands for all of the machine's.

    Raises:
        InvalidValueError: No such cluster, or its versions of Ray or Python differ.
    """
    if ray.is_initialized():
        yield
        return
    _require_answer(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    cpus = (workers if workers > 1 else os.cpu_count()) if address == "local" else None
    store = _STORE_BYTES if address == "local" else None
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address,
            num_cpus=cpus,
            object_store_memory=store,
            include_dashboard=False if address == "local" else None,
            log_to_driver=False,
            configure_logging=False,
        )
    except Exception as error:  # what Ray raises at its start has no type of its own
        raise _no_cluster(address, str(error).strip().splitlines() or [type(error).__name__]) from error
    try:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # Ray sets its own, which ends with another exit code
        yield
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Ray itself waits for a minute where nothing answers, and ends the process."""
    if address in ("local", "auto"):
        return
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdigit()) or "//" in address:
        raise _no_cluster(address, [f"{address!r} is no address"])
    try:
        socket.create_connection((host, int(port)), _CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, [f"nothing answers at {address} ({error})"]) from error


def _no_cluster(address: str, lines: list[str]) -> InvalidValueError:
    text = " ".join(line.strip() for line in lines)
    if "ersion mismatch" in text:
        return InvalidValueError(
            f"connecting to the Ray cluster {address!r}",
            text,
            "the same versions of Ray and Python here and in the cluster",
            "install the same `scale` extra on every machine, then start the cluster again",
        )
    if "timed out during startup" in text:  # Ray waits for 30 s, whatever is set
        return InvalidValueError(
            f"connecting to the Ray cluster {address!r}",
            "Ray did not start within 30 s",
            "a machine that is not busy with other work",
            "run the same command again when other jobs have ended, or use --workers instead of --ray",
        )
    return InvalidValueError(
        f"connecting to the Ray cluster {address!r}",
        text[:300],
        "local (this machine alone), auto (on a machine of a running cluster) or HOST:PORT of its head",
        "start one with `ray start --head`, and `ray start --address HOST:PORT` on the other machines",
    )


def slots(resources: dict[str, float]) -> int:
    """How many workers the machines of the cluster have room for."""
    wanted = {"CPU": resources["num_cpus"], "GPU": resources["num_gpus"]}
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return sum(
        int(min((node.get(kind, 0.0) / amount + 1e-9 for kind, amount in wanted.items() if amount), default=1))
        for node in alive
    )


def _have() -> str:
    amounts = ray.cluster_resources()
    return ", ".join(f"{amounts.get(kind, 0):g} {kind}s" for kind in ("CPU", "GPU"))


def _reason(error: RayActorError) -> str:
    return str(error).strip().splitlines()[-1].strip()[:200]


def _cause(error: RayTaskError) -> BaseException:
    return error.cause if isinstance(error.cause, BaseException) else error


def _died(doing: str, times: int, error: RayActorError) -> DatasetError:
    return DatasetError(
        doing,
        f"its process died {counted(times, 'time')} ({_reason(error)})",
        "a worker that runs to its end",
        "free memory or give each worker more (--task-cpus), look at the machine's logs; the same command resumes",
    )
