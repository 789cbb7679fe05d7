"""Checkpoints of a run: one file, written atomically, that belongs to one config, backbone and set of images."""

import io
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch

from lace.core.errors import LaceError
from lace.core.files import publish_bytes, reading
from lace.core.run_identity import changed_fields

NAME = "checkpoint.pt"
_MAY_CHANGE = ("checkpoint_every", "log_every", "compile", "micro_batch", "activation_checkpointing")
"""Settings that do not change the steps up to rounding."""


class Settings(Protocol):
    """The settings of a run: a dataclass, of an alignment (TrainConfig) or of a fit (FitConfig)."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def schedule(self) -> str:
        """How the learning rate goes; unless it is "constant", it depends on the number of iterations."""
        ...


class CheckpointError(LaceError):
    """A checkpoint that is damaged or of another run."""


@contextmanager
def told_if_none(folder: str | Path | None, every: int) -> Generator[None]:
    """Says, where a run is stopped before its first checkpoint, that there is none.

    Args:
        folder: Of the checkpoint; None where none is written.
        every: Steps between checkpoints.
    """
    try:
        yield
    except BaseException as stop:
        if not isinstance(stop, Exception) and folder is not None and not (Path(folder) / NAME).is_file():
            stop.add_note(f"no checkpoint yet (one every {every} steps): the next run begins at the first step")
        raise


def save(folder: str | Path, config: Settings, identity: Mapping[str, str], state: dict[str, Any]) -> None:
    """Writes the checkpoint atomically."""
    buffer = io.BytesIO()
    torch.save({"config": asdict(config), "identity": dict(identity), "state": state}, buffer)
    publish_bytes(Path(folder) / NAME, buffer.getvalue())


def load(
    folder: str | Path, config: Settings, identity: Mapping[str, str], device: torch.device
) -> dict[str, Any] | None:
    """Returns the state in `folder`, None if there is none.

    Args:
        folder: Of the run.
        config: Its settings; those that do not change the steps may differ.
        identity: What else must be the same, by the name shown to the user.
        device: Device of the tensors.

    Raises:
        CheckpointError: The checkpoint is damaged or of another run.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        return None
    doing, again = f"resuming from {path}", f"remove {path} to start again, or give another --out"
    with reading(path, "a checkpoint of this run", again, CheckpointError, doing):
        content = torch.load(path, map_location=device, weights_only=True)
        mine, theirs = asdict(config) | dict(identity), content["config"] | content.get("identity", {})
        differing, state = changed_fields(theirs, mine, may_change(config)), content["state"]
    if differing:
        raise CheckpointError(doing, f"the run differs: {', '.join(differing)}", "the run that started there", again)
    return state


def may_change(config: Settings) -> tuple[str, ...]:
    """Settings that may differ on resume.

    `iterations` is one of them unless the learning rate depends on it.
    """
    return (*_MAY_CHANGE, "iterations") if config.schedule == "constant" else _MAY_CHANGE
