"""Runs the trials of a configuration: in blocks, in any number of processes, resumable after a kill at any moment."""

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from typing import Any, Protocol

from lace.core.files import make_folder, publish_bytes, remove_file, remove_leftovers
from lace.core.run_identity import RunIdentity
from lace.core.workers import WORKER_OPTIONS, make_parts
from policies.named import identity_of
from policies.trials.records import (
    BLOCK,
    TrialRecord,
    block_numbers,
    block_path,
    frame_path,
    missing_blocks,
    read_block,
    write_block,
)
from sim_envs.config.sources import trial_sources_of
from sim_envs.simulate.config import SimulateConfig
from sim_envs.simulate.stopping import answers

RUN_ONLY = ("out", "film", "device", *WORKER_OPTIONS)
"""Options that do not change the results."""
PACKAGES = ("isaaclab", "newton", "warp-lang", "mujoco", "mink", "torch", "numpy", "scipy", "opencv-python-headless")


class TrialMaker(Protocol):
    """Runs trials; each one's record depends on (configuration, number) alone."""

    def run(self, numbers: Sequence[int]) -> list[tuple[TrialRecord, bytes]]:
        """Record of each trial, and the JPEG of what the policies saw."""
        ...

    def close(self) -> None:
        """Frees the simulator."""
        ...


Build = Callable[[SimulateConfig], TrialMaker]
TrialsCallback = Callable[[list[TrialRecord]], None]


def identity(config: SimulateConfig) -> dict[str, Any]:
    """The options that decide the results, as JSON values."""
    values = json.loads(json.dumps(asdict(config), default=str))
    kept = {name: value for name, value in values.items() if name not in RUN_ONLY}
    return (
        kept | {"policies by content": {name: identity_of(name) for name in config.policies}} | trial_sources_of(config)
    )


@contextmanager
def opened_folder(config: SimulateConfig) -> Generator[dict[str, Any]]:
    """Claims and locks the output folder; yields what results.json says of the run's origin.

    Raises:
        DatasetError: The folder holds something else or a run of another configuration, or another run writes to it.
    """
    out = config.out
    origin = {"config": identity(config), "versions": {name: version(name) for name in PACKAGES}}
    with RunIdentity(out / "simulate.json", "a simulation", origin, compared=("config", "versions")).opened():
        for folder in ("trials", "frames"):
            make_folder(out / folder)
            remove_leftovers(out / folder)
        yield origin


def run(config: SimulateConfig, build: Build, report: TrialsCallback) -> list[TrialRecord]:
    """Runs what is missing of an opened folder and returns all trials in order, up to where the run may stop.

    Args:
        config: The run; its folder was opened.
        build: Makes the TrialMaker of a process.
        report: Told of the trials of each block, those of earlier runs first.
    """
    todo = missing_blocks(config.out, config.trials)
    blocks = {b: read_block(config.out, b) for b in range(-(-config.trials // BLOCK)) if b not in todo}
    for block in sorted(blocks):
        report(blocks[block])
    end = _end(blocks, config)
    if end is None and todo:
        with closing(_blocks(config, build, todo)) as made:
            for block, _report in made:
                blocks[block] = read_block(config.out, block)
                report(blocks[block])
                end = _end(blocks, config)
                if end is not None:
                    break
    kept = sorted(block for block in blocks if end is None or block < end)
    for block in set(range(-(-config.trials // BLOCK))) - set(kept):
        _discard(config, block)
    remove_leftovers(config.out / "frames")
    remove_leftovers(config.out / "trials")
    return [trial for block in kept for trial in blocks[block]]


def _blocks(config: SimulateConfig, build: Build, todo: Sequence[int]) -> Generator[tuple[int, None]]:
    named, home = f"block of {BLOCK} trials of seed {config.seed}, number", config.out / "simulate.json"
    return make_parts(partial(_open, config, build), todo, config, named=named, home=home)


def _end(blocks: dict[int, list[TrialRecord]], config: SimulateConfig) -> int | None:
    """Number of blocks after which all questions are answered, judged by whole blocks without a gap; None: go on."""
    if not config.sequential.on:
        return None
    trials: list[TrialRecord] = []
    for block in range(len(blocks)):
        trials += blocks.get(block, [])
        if block not in blocks:
            break
    if not trials:
        return None
    decided = [answer.decided_after for answer in answers(trials, config.policies, config.sequential)]
    known = [number for number in decided if number is not None]
    return -(-max(known) // BLOCK) if len(known) == len(decided) else None


def _discard(config: SimulateConfig, block: int) -> None:
    """Removes trials beyond the end of a run that stopped early: their number depends on the number of processes."""
    remove_file(block_path(config.out, block))
    for number in block_numbers(block, config.trials):
        remove_file(frame_path(config.out, number))


def make_block(maker: TrialMaker, config: SimulateConfig, block: int) -> None:
    """Runs and publishes one block; the frames first, so that a block on disk has them all."""
    made = maker.run(block_numbers(block, config.trials))
    for trial, jpeg in made:
        publish_bytes(frame_path(config.out, trial.trial), jpeg)
    write_block(config.out, block, [trial for trial, _jpeg in made])


@dataclass
class BlockMaker:
    """Implements `lace.core.workers.Maker`: publishes whole blocks of trials."""

    config: SimulateConfig
    trials: TrialMaker

    def make(self, block: int) -> None:
        """Runs and publishes one block."""
        make_block(self.trials, self.config, block)

    def close(self) -> None:
        """Frees the simulator."""
        self.trials.close()


def _open(config: SimulateConfig, build: Build) -> BlockMaker:
    return BlockMaker(config, build(config))
