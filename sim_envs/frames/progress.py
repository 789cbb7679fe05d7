"""What a user sees while frames are made: stages with times, then a bar with rate and ETA."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sim_envs.config.generate import GenerateConfig


@contextmanager
def shown(config: GenerateConfig, todo: int) -> Iterator[Callable]:
    """Yields the `report` for generate.run: a bar on a terminal, a line per shard elsewhere."""
    console, started = Console(highlight=False, soft_wrap=True), time.monotonic()
    total = -(-config.total // config.shard_frames)
    if total > todo:
        console.print(f"resuming: {total - todo} of {total} shards are there")
    if todo:
        console.print(
            f"opening the simulator ({config.workers} process{'es' * (config.workers > 1)}, preset {config.preset}, "
            f"{config.width}x{config.height}); first use also fetches meshes and compiles kernels"
        )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not sys.stdout.isatty()) as bar:
        task = bar.add_task("frames", total=config.total, rate="")
        bar.update(task, completed=min((total - todo) * config.shard_frames, config.total))
        ready, made = 0.0, 0

        def report(item) -> None:
            nonlocal ready, made
            now = time.monotonic()
            if item == "ready":
                ready = ready or now
                console.print(f"simulator ready after {now - started:.0f} s; drawing")
                return
            made += item.frames
            rate = made / max(now - ready, 1e-9)
            bar.update(task, advance=item.frames, rate=f"{rate:.1f} frames/s")
            if not sys.stdout.isatty():
                left = (config.total - bar.tasks[0].completed) / rate
                console.print(
                    f"shard {item.shard}: {bar.tasks[0].completed:.0f} of {config.total} frames, "
                    f"{rate:.1f} frames/s, {left:.0f} s to go, {item.redrawn} redrawn"
                )

        yield report
