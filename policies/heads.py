"""Heads on frozen features, by name: the attentive probe or DETR, each for two points."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from lace.core.registry import Registry

HEADS: Registry[Callable[..., nn.Module]] = Registry("policy head")
"""Name -> builder (dim, size, seed, pretrained, detr) of (batch, rows, cols, dim) -> (batch, 2, 2) as shares."""


@HEADS.register("detr")
def _detr(dim: int, size: str, seed: int, pretrained: str, detr: Mapping[str, Any] | None) -> nn.Module:
    from policies.detr import model

    if detr is not None:
        return model.from_saved(dim, detr)
    return model.build_detr(dim, size or "paper", pretrained, seed)


@HEADS.register("probe")
def _probe(dim: int, size: str, seed: int, pretrained: str, detr: Mapping[str, Any] | None) -> nn.Module:
    from policies.probes import AttentiveProbe

    return AttentiveProbe(dim, points=2, seed=seed)


def build_head(
    text: str, dim: int, *, seed: int = 0, pretrained: str = "", detr: Mapping[str, Any] | None = None
) -> nn.Module:
    """The head that "NAME" or "NAME:SIZE" stands for; UnknownNameError with the nearest name.

    Args:
        text: "detr:paper", "detr:small" or "probe".
        dim: Width of the features.
        seed: Of its first weights.
        pretrained: Hub name or folder of a pretrained DETR.
        detr: Configuration of a saved transformer, whose weights will be loaded.
    """
    name, _, size = text.partition(":")
    return HEADS[name](dim, size, seed, pretrained, detr)


def code_digest() -> str:
    """SHA-256 of the source that decides what a head computes: results of older code are not taken for newer ones."""
    folder, found = Path(__file__).parent, hashlib.sha256()
    for name in ("positions.py", "probes.py", "detr/model.py"):
        found.update((folder / name).read_bytes())
    return found.hexdigest()[:16]
