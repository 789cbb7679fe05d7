"""Trials per second of `lace simulate` in one process, by stage.

    uv run python benchmarks/simulate.py --trials 96
    uv run python benchmarks/simulate.py --worlds 1 4 16 64      # by the number of worlds at once in a process

Blocks are sampled, run with the oracle and written as by the command; opening the simulator is timed separately.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from policies.primitives.grasp import GraspPrimitive
from policies.trials.records import BLOCK
from sim_envs.config.presets import PRESETS
from sim_envs.physics.mujoco import MujocoPhysics, MujocoWorlds
from sim_envs.simulate import run
from sim_envs.simulate.cells import CellTrials
from sim_envs.simulate.config import SimulateConfig
from sim_envs.trials.source import TrialSource

STAGES = {
    "drawing and rendering scenes": (TrialSource, "draw"),
    "building worlds": (MujocoPhysics, "open"),
    "planning: inverse kinematics and checks": (GraspPrimitive, "plan"),
    "physics": (MujocoWorlds, "roll"),
    "files": (run, "publish_bytes"),
}
"""Stage -> (owner, function) that is timed."""


def timed(seconds: Counter, stage: str, function: Callable) -> Callable:
    """`function`, whose time is added to `seconds[stage]`."""

    def call(*args: Any, **options: Any) -> Any:
        started = time.perf_counter()
        try:
            return function(*args, **options)
        finally:
            seconds[stage] += time.perf_counter() - started

    return call


def main() -> None:
    """Prints the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trials", type=int, default=96)
    options.add_argument("--preset", default="lab")
    options.add_argument("--worlds", type=int, nargs="+", help="measure these numbers of worlds at once instead")
    given = options.parse_args()
    if given.worlds:
        by_worlds(given.worlds, given.preset)
        return
    blocks = -(-given.trials // BLOCK)
    with tempfile.TemporaryDirectory() as folder:
        config = SimulateConfig(
            out=Path(folder), trials=(blocks + 1) * BLOCK, preset=given.preset, axes=PRESETS[given.preset]
        )
        started = time.perf_counter()
        maker = CellTrials(config)
        run.make_block(maker, config, 0)  # compiles everything
        opened = time.perf_counter() - started
        seconds: Counter = Counter()
        for stage, (owner, name) in STAGES.items():
            setattr(owner, name, timed(seconds, stage, getattr(owner, name)))
        started = time.perf_counter()
        for block in range(1, blocks + 1):
            run.make_block(maker, config, block)
        total = time.perf_counter() - started
        maker.close()
    report(blocks * BLOCK, total, opened, seconds)


def by_worlds(counts: list[int], preset: str, steps: int = 250) -> None:
    """Prints what drawing a trial and a second of its physics cost, by the number of worlds at once in this process."""
    # CPU time of this process, which is one thread with OMP_NUM_THREADS=1: other jobs do not count.
    config, most = SimulateConfig(out=Path("unused"), preset=preset, axes=PRESETS[preset]), max(counts)
    for count in counts:
        source = TrialSource(config, count)
        source.draw(np.arange(most, most + count))  # compiles
        started = time.process_time()
        parts = np.array_split(np.arange(most), -(-most // count))
        trials = [trial for part in parts for trial in source.draw(part)]
        drawing = (time.process_time() - started) / most
        physics = MujocoPhysics(source.robot)
        commands = np.repeat([[trial.physics.joint_positions] for trial in trials], steps, 1)
        started = time.process_time()
        for part in parts:
            worlds = physics.open([trials[i].physics for i in part])
            worlds.roll(commands[part])
            worlds.close()
        rolling = (time.process_time() - started) / most
        source.close()
        row = {"worlds": count, "drawing ms a trial": 1000 * drawing, "physics ms a world and second": 1000 * rolling}
        print(json.dumps(row), flush=True)


def report(trials: int, total: float, opened: float, seconds: Counter) -> None:
    """The table and the rate."""
    seconds["the rest"] = total - seconds.total()
    table = Table("stage", "ms a trial", "share", title=f"{trials} trials, one process, oracle")
    for stage, spent in seconds.items():
        table.add_row(stage, f"{1000 * spent / trials:.0f}", f"{100 * spent / total:.0f} %")
    console = Console(soft_wrap=True)
    console.print(table)
    rate = trials / total
    console.print(
        f"{rate:.2f} trials/s a process; opening and the first block took {opened:.0f} s; 1,000 trials on two "
        f"processes: {(1000 / rate / 2 + opened) / 60:.1f} min"
    )


if __name__ == "__main__":
    main()
