"""ImageNet linear probe by the protocol of DINOv2 (Oquab et al. 2024, appendix B.3; DINOv3 has the same sweep).

A sweep over learning rates of SGD on the class token, with horizontal flips. Two differences, both for cached features:
there are no random crops, and the learning rate is chosen on a tenth of the training images, not on the test images.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from torchvision.datasets import ImageFolder

from lace.backbones import Backbone
from lace.core.content import content_of
from lace.core.draws import seed64
from lace.core.files import publish_bytes, reading
from lace.core.limits import Within
from lace.core.progress import track
from lace.measure.linear_classification import open_folders
from lace.measure.rates import Rate, exact_rate

_CHUNK = 4096
"""Images of one file of the cache: what an interruption can cost."""
_CHOOSING = 0.1
"""Share of the training images on which the learning rate is chosen."""


@dataclass(frozen=True)
class SweepConfig:
    """The probe; defaults are those of DINOv2."""

    learning_rates: Annotated[tuple[float, ...], Within(0, open_low=True)] = (
        *(1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1),
    )
    """For a batch of 256; scaled linearly with the batch."""
    steps: Annotated[int, Within(1)] = 12_500
    batch: Annotated[int, Within(1)] = 1024
    momentum: Annotated[float, Within(0, 1, open_high=True)] = 0.9
    seed: int = 0


@torch.no_grad()
def cached_features(
    backbone: Backbone, images: ImageFolder, cache: Path, key: str, device: torch.device, workers: int
) -> tuple[Tensor, Tensor]:
    """Pooled features (n, 2, dim) of each image and of its mirror image, and labels (n,); resumable.

    Args:
        backbone: The backbone.
        images: The images.
        cache: Folder of the cached features.
        key: Identity of backbone and image size.
        device: Device of the backbone.
        workers: Processes that read images.
    """
    name = hashlib.sha256(f"{key} {content_of([images.root])}".encode()).hexdigest()[:16]
    parts = []
    starts = range(0, len(images), _CHUNK)
    for start in track(starts, len(starts), f"features of {Path(images.root).name}", "chunks"):
        path = cache / f"{name}-{start // _CHUNK:05d}.pt"
        if not path.is_file():
            chunk = Subset(images, range(start, min(start + _CHUNK, len(images))))
            rows = [
                torch.stack([backbone.pooled(x.to(device)), backbone.pooled(x.flip(-1).to(device))], 1).cpu()
                for x, _ in DataLoader(chunk, 64, num_workers=workers)
            ]
            buffer = io.BytesIO()
            torch.save(torch.cat(rows), buffer)
            publish_bytes(path, buffer.getvalue())
        with reading(path, "features of images", "remove it: the same command computes it again"):
            parts.append(torch.load(path, weights_only=True))
    return torch.cat(parts), torch.tensor(images.targets)


def sweep(features: Tensor, labels: Tensor, classes: int, config: SweepConfig, device: torch.device) -> nn.ModuleList:
    """One linear classifier for each learning rate, trained together on features (n, 2, dim) of images and mirrors."""
    generator = torch.Generator().manual_seed(seed64(config.seed))
    linear = [nn.Linear(features.shape[-1], classes) for _ in config.learning_rates]
    heads = nn.ModuleList(linear)
    for head in linear:
        nn.init.normal_(head.weight, std=0.01, generator=generator)
        nn.init.zeros_(head.bias)
    heads.to(device)
    rates = [rate * config.batch / 256 for rate in config.learning_rates]
    groups = [{"params": head.parameters(), "lr": rate} for head, rate in zip(heads, rates, strict=True)]
    optimizer = torch.optim.SGD(groups, momentum=config.momentum)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    for _ in track(range(config.steps), config.steps, "linear probes", "steps"):
        chosen = torch.randint(len(features), (config.batch,), generator=generator)
        flipped = torch.randint(2, (config.batch,), generator=generator)
        x, y = features[chosen, flipped].to(device), labels[chosen].to(device)
        optimizer.zero_grad()
        torch.stack([nn.functional.cross_entropy(head(x), y) for head in heads]).sum().backward()
        optimizer.step()
        schedule.step()
    return heads.eval()


@torch.no_grad()
def _hits(head: nn.Module, features: Tensor, labels: Tensor, device: torch.device) -> int:
    parts = zip(features[:, 0].split(_CHUNK), labels.split(_CHUNK), strict=True)
    return sum(int((head(x.to(device)).argmax(-1).cpu() == y).sum()) for x, y in parts)


def sweep_classification(
    backbone: Backbone,
    folder: Path,
    size: int,
    device: torch.device,
    config: SweepConfig,
    *,
    cache: Path,
    key: str,
    workers: int = 0,
) -> tuple[Rate, int, float]:
    """(top-1 on val with its exact interval, number of classes, chosen learning rate)."""
    train, val = open_folders(folder, size)
    features, labels = cached_features(backbone, train, cache, key, device, workers)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed64(config.seed)))
    choosing, fitting = order[: max(1, round(_CHOOSING * len(order)))], order[max(1, round(_CHOOSING * len(order))) :]
    heads = sweep(features[fitting], labels[fitting], len(train.classes), config, device)
    hits = [_hits(head, features[choosing], labels[choosing], device) for head in heads]
    best = max(range(len(hits)), key=hits.__getitem__)
    test, truth = cached_features(backbone, val, cache, key, device, workers)
    rate = exact_rate(_hits(heads[best], test, truth, device), len(truth))
    return rate, len(train.classes), config.learning_rates[best]
