"""The folder of a generated dataset: which configuration it belongs to, and which shards are still to be made."""

import json
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.files import file_names, make_folder, remove_leftovers
from lace.core.parts import Part
from lace.core.provenance import commit
from lace.core.run_identity import RunIdentity
from lace.core.store import is_remote
from lace.core.workers import WORKER_OPTIONS
from lace.data.shards import is_whole, shard_name
from sim_envs.config.generate import GenerateConfig
from sim_envs.config.sources import sources_of

RUN_ONLY = ("out", "device", "part", *WORKER_OPTIONS)
"""Options that do not change what is generated."""
PACKAGES = ("isaaclab", "newton", "warp-lang", "torch", "mujoco", "numpy", "opencv-python-headless", "pyarrow")


def shard_path(out: Path, shard: int) -> Path:
    """DIR/shards/shard-00000.parquet."""
    return out / "shards" / shard_name(shard)


def shard_indices(config: GenerateConfig, shard: int) -> np.ndarray:
    """Frame indices of a shard."""
    return np.arange(shard * config.shard_frames, min((shard + 1) * config.shard_frames, config.total))


def identity(config: GenerateConfig) -> dict[str, Any]:
    """The options that decide the frames, as JSON values."""
    values = json.loads(json.dumps(asdict(config), default=str))
    return {name: value for name, value in values.items() if name not in RUN_ONLY} | sources_of(config)


@contextmanager
def opened_folder(config: GenerateConfig) -> Generator[list[int]]:
    """Claims and locks the output folder; yields the shards that are still to do.

    Raises:
        DatasetError: The folder holds something else or another configuration's dataset, or another run writes to it.
    """
    out = config.out
    part = Part.named(config.part)
    with RunIdentity(out / "dataset.json", "a dataset", _meta(config, identity(config))).opened(part):
        make_folder(out / "shards")
        remove_leftovers(out / "shards", {shard_name(shard) for shard in config.mine} if part else None)
        yield missing_shards(config, config.mine)


def missing_shards(config: GenerateConfig, of: Iterable[int]) -> list[int]:
    """Those shards `of` the dataset that are not there."""
    there = set(file_names(config.out / "shards", "shard-*"))
    whole = is_remote(config.out)  # objects always are
    paths = {shard: shard_path(config.out, shard) for shard in of}
    return [shard for shard, path in paths.items() if path.name not in there or not (whole or is_whole(path))]


def _meta(config: GenerateConfig, config_identity: dict[str, Any]) -> dict[str, Any]:
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
