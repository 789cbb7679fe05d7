"""Records of trials: one JSON line per trial, in blocks of a few trials that are published atomically."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.files import file_names, publish_bytes, read_bytes, reading
from lace.data.schema import to_json
from policies.outcome import Outcome, Result

BLOCK = 16
"""Trials of a block: what a kill can cost, and how often sequential stopping looks."""


@dataclass(frozen=True)
class TrialRecord:
    """One scene and the outcome of each policy in it."""

    trial: int
    """Its number."""
    scene: dict[str, Any]
    """Facts about the scene as JSON values; `sim_envs.simulate.factors` reads them."""
    outcomes: dict[str, dict[str, Any]]
    """By policy: fields of policies.outcome.Outcome."""
    commit: str
    """Of the code that ran it."""

    def success(self, policy: str) -> bool:
        """Whether `policy` grasped and lifted the target."""
        return self.outcomes[policy]["result"] == Result.SUCCESS

    def line(self) -> str:
        """One line of JSON; the same trial gives the same bytes."""
        return to_json(vars(self))


def plain(outcome: Outcome) -> dict[str, Any]:
    """An outcome as JSON values: points as lists [px]."""
    fields = asdict(outcome)
    points = fields["predicted"]
    return fields | {"predicted": points and {name: np.asarray(uv).tolist() for name, uv in points.items()}}


def block_numbers(block: int, trials: int) -> range:
    """Numbers of the trials in a block of a run of `trials`."""
    return range(block * BLOCK, min((block + 1) * BLOCK, trials))


def block_path(out: Path, block: int) -> Path:
    """DIR/trials/trials-00000.jsonl."""
    return out / "trials" / f"trials-{block:05d}.jsonl"


def frame_path(out: Path, number: int) -> Path:
    """DIR/frames/frame-00000.jpg: what the policies saw."""
    return out / "frames" / f"frame-{number:05d}.jpg"


def film_path(out: Path, number: int, policy: str) -> Path:
    """DIR/films/film-00000-oracle.mp4."""
    return out / "films" / f"film-{number:05d}-{policy.replace(':', '-').replace('/', '-')}.mp4"


def write_block(out: Path, block: int, trials: Sequence[TrialRecord]) -> None:
    """Publishes a block."""
    publish_bytes(block_path(out, block), "".join(f"{trial.line()}\n" for trial in trials).encode())


def read_block(out: Path, block: int) -> list[TrialRecord]:
    """Trials of a block; DatasetError, naming the file, where it is damaged."""
    path = block_path(out, block)
    again = "delete this file and run the same command again: it makes the missing block"
    with reading(path, "lines of JSON, one a trial", again):
        return [TrialRecord(**json.loads(line)) for line in read_bytes(path).decode().splitlines()]


def missing_blocks(out: Path, trials: int) -> list[int]:
    """Blocks that a run of `trials` still has to make."""
    there = set(file_names(out / "trials"))
    return [block for block in range(-(-trials // BLOCK)) if block_path(out, block).name not in there]
