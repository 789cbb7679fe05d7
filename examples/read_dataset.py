"""Read a dataset: as records, in pandas without our code, and as batches in PyTorch.

python examples/read_dataset.py runs/first
"""

import sys
from pathlib import Path

import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset

from lace.core.keypoints import NAMES, Visibility
from lace.data.dataset import FrameDataset


class Frames(Dataset):
    """(image (3, h, w) in [0, 1], keypoints (21, 2) [px], visible (21,)) of each frame."""

    def __init__(self, folder: Path):
        self.records = FrameDataset(folder)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        record = self.records[i]
        image = torch.from_numpy(record.image).permute(2, 0, 1).float() / 255
        visible = torch.from_numpy(record.visibility == Visibility.VISIBLE)
        return image, torch.from_numpy(record.keypoints_uv).float(), visible


def main(folder: Path) -> None:
    """Prints what is in the dataset in three ways."""
    first = FrameDataset(folder)[0]
    thumb = first.keypoints_uv[NAMES.index("thumb_tip")]
    print(f"frame 0: image {first.image.shape}, thumb tip at {thumb.round(1)} px")

    table = pd.concat(pd.read_parquet(path) for path in sorted(folder.glob("shards/*.parquet")))
    print(f"pandas: {len(table)} rows, {len(table.columns)} columns, for example {', '.join(table.columns[:5])}")

    images, keypoints, visible = next(iter(DataLoader(Frames(folder), batch_size=4)))
    print(f"torch: images {tuple(images.shape)}, keypoints {tuple(keypoints.shape)}, {int(visible.sum())} visible")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
