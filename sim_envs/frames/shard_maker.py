"""Makes shards: frames drawn, checked, redrawn where needed, and published whole."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lace.core.errors import IntegrityError
from lace.core.keypoints import Visibility
from lace.data.schema import EncodedFrame, constants_of
from lace.data.shards import write_shard
from lace.data.verify import MARKER_LIMIT_PX, check_frame, image_digest
from sim_envs.config.generate import GenerateConfig
from sim_envs.frames.encoding import encoded
from sim_envs.frames.folder import shard_indices, shard_path

if TYPE_CHECKING:
    from sim_envs.frames.source import LabelledBatch

MAX_ATTEMPTS = 30
"""Attempts for a frame; more failures indicate an error in the configuration or the code."""


@dataclass(frozen=True)
class Finished:
    """A frame that was drawn, checked and encoded."""

    index: int
    digest: bytes
    row: EncodedFrame | None
    """None where a check failed."""
    constants: dict

    def is_bad(self, seen: dict[bytes, int]) -> bool:
        """Whether the frame must be redrawn: a check failed, or its image is in `seen`, to which it is added."""
        return seen.setdefault(self.digest, self.index) != self.index or self.row is None


@dataclass(frozen=True)
class ShardDone:
    """What a worker reports of a finished shard."""

    shard: int
    frames: int
    redrawn: int


class ShardMaker:
    """Makes whole shards; owns the renderer and the encoding threads of one process."""

    def __init__(self, config: GenerateConfig):
        # The engine takes seconds to import: only workers pay.
        from sim_envs.frames.source import SimulatedFrames
        from sim_envs.rendering.memory import sharing

        self.config = config
        self.source = SimulatedFrames(
            config,
            most_worlds=min(config.shard_frames, config.frames),
            processes=sharing(config.device, config.workers),
            motion_frames=config.motion_frames,
        )
        self.min_visible = min(config.min_visible, -(-len(self.source.embodiment.keypoints) // 3))
        self.encoders = ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // config.workers))

    def close(self) -> None:
        """Frees the renderer and the threads."""
        self.encoders.shutdown(cancel_futures=True)
        self.source.close()

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
