"""Linear classification of whole images on frozen features (sec. 5.7, ImageNet): ImageFolder layout, class token."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms.v2 import CenterCrop, Compose, Resize, ToDtype, ToImage

from lace.backbones import Backbone
from lace.core.draws import seed64
from lace.core.errors import DatasetError, InvalidValueError
from lace.core.limits import Within
from lace.core.progress import track
from lace.measure.rates import Rate, exact_rate

_RESIZE = 256 / 224
"""Shorter side before the centre crop, over the crop: the usual evaluation view of ImageNet."""


@dataclass(frozen=True)
class ClassificationConfig:
    """The short protocol of `--quick`, which is ours."""

    epochs: Annotated[int, Within(1)] = 50
    """Over the stored features; the backbone processes each image once."""
    batch: Annotated[int, Within(1)] = 1024
    learning_rate: Annotated[float, Within(0, open_low=True)] = 1e-3
    """Of AdamW, down to zero by a cosine."""
    weight_decay: Annotated[float, Within(0)] = 1e-4
    seed: int = 0


def open_folders(folder: Path, size: int) -> tuple[ImageFolder, ImageFolder]:
    """(train, val) of FOLDER/{train,val}/CLASS/IMAGE; DatasetError for another layout."""
    view = Compose([ToImage(), Resize(round(size * _RESIZE)), CenterCrop(size), ToDtype(torch.float32, scale=True)])
    parts = []
    for part in ("train", "val"):
        try:
            parts.append(ImageFolder(str(folder / part), view))
        except FileNotFoundError as error:
            raise DatasetError(
                f"opening the image-classification folder {folder}",
                f"{error}",
                f"{folder}/train/CLASS/IMAGE and {folder}/val/CLASS/IMAGE",
                "arrange the images so",
            ) from error
    train, val = parts
    if train.classes != val.classes:
        odd = sorted(set(train.classes) ^ set(val.classes))
        raise DatasetError(
            f"opening the image-classification folder {folder}",
            f"classes in one part only: {', '.join(odd[:5])}",
            "the same classes in train and val",
            "add or remove their folders",
        )
    return train, val


@torch.no_grad()
def pooled_features(
    backbone: Backbone, images: ImageFolder, device: torch.device, workers: int
) -> tuple[Tensor, Tensor]:
    """(features (n, dim), labels (n,)) on the CPU; one pass over the images."""
    loader = DataLoader(images, batch_size=64, num_workers=workers)
    title = f"features of {Path(images.root).name}"
    rows = [(backbone.pooled(x.to(device)).cpu(), y) for x, y in track(loader, len(loader), title, "batches")]
    features, labels = zip(*rows, strict=True)
    return torch.cat(features), torch.cat(labels)


def fit_linear(features: Tensor, labels: Tensor, classes: int, config: ClassificationConfig) -> nn.Module:
    """A linear classifier on standardised features (n, dim), by AdamW on the cross-entropy."""
    if not len(features):
        raise InvalidValueError("fitting a linear probe", "no features", "at least one image", "add training images")
    generator = torch.Generator().manual_seed(seed64(config.seed))
    linear = nn.Linear(features.shape[1], classes)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    head = nn.Sequential(_Standardise(features), linear)
    optimizer = torch.optim.AdamW(linear.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    steps = config.epochs * -(-len(features) // config.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(config.epochs):
        for part in torch.randperm(len(features), generator=generator).split(config.batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(head(features[part]), labels[part]).backward()
            optimizer.step()
            schedule.step()
    return head.eval()


class _Standardise(nn.Module):
    """Zero mean and unit variance by the training features."""

    mean: Tensor
    scale: Tensor

    def __init__(self, features: Tensor):
        super().__init__()
        self.register_buffer("mean", features.mean(0))
        self.register_buffer("scale", features.std(0, correction=0).clamp(min=1e-6))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.scale


@torch.no_grad()
def classification(
    backbone: Backbone, folder: Path, size: int, device: torch.device, config: ClassificationConfig, workers: int = 0
) -> tuple[Rate, int]:
    """(top-1 accuracy on val with its exact interval, number of classes)."""
    train, val = open_folders(folder, size)
    features, labels = pooled_features(backbone, train, device, workers)
    with torch.enable_grad():
        head = fit_linear(features, labels, len(train.classes), config)
    features, labels = pooled_features(backbone, val, device, workers)
    return exact_rate(int((head(features).argmax(-1) == labels).sum()), len(labels)), len(train.classes)
