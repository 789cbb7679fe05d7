"""Frozen features of labelled frames: computed once, kept on disk by the content of images and backbone."""

import hashlib
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from lace.backbones import Backbone
from lace.backbones.identity import foreign_code
from lace.core.files import publish_bytes, reading
from lace.core.progress import track
from policies.labelled import LabelledFrames

CHUNK = 32
"""Images a forward pass."""


class Features(Protocol):
    """Frozen features of n frames."""

    digest: str
    """Of everything that they depend on."""

    def __len__(self) -> int: ...

    def rows(self, index: Tensor) -> Tensor:
        """(len(index), rows, cols, dim) float32."""
        ...


class StoredFeatures:
    """Features in memory, in half precision."""

    def __init__(self, values: Tensor, digest: str):
        self.values, self.digest = values, digest

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, index: Tensor) -> Tensor:
        """See Features."""
        return self.values[index].float()

    def to(self, device: torch.device) -> "StoredFeatures":
        """The same on another device."""
        return StoredFeatures(self.values.to(device), self.digest)


class SeenThrough:
    """Features of augmented images, computed at each step."""

    def __init__(self, backbone: Backbone, frames: LabelledFrames, blur_px: float, noise: float):
        """Builds it.

        Args:
            backbone: Frozen.
            frames: Whose images.
            blur_px: Largest standard deviation of a Gaussian blur [px].
            noise: Largest change of each channel's brightness, as a share.
        """
        self.backbone, self.frames, self.blur_px, self.noise = backbone, frames, blur_px, noise
        self.digest = f"{_content(backbone, frames)}-blur{blur_px:g}-noise{noise:g}"

    def __len__(self) -> int:
        return len(self.frames)

    def rows(self, index: Tensor) -> Tensor:
        """See Features; random by torch's global generator, which the fit seeds at each step."""
        from torchvision.transforms.v2.functional import gaussian_blur

        device = next(self.backbone.parameters()).device
        images = self.frames.images(index.tolist()).to(device).float() / 255
        sigma = float(torch.rand(())) * self.blur_px
        images = gaussian_blur(images, [5, 5], [sigma]) if sigma > 0.05 else images
        gain = 1 + self.noise * (2 * torch.rand(len(images), 3, 1, 1) - 1)
        return tokens(self.backbone, (images * gain.to(device)).clamp(0, 1))


@torch.no_grad()
def tokens(backbone: Backbone, images: Tensor) -> Tensor:
    """Features (n, rows, cols, dim) of images in [0, 1], each of length sqrt(dim): LACE aligns directions alone."""
    found = backbone(images)
    return nn.functional.normalize(found, dim=-1) * found.shape[-1] ** 0.5


def backbone_digest(backbone: Backbone) -> str:
    """SHA-256 of the weights and of how they are read, as 16 hexadecimal digits."""
    found = hashlib.sha256(f"{backbone.patch} {backbone.dim}".encode())
    for name, value in sorted(backbone.state_dict().items()):
        found.update(name.encode())
        found.update(value.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:16]


def cached_features(backbone: Backbone, frames: LabelledFrames, cache: str | Path) -> StoredFeatures:
    """Features of all frames, from `cache` if the same images were seen by the same weights before.

    Args:
        backbone: Frozen, on the device that it computes on.
        frames: Whose images.
        cache: Folder of files named by content; it may be deleted at any time.
    """
    digest = _content(backbone, frames)
    path = Path(cache) / f"{digest}.safetensors"
    if not path.is_file():
        publish_bytes(path, save({"features": _computed(backbone, frames)}))
    with reading(path, "features of images", "remove it: the same command computes it again"):
        return StoredFeatures(load_file(path)["features"], digest)


def _content(backbone: Backbone, frames: LabelledFrames) -> str:
    parts = frames.digest(), backbone_digest(backbone), foreign_code(backbone)
    return "-".join(filter(None, parts))


def _computed(backbone: Backbone, frames: LabelledFrames) -> Tensor:
    device, found = next(backbone.parameters()).device, []
    parts = np.array_split(np.arange(len(frames)), max(1, -(-len(frames) // CHUNK)))
    for part in track(parts, len(parts), f"features of {len(frames)} frames", "batches"):
        images = frames.images(part.tolist()).to(device).float() / 255
        with torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda"):
            found.append(tokens(backbone, images).half().cpu())
    return torch.cat(found)
