"""Semantic segmentation by a linear head on frozen patch features (sec. 5.7, ADE20K): folder layout, mean IoU."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchmetrics.functional.classification import multiclass_confusion_matrix

from lace.backbones import Backbone
from lace.core.draws import generator, seed64
from lace.core.errors import DatasetError, InvalidValueError
from lace.core.limits import Within
from lace.core.progress import track
from lace.measure.bootstrap import Interval, image_weights

PARTS = {"train": "training", "val": "validation"}
IGNORED = -1
"""Label of pixels that belong to no class: 0 in ADE20K's files, whose classes count from 1."""


@dataclass(frozen=True)
class SegmentationConfig:
    """The short protocol of `--quick`, which is ours."""

    classes: Annotated[int, Within(1)] = 150
    """Of ADE20K's scene parsing benchmark."""
    iterations: Annotated[int, Within(1)] = 4000
    batch: Annotated[int, Within(1)] = 16
    learning_rate: Annotated[float, Within(0, open_low=True)] = 1e-3
    """Of AdamW, down to zero by a cosine."""
    weight_decay: Annotated[float, Within(0)] = 1e-3
    seed: int = 0


class SegmentationFolder(Dataset):
    """FOLDER/images/PART/NAME.jpg with FOLDER/annotations/PART/NAME.png, as ADE20K comes."""

    def __init__(self, folder: Path, part: str, size: int, classes: int):
        """Creates a segmentation folder.

        Args:
            folder: The data.
            part: "train" or "val".
            size: Side to which image and labels are resized [px].
            classes: How many there are; a file with a larger label is an error.
        """
        self.size, self.classes = size, classes
        self.images = sorted((folder / "images" / PARTS[part]).glob("*.jpg"))
        self.labels = [folder / "annotations" / PARTS[part] / f"{path.stem}.png" for path in self.images]
        missing = [path for path in self.labels if not path.is_file()]
        if not self.images or missing:
            raise DatasetError(
                f"opening the segmentation folder {folder}",
                f"no {missing[0]}" if missing else f"no jpg in {folder / 'images' / PARTS[part]}",
                "images/{training,validation}/NAME.jpg with annotations/{training,validation}/NAME.png",
                "unpack ADEChallengeData2016 and give its folder",
            )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, label = self.full(index)
        image = cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA)
        label = cv2.resize(label, (self.size, self.size), interpolation=cv2.INTER_NEAREST)
        return torch.from_numpy(image).permute(2, 0, 1).float() / 255, torch.from_numpy(label.astype(np.int64)) - 1

    def full(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Image (H, W, 3) uint8 RGB and labels (H, W) as in the files; raises DatasetError for unreadable ones."""
        # The labels belong to the pixels as stored, so a rotation in the metadata must not be applied.
        flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
        image = cv2.imread(str(self.images[i]), flags)
        label = cv2.imread(str(self.labels[i]), cv2.IMREAD_UNCHANGED)
        if image is None or label is None or label.ndim != 2 or label.max() > self.classes:
            got = "unreadable" if image is None or label is None else f"labels {label.shape} up to {label.max()}"
            raise DatasetError(
                f"reading {self.labels[i]}",
                got,
                f"one channel of 0 (none) to {self.classes}",
                "fix the file, or give --classes",
            )
        if image.shape[:2] != label.shape:
            raise DatasetError(
                f"reading {self.labels[i]}",
                f"labels of {label.shape[::-1]} px for an image of {image.shape[1::-1]} px",
                "labels of the image's size",
                "fix the file",
            )
        return image, label


class LinearHead(nn.Module):
    """Batch norm and one linear layer on every patch, upsampled to pixels."""

    def __init__(self, dim: int, classes: int):
        super().__init__()
        self.norm, self.linear = nn.BatchNorm2d(dim), nn.Conv2d(dim, classes, 1)

    def forward(self, features: Tensor, size: int) -> Tensor:
        """Features (n, rows, cols, dim) to logits (n, classes, size, size)."""
        logits = self.linear(self.norm(features.permute(0, 3, 1, 2)))
        return nn.functional.interpolate(logits, (size, size), mode="bilinear", align_corners=False)


def fit_head(
    backbone: Backbone, data: SegmentationFolder, device: torch.device, config: SegmentationConfig, workers: int
) -> LinearHead:
    """The head after `iterations` steps of AdamW on the cross-entropy; the backbone stays as it is."""
    torch.manual_seed(seed64(config.seed))
    head = LinearHead(backbone.dim, config.classes).to(device)
    optimizer = torch.optim.AdamW(head.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.iterations)
    drawn = RandomSampler(
        data,
        replacement=True,
        num_samples=config.iterations * config.batch,
        generator=torch.Generator().manual_seed(seed64(config.seed)),
    )
    loader = DataLoader(data, config.batch, sampler=drawn, num_workers=workers)
    for images, labels in track(loader, len(loader), "linear head", "steps"):
        with torch.no_grad():
            features = backbone(images.to(device))
        loss = nn.functional.cross_entropy(head(features, data.size), labels.to(device), ignore_index=IGNORED)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return head.eval()


@torch.no_grad()
def overlaps(
    backbone: Backbone, head: LinearHead, data: SegmentationFolder, device: torch.device, workers: int
) -> tuple[np.ndarray, np.ndarray]:
    """Intersection and union [px] of each class in each image, both (images, classes)."""
    both = []
    for images, labels in track(DataLoader(data, 1, num_workers=workers), len(data), "mean IoU", "images"):
        answer = head(backbone(images.to(device)), data.size).argmax(1).cpu()
        matrix = multiclass_confusion_matrix(answer, labels, data.classes, ignore_index=IGNORED).double()
        hit = matrix.diagonal()
        both.append((hit.numpy(), (matrix.sum(0) + matrix.sum(1) - hit).numpy()))
    hits, unions = zip(*both, strict=True)
    return np.stack(hits), np.stack(unions)


def mean_iou(hits: np.ndarray, unions: np.ndarray, seed: int = 0) -> Interval:
    """Mean over classes of intersection over union, both summed over images; its interval resamples images.

    Classes that are neither labelled nor answered anywhere are left out of the mean.
    """
    if not unions.sum():
        raise InvalidValueError(
            "measuring mean IoU", "no labelled pixel", "labels above 0", "check the annotations of the validation part"
        )
    weights = image_weights(len(hits), generator(seed))
    draws = [_mean_of_ratios(w @ hits, w @ unions) for w in weights if (w @ unions).any()]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(_mean_of_ratios(hits.sum(0), unions.sum(0)), float(low), float(high))


def _mean_of_ratios(hits: np.ndarray, unions: np.ndarray) -> float:
    return float((hits[unions > 0] / unions[unions > 0]).mean())
