"""Saves and loads a policy as one folder, which the simulator and the real arm both run.

FOLDER/bundle.json          what it is: head, image, backbone, data, metrics, versions
FOLDER/head.safetensors     the head's weights
FOLDER/backbone/            the frozen backbone, or only its name in bundle.json
FOLDER/README.md            model card
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import nn

from lace.alignment.model_card import STAND_IN_WARNING
from lace.backbones import BACKBONES, Backbone, is_stand_in, load_backbone
from lace.core.code_identity import added_code
from lace.core.errors import LaceError
from lace.core.files import publish_bytes, reading
from lace.core.geometry import Array
from lace.core.provenance import commit, versions
from policies.features import backbone_digest, tokens
from policies.heads import build_head
from policies.labelled import resized
from policies.policy import Observation, TwoPoints

FORMAT = 1
CONFIG, WEIGHTS, BACKBONE = "bundle.json", "head.safetensors", "backbone"


class BundleError(LaceError):
    """A bundle that is damaged or does not fit what it is used on."""


@dataclass(frozen=True)
class Camera:
    """Range of the training cameras; a policy refuses pictures of other ones."""

    width: int
    """[px] of the pictures as they were taken; they are resized to the bundle's image size."""
    height: int
    focal_px: tuple[float, float] = (0.0, float("inf"))
    """Least and largest focal length [px]."""


@dataclass(frozen=True)
class BundleConfig:
    """Everything about a policy but its weights."""

    head: str
    """Name of HEADS with its size ("detr:small")."""
    dim: int
    image_size: int
    """Side of the images that the backbone sees [px]."""
    camera: Camera
    backbone: str
    """Name that it was trained with."""
    backbone_digest: str
    licence: str
    """Of the weights."""
    data: Mapping[str, Any]
    """Regime, and a hash of the training frames."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT


class TwoPointPolicy:
    """Implements Policy: frozen backbone, head, points in pixels of the picture that was given."""

    def __init__(self, name: str, config: BundleConfig, backbone: Backbone, head: nn.Module):
        self.name, self.config = name, config
        self.backbone, self.head = backbone.eval(), head.eval()

    def reset(self, seed: int) -> None:
        """See Policy; nothing here is random."""

    def predict(self, observation: Observation) -> TwoPoints:
        """See Policy.

        Raises:
            BundleError: The picture is of another size or focal length than the training cameras'.
        """
        self._require_size((1, *observation.image.shape))
        self._require_camera(observation)
        end_effector, target = self.predict_batch(observation.image[None])[0]
        return TwoPoints(end_effector, target)

    @torch.inference_mode()
    def predict_batch(self, images: np.ndarray) -> Array:
        """Points (n, 2, 2) [px], end effector and target, of RGB images (n, height, width, 3) uint8."""
        self._require_size(images.shape)
        size, device = self.config.image_size, next(self.head.parameters()).device
        small = np.stack([resized(image, size) for image in images])
        x = torch.from_numpy(small).permute(0, 3, 1, 2).to(device).float() / 255
        shares = self.head(tokens(self.backbone, x)).float().cpu().numpy()
        return shares.astype(float) * np.array([images.shape[2], images.shape[1]])

    def _require_size(self, shape: tuple[int, ...]) -> None:
        camera = self.config.camera
        if len(shape) != 4 or shape[1:] != (camera.height, camera.width, 3):
            raise BundleError(
                f"predicting with {self.name}",
                f"pictures of shape {shape[1:]}",
                f"({camera.height}, {camera.width}, 3), as the policy was trained on",
                f"give --width {camera.width} --height {camera.height}, or train a policy for this camera",
            )

    def _require_camera(self, observation: Observation) -> None:
        low, high = self.config.camera.focal_px
        focal = float(observation.camera.K[0, 0])
        if not 0.8 * low <= focal <= 1.25 * high:
            raise BundleError(
                f"predicting with {self.name}",
                f"a camera of focal length {focal:.0f} px",
                f"{low:.0f} to {high:.0f} px, by a quarter at most beyond",
                "use a camera like those of training, or train a policy for this one",
            )


def save_bundle(
    folder: str | Path, config: BundleConfig, backbone: Backbone, head: nn.Module, with_backbone: bool = True
) -> Path:
    """Publishes a bundle as `folder` atomically; returns `folder`.

    Args:
        folder: Replaced if it is there.
        config: Of the policy.
        backbone: Frozen; copied into the bundle, or referred to by its name where `with_backbone` is False.
        head: Trained.
        with_backbone: False where the backbone's licence forbids copies.
    """
    folder = Path(folder)
    fresh = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    if with_backbone:
        backbone.save(fresh / BACKBONE)
    weights = {name: value.detach().cpu().contiguous() for name, value in head.state_dict().items()}
    publish_bytes(fresh / WEIGHTS, save(weights))
    content = asdict(config) | {"commit": commit(), "versions": versions(), "detr": _detr_config(head)}
    publish_bytes(fresh / CONFIG, json.dumps(content, indent=1, default=str).encode())
    publish_bytes(fresh / "README.md", _card(config).encode())
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return folder


def load_policy(folder: str | Path, *, device: str = "cpu", name: str = "") -> TwoPointPolicy:
    """The policy of a bundle, ready to predict.

    Args:
        folder: As `save_bundle` writes it.
        device: Where it computes.
        name: What it is called in tables; the folder by default.

    Raises:
        BundleError: The folder is no bundle, is damaged, lacks weights, or its backbone is another version now.
    """
    folder = Path(folder)
    config, detr = read_config(folder)
    doing = f"loading the policy {folder}"
    source = folder / BACKBONE if (folder / BACKBONE).is_dir() else config.backbone
    backbone = load_backbone(str(source), image_size=config.image_size)
    if (found := backbone_digest(backbone)) != config.backbone_digest:
        raise BundleError(
            doing,
            f"its backbone {source} has weights {found}",
            f"{config.backbone_digest}, which the head was trained on",
            "restore the backbone that it was trained with, or train the policy again",
        )
    head = build_head(config.head, config.dim, detr=detr)
    expected, again = f"all weights of a {config.head} head", "copy the whole bundle again, or train the policy again"
    with reading(folder / WEIGHTS, expected, again, BundleError):
        head.load_state_dict(load((folder / WEIGHTS).read_bytes()))
    return TwoPointPolicy(name or str(folder), config, backbone.to(device), head.to(device))


def read_config(folder: str | Path) -> tuple[BundleConfig, Mapping[str, Any] | None]:
    """(config, the transformer's configuration of a DETR head); BundleError where the folder is no bundle."""
    path = Path(folder) / CONFIG
    doing, remedy = f"loading the policy {folder}", "give the policy/ folder that `lace policy train` wrote"
    if not path.is_file():
        raise BundleError(doing, f"there is no {path}", "a bundle", remedy)
    with reading(path, f"a bundle of format {FORMAT}", remedy, BundleError, doing):
        content = json.loads(path.read_bytes())
        known: dict[str, Any] = {name: content[name] for name in BundleConfig.__dataclass_fields__}
        camera: dict[str, Any] = known["camera"] | {"focal_px": tuple(known["camera"]["focal_px"])}
        known["camera"] = Camera(**camera)
        config = BundleConfig(**known)
    if config.format != FORMAT:
        raise BundleError(
            doing, f"it is of format {config.format}", f"format {FORMAT}", "use the version that wrote it"
        )
    return config, content.get("detr")


def fingerprint(folder: str | Path) -> str:
    """SHA-256 of a bundle's config and weights, and of the code of a backbone that an installed package adds."""
    import hashlib

    config, _detr = read_config(folder)
    found = hashlib.sha256(f"{config.head} {config.image_size} {config.backbone_digest}".encode())
    found.update(added_code(BACKBONES, config.backbone).encode())
    found.update((Path(folder) / WEIGHTS).read_bytes())
    return found.hexdigest()[:16]


def licence_of(backbone: str) -> str:
    """Licence of a backbone's weights, if its name identifies it."""
    if backbone in BACKBONES:
        return BACKBONES[backbone].licence or "no licence: random weights"
    return "the base checkpoint's licence"


def focal_range(intrinsics: Sequence[Array]) -> tuple[float, float]:
    """Least and largest focal length [px] of matrices K."""
    focal = [float(np.asarray(K).reshape(3, 3)[0, 0]) for K in intrinsics]
    return (min(focal), max(focal)) if focal else (0.0, float("inf"))


def _detr_config(head: nn.Module) -> dict[str, Any] | None:
    config = getattr(head, "config", None)
    return None if config is None else config.to_diff_dict() | {"attn_implementation": config._attn_implementation}


def _card(config: BundleConfig) -> str:
    stand_in = f"\n> {STAND_IN_WARNING}\n" if is_stand_in(config.backbone) else ""
    rows = [f"| {name} | {value} |" for name, value in config.metrics.items()]
    return "\n".join(
        [
            f"# Two-point policy on {config.backbone}",
            stand_in,
            "One RGB image in; end effector and target out, in pixels. No proprioception (arXiv 2605.16743, sec. 5.3).",
            "",
            f"- head: {config.head}",
            f"- backbone: {config.backbone}, weights {config.backbone_digest}, {config.licence}",
            f"- pictures: {config.camera.width} x {config.camera.height} px, focal length {config.camera.focal_px} px",
            f"- data: {json.dumps(config.data, default=str)}",
            "",
            *(["| metric | value |", "|---|---|", *rows, ""] if rows else []),
            "```python",
            "from policies.bundle import load_policy",
            'policy = load_policy("FOLDER")',
            "points = policy.predict_batch(images)  # (n, height, width, 3) uint8 -> (n, 2, 2) px",
            "```",
            "",
            f"Commit `{commit()}`; " + ", ".join(f"{name} {number}" for name, number in versions().items()) + ".",
            "",
        ]
    )
