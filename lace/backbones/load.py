"""From a short name, hub id or folder to a backbone."""

import json
from pathlib import Path

import torch

from lace.backbones.backbone import BACKBONES, STAND_IN_KEY, Backbone, BackboneError
from lace.core.errors import UnknownNameError


def is_stand_in(name: str) -> bool:
    """Whether `name` is of random weights: a short name of such, or a folder of what was fine-tuned from one."""
    path = Path(name) / "config.json"
    if path.is_file():
        return json.loads(path.read_text()).get(STAND_IN_KEY, False)
    return name in BACKBONES and BACKBONES[name].hub is None


def load_backbone(
    name: str = "dinov3-s", *, image_size: int = 224, device: str | torch.device = "cpu", seed: int = 0
) -> Backbone:
    """A backbone in eval mode, float32, on `device`.

    Args:
        name: A short name of `BACKBONES`, a hub id ("owner/model") or a local folder as `save` writes it.
        image_size: Side of the images it will see [px]; V-JEPA 2 lays its positions out for exactly this size.
        device: Where it is put.
        seed: Of the random weights; only "tiny" has any.

    Raises:
        BackboneError: The checkpoint is gated, missing, unreachable or of an unknown family.
        UnknownNameError: `name` is neither a short name, nor a hub id, nor a folder.
    """
    from lace.backbones import families

    if Path(name).is_dir():
        return families.load_pretrained(name, Path(name), image_size).to(device)
    if name in BACKBONES:
        spec = BACKBONES[name]
        if spec.hub is None:
            return families.tiny(seed=seed).to(device)
        return families.load_pretrained(name, spec.hub, image_size).to(device)
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise BackboneError(
            f"loading the backbone {name!r}",
            "there is no such folder",
            "a folder with config.json and model.safetensors",
            "check the path; `lace finetune` writes one to OUT/backbone",
        )
    if "/" in name:
        return families.load_pretrained(name, name, image_size).to(device)
    raise UnknownNameError("backbone", name, BACKBONES)
