"""Progress of `lace generate`: stages with times, then frames with rate and time to go."""

import logging
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from lace.core.progress import Meter, progress_bar
from sim_envs.config.generate import GenerateConfig
from sim_envs.frames.folder import shard_indices
from sim_envs.frames.shard_maker import ShardDone

READY = "ready"
"""Reported when the simulator is open."""
ShardCallback = Callable[[ShardDone | str], None]

_log = logging.getLogger(__name__)


@contextmanager
def shown(config: GenerateConfig, todo: int) -> Generator[ShardCallback]:
    """Yields the `report` for generate.run: a bar on a terminal, a line per shard elsewhere."""
    started, meter = time.monotonic(), Meter("frames")
    there, total = len(config.mine) - todo, sum(len(shard_indices(config, shard)) for shard in config.mine)
    if there:
        _log.info("resuming: %d of %d shards are there", there, len(config.mine))
    if 0 < todo < config.workers:
        _log.warning(
            "%d workers have %d shard%s to make: %s; a smaller --shard-frames makes more",
            *(config.workers, todo, "s" * (todo > 1), "the others do nothing"),
        )
    if todo:
        _log.info(
            "opening the simulator (%d process%s, preset %s, %dx%d); "
            "first use also fetches meshes and compiles kernels",
            *(config.workers, "es" * (config.workers > 1), config.preset, config.width, config.height),
        )
    done, ready = min(there * config.shard_frames, total), False
    with progress_bar("drawing frames", meter=meter) as advance:

        def report(item: ShardDone | str) -> None:
            nonlocal done, ready
            if isinstance(item, str):
                if not ready:
                    meter.start(done)
                    _log.info("simulator ready after %.0f s; drawing", time.monotonic() - started)
                ready = True
                return
            done += item.frames
            advance(done, total, f"shard {item.shard}, {item.redrawn} redrawn")

        yield report
