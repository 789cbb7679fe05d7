"""Training a part of a backbone: frozen lower layers, low-rank adapters, recomputed activations."""

import functools
from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

from lace.core.draws import seed64
from lace.core.errors import InvalidValueError

_LORA_SCALE = 2
"""Ratio of LoRA's alpha to its rank, the usual choice (Hu et al. 2022 tune it once and keep it)."""


def layers_of(backbone: nn.Module) -> Sequence[nn.Module]:
    """The repeated layers of a backbone, lowest first: its list of modules with the most trainable parameters.

    Raises:
        InvalidValueError: The backbone has no list of layers.
    """
    lists = [module for module in backbone.modules() if isinstance(module, (nn.ModuleList, nn.Sequential))]
    if not lists:
        raise InvalidValueError(
            "looking for the backbone's layers",
            f"{type(backbone).__name__} has no ModuleList",
            "a backbone with a list of layers",
            "leave out --frozen-layers, --lora-rank and --activation-checkpointing",
        )
    largest = max(lists, key=lambda module: sum(p.numel() for p in module.parameters() if p.requires_grad))
    return list(largest)


def freeze_lower(backbone: nn.Module, count: int) -> None:
    """Freezes everything below the layers and the first `count` of the layers; the rest is trained as before.

    Raises:
        InvalidValueError: `count` is not below the number of layers.
    """
    layers = layers_of(backbone)
    if count >= len(layers):
        raise InvalidValueError(
            "freezing lower layers",
            f"--frozen-layers {count} of a backbone with {len(layers)}",
            f"at most {len(layers) - 1}",
            "freeze fewer layers",
        )
    trained = {id(p) for layer in layers[count:] for p in layer.parameters() if p.requires_grad}
    above = {id(p) for p in _parameters_after(backbone, layers)}
    for parameter in backbone.parameters():
        parameter.requires_grad_(parameter.requires_grad and id(parameter) in trained | above)


def _parameters_after(backbone: nn.Module, layers: Sequence[nn.Module]) -> list[nn.Parameter]:
    """Parameters registered after the last layer (the final norm)."""
    everything = list(backbone.parameters())
    last = {id(p) for p in layers[-1].parameters()}
    end = max(i for i, p in enumerate(everything) if id(p) in last)
    return everything[end + 1 :]


def add_lora(backbone: nn.Module, rank: int, seed: int) -> None:
    """Puts adapters of `rank` on the linear maps of all layers; only they are trained.

    The function of the backbone does not change: an adapter starts at zero.

    Raises:
        InvalidValueError: `peft` is not installed, or the layers have no linear map.
    """
    import torch

    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise InvalidValueError(
            "adding low-rank adapters", "the package peft is not installed", "peft", "run `uv sync --extra lora`"
        ) from error
    inside = {id(module) for layer in layers_of(backbone) for module in layer.modules()}
    targets = [
        name for name, module in backbone.named_modules() if isinstance(module, nn.Linear) and id(module) in inside
    ]
    if not targets:
        raise InvalidValueError(
            "adding low-rank adapters",
            f"the layers of {type(backbone).__name__} have no linear map",
            "a transformer",
            "leave out --lora-rank",
        )
    config = LoraConfig(r=rank, lora_alpha=_LORA_SCALE * rank, target_modules=targets, lora_dropout=0.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed64(seed))
        inject_adapter_in_model(config, backbone)


def merge_lora(backbone: nn.Module) -> None:
    """Adds the adapters to the weights of their linear maps and removes them, so that the backbone saves as usual."""
    for name, module in list(backbone.named_modules()):
        if hasattr(module, "base_layer") and hasattr(module, "merge"):
            module.merge()
            parent = backbone.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], module.base_layer)


def recompute_activations(backbone: nn.Module) -> None:
    """Makes every layer recompute its activations in the backward pass."""
    for layer in layers_of(backbone):
        layer.forward = _recomputed(layer.forward)


def _recomputed(forward: Any) -> Any:
    @functools.wraps(forward)
    def recomputed(*args: Any, **kwargs: Any) -> Any:
        return checkpoint(forward, *args, use_reentrant=False, **kwargs)

    return recomputed
