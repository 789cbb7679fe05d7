"""Generates datasets: shards drawn, checked, redrawn where needed, written whole; resumable, in any number of processes."""

import dataclasses
import json
import multiprocessing
import os
import queue
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lace.core.errors import DatasetError, IntegrityError
from lace.core.files import remove_leftovers
from lace.core.keypoints import Visibility
from lace.core.provenance import commit
from lace.core.run_identity import RunIdentity
from lace.data.schema import EncodedFrame, constants_of
from lace.data.shards import is_whole, shard_name, write_shard
from lace.data.verify import MARKER_LIMIT_PX, check_frame, image_digest
from sim_envs.config.generate import GenerateConfig
from sim_envs.frames.encoding import encoded

if TYPE_CHECKING:
    from sim_envs.frames.source import LabelledBatch

MAX_ATTEMPTS = 30
"""A frame that fails so often points at a fault, not at bad luck."""
RUN_ONLY = ("out", "workers", "device")
"""Options that do not change what is generated."""
PACKAGES = ("isaaclab", "newton", "warp-lang", "torch", "mujoco", "numpy", "opencv-python-headless", "pyarrow")


@dataclass(frozen=True)
class Finished:
    """A frame that was drawn, checked and encoded."""

    index: int
    digest: bytes
    row: EncodedFrame | None
    """None where a check failed."""
    constants: dict

    def is_bad(self, seen: dict[bytes, int]) -> bool:
        """Whether the frame must be drawn anew: a check failed, or its image is in `seen`, to which it is added."""
        return seen.setdefault(self.digest, self.index) != self.index or self.row is None


@dataclass(frozen=True)
class ShardDone:
    """What a worker reports of a finished shard."""

    shard: int
    frames: int
    redrawn: int


def shard_path(out: Path, shard: int) -> Path:
    """DIR/shards/shard-00000.parquet."""
    return out / "shards" / shard_name(shard)


def shard_indices(config: GenerateConfig, shard: int) -> np.ndarray:
    """Frame indices of a shard."""
    return np.arange(shard * config.shard_frames, min((shard + 1) * config.shard_frames, config.total))


def identity(config: GenerateConfig) -> dict:
    """The options that decide the frames, as JSON values."""
    values = json.loads(json.dumps(dataclasses.asdict(config), default=str))
    return {name: value for name, value in values.items() if name not in RUN_ONLY}


@contextmanager
def opened_folder(config: GenerateConfig) -> Iterator[list[int]]:
    """Claims and locks the output folder; yields the shards that are still to do.

    Raises:
        DatasetError: The folder holds something else or a dataset of another configuration, or another run writes to it.
    """
    out = config.out
    with RunIdentity(out / "dataset.json", "a dataset", _meta(config, identity(config))).opened():
        (out / "shards").mkdir(exist_ok=True)
        remove_leftovers(out / "shards")
        yield [shard for shard in range(config.shards) if not is_whole(shard_path(out, shard))]


def _meta(config: GenerateConfig, config_identity: dict) -> dict:
    return {
        "format": 1,
        "kind": "frames",
        "embodiment": config.embodiment,
        "frames": config.total,
        "seed": config.seed,
        "config": config_identity,
        "versions": {name: version(name) for name in PACKAGES},
        "commit": commit(),
    }


class ShardMaker:
    """Makes whole shards; owns the renderer and the encoding threads of one process."""

    def __init__(self, config: GenerateConfig):
        from sim_envs.frames.source import SimulatedFrames  # the engine takes seconds to import: only workers pay

        self.config = config
        self.source = SimulatedFrames(
            config,
            most_worlds=config.shard_frames,
            processes=config.workers,
            motion_frames=config.motion_frames,
        )
        self.min_visible = min(config.min_visible, -(-len(self.source.embodiment.keypoints) // 3))
        self.encoders = ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // config.workers))

    def make(self, shard: int) -> ShardDone:
        """Draws, checks and publishes one shard; its content depends on (config, shard) alone."""
        indices = shard_indices(self.config, shard)
        rows: dict[int, EncodedFrame] = {}
        seen: dict[bytes, int] = {}
        pending, attempts = indices, np.zeros(len(indices), int)
        constants: dict = {}
        while len(pending):
            attempts = self._aimed(pending, attempts)
            finished = [future.result() for future in self._drawn(pending, attempts)]
            failed = np.array([done.is_bad(seen) for done in finished])
            rows |= {done.index: done.row for done, bad in zip(finished, failed, strict=True) if not bad}
            constants = constants or finished[0].constants
            pending, attempts = pending[failed], attempts[failed] + 1
            if len(attempts) and attempts.max() >= MAX_ATTEMPTS:
                self._give_up(int(pending[attempts.argmax()]))
        attempts = np.array([rows[int(i)]["attempt"] for i in indices])
        redrawn = int(attempts.sum())
        extra = {**self._marker_test(indices, attempts), "redrawn": redrawn, "shard": shard}
        write_shard(shard_path(self.config.out, shard), [rows[int(i)] for i in indices], constants, extra)
        return ShardDone(shard, len(indices), redrawn)

    def _aimed(self, indices: np.ndarray, attempts: np.ndarray) -> np.ndarray:
        """Attempts moved on past draws that show too few keypoints: those need no rendering to be refused."""
        attempts, left = attempts.copy(), np.arange(len(indices))
        while not self.config.motion_frames and len(left) and attempts.max() < MAX_ATTEMPTS:
            left = left[self.source.visible(indices[left], attempts[left]) < self.min_visible]
            attempts[left] += 1
        return attempts

    def _drawn(self, indices: np.ndarray, attempts: np.ndarray) -> list[Future]:
        """Draws frames, batch after batch, while earlier ones are checked and encoded on the other threads."""
        finishing = []
        for start in range(0, len(indices), self.source.worlds):
            part = slice(start, start + self.source.worlds)
            batch = self.source.batch(indices[part], attempts[part])
            finishing += [self.encoders.submit(self._finish, batch, i) for i in range(len(batch))]
        return finishing

    def _finish(self, batch: "LabelledBatch", i: int) -> "Finished":
        """Checks one frame and, if it is good, encodes it."""
        record = batch.record(i)
        least = 0 if self.config.motion_frames else self.min_visible
        good = (record.visibility == Visibility.VISIBLE).sum() >= least and not check_frame(record)
        row = encoded(record) if good else None
        return Finished(record.index, image_digest(np.ascontiguousarray(record.image)), row, constants_of(record))

    def _marker_test(self, indices: np.ndarray, attempts: np.ndarray) -> dict:
        """Markers in the shard's first scenes: largest error and number, for the shard's metadata."""
        worlds = self.source.worlds
        batch = self.source.compose(np.resize(indices, worlds), np.resize(attempts, worlds))
        errors = self.source.marker_errors_px(batch)
        if not len(errors) or errors.max() > MARKER_LIMIT_PX:
            got = (
                f"a marker lies {errors.max():.2f} px from its label"
                if len(errors)
                else "no marker fits into the image"
            )
            raise IntegrityError(
                "drawing markers at the keypoints",
                got,
                f"some markers, each within {MARKER_LIMIT_PX} px",
                "do not use these frames; larger images or a nearer camera, or report this with dataset.json",
            )
        return {"marker_error_px": float(errors.max()), "markers": len(errors)}

    def _give_up(self, index: int) -> None:
        raise IntegrityError(
            f"drawing frame {index}",
            f"it failed its checks {MAX_ATTEMPTS} times",
            "a frame that passes within a few attempts",
            "widen the axes (camera, arm, target), lower --min-visible, or change the seed",
        )


def _work(config: GenerateConfig, todo, done) -> None:
    """A worker process: takes shard numbers until there are none, reports each, or the error that ended it."""
    try:
        maker = ShardMaker(config)
        done.put("ready")
        while True:
            try:
                shard = todo.get_nowait()
            except queue.Empty:
                return
            done.put(maker.make(shard))
    except Exception as error:  # handed to the parent, which raises it
        done.put(error)


def run(config: GenerateConfig, report) -> dict:
    """Generates what is missing; `report` is told of each ShardDone. Returns totals.

    Raises:
        LaceError: As the parts do; finished shards stay.
    """
    with opened_folder(config) as todo:
        return make_shards(config, todo, report)


def make_shards(config: GenerateConfig, todo: list[int], report) -> dict:
    """Generates the shards `todo` of an opened folder; as `run`."""
    redrawn, started = 0, None
    frames = sum(len(shard_indices(config, shard)) for shard in todo)

    def tell(item) -> None:
        nonlocal redrawn, started
        started = started or time.monotonic()
        redrawn += item.redrawn if isinstance(item, ShardDone) else 0
        report(item)

    for item in _in_this_process(config, todo) if config.workers == 1 else _in_processes(config, todo):
        tell(item)
    seconds = time.monotonic() - started if started else 0.0
    return {"frames": frames, "redrawn": redrawn, "seconds": seconds}


def main(config: GenerateConfig, kind: str) -> int:
    """`lace generate robot` and `human` (`kind`): generates, then draws a contact sheet. Returns the exit code."""
    from lace.data.show import save_contact_sheet
    from sim_envs.config.kinds import require_kind
    from sim_envs.frames.progress import shown

    require_kind(config, kind)
    with opened_folder(config) as todo, shown(config, len(todo)) as report:
        totals = make_shards(config, todo, report)
    sheet = config.out / "contact_sheet.png"
    save_contact_sheet(config.out, sheet, n=24, seed=0, overlay=True)
    rate = f", {totals['frames'] / totals['seconds']:.1f} frames/s" if totals["frames"] else ", all there already"
    print(f"{config.total} frames in {config.out}{rate}; {totals['redrawn']} redrawn; look at {sheet}")
    return 0


def _in_this_process(config: GenerateConfig, todo: list[int]):
    """Yields reports of shards made here."""
    if not todo:
        return
    maker = ShardMaker(config)
    yield "ready"
    for shard in todo:
        yield maker.make(shard)
    maker.source.close()


def _in_processes(config: GenerateConfig, todo: list[int]):
    """Yields reports of `workers` processes; ends them all if one fails or the caller stops."""
    context = multiprocessing.get_context("spawn")
    shards, reports = context.Queue(), context.Queue()
    for shard in todo:
        shards.put(shard)
    workers = [
        context.Process(target=partial(_work, config, shards, reports), daemon=True)
        for _ in range(min(config.workers, len(todo)))
    ]
    for worker in workers:
        worker.start()
    remaining = len(todo)
    try:
        while remaining:
            try:
                item = reports.get(timeout=5)
            except queue.Empty:
                _check_alive(workers)
                continue
            if isinstance(item, Exception):
                raise item
            remaining -= isinstance(item, ShardDone)
            yield item
    finally:
        for worker in workers:
            worker.terminate() if remaining else worker.join()


def _check_alive(workers: list) -> None:
    dead = [worker.exitcode for worker in workers if worker.exitcode not in (None, 0)]
    if dead:
        raise DatasetError(
            "generating in several processes",
            f"a worker ended with code {dead[0]}",
            "workers that run to the end",
            "free memory or use fewer --workers; run the same command to resume",
        )
