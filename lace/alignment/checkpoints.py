"""Checkpoints of a run: one file, whole or not there, that belongs to exactly one config, backbone and set of images."""

import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from lace.alignment.config import TrainConfig
from lace.core.errors import LaceError
from lace.core.files import publish_bytes

NAME = "checkpoint.pt"
_MAY_CHANGE = ("iterations", "checkpoint_every", "log_every", "compile")
"""Settings that do not alter the steps taken so far."""


class CheckpointError(LaceError):
    """A checkpoint that is damaged or of another run."""


def save(folder: str | Path, config: TrainConfig, identity: Mapping[str, str], state: dict[str, Any]) -> None:
    """Writes the checkpoint through a temporary name, fsync and rename."""
    buffer = io.BytesIO()
    torch.save({"config": _steering(config), "identity": dict(identity), "state": state}, buffer)
    publish_bytes(Path(folder) / NAME, buffer.getvalue())


def load(
    folder: str | Path, config: TrainConfig, identity: Mapping[str, str], device: torch.device
) -> dict[str, Any] | None:
    """The state in `folder`, None if there is none; CheckpointError if it is damaged or of another run.

    Args:
        folder: Of the run.
        config: Its settings; those that steer no step may differ.
        identity: What else must be the same, by the words a user is told.
        device: Where the tensors are put.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        return None
    doing, anew = f"resuming from {path}", f"remove {path} to start anew, or give another --out"
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise CheckpointError(doing, f"it does not load ({error})", "a checkpoint of this run", anew) from error
    mine = _steering(config) | dict(identity)
    theirs = content["config"] | content.get("identity", {})
    differing = [f"{key} {theirs.get(key)!r} -> {mine.get(key)!r}" for key in mine if theirs.get(key) != mine[key]]
    if differing:
        raise CheckpointError(doing, f"the run differs: {', '.join(differing)}", "the run that began there", anew)
    return content["state"]


def _steering(config: TrainConfig) -> dict[str, Any]:
    """The settings that decide the steps, as plain values."""
    return {key: value for key, value in asdict(config).items() if key not in _MAY_CHANGE}
