"""Patch features of labelled images with their keypoints."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Described:
    """The features of the images of one embodiment, L2-normalised, with their keypoints."""

    features: Tensor
    """(n, rows * cols, dim)."""
    grid: tuple[int, int]
    """Rows, columns."""
    keypoints: Tensor
    """(n, k, 2) [px], x right and y down from the image's outer corner."""
    visible: Tensor
    """(n, k) bool."""
    patch: int
    """Side of a patch [px]."""

    @property
    def centres(self) -> Tensor:
        """Centres of the patches (rows * cols, 2) [px]."""
        return patch_centres(self.grid, self.patch)

    @property
    def tokens(self) -> Tensor:
        """Index of the patch that holds each keypoint (n, k); 0 where it is not visible."""
        rows, cols = self.grid
        cell = torch.nan_to_num(self.keypoints / self.patch).floor().long()
        index = cell[..., 1].clamp(0, rows - 1) * cols + cell[..., 0].clamp(0, cols - 1)
        return torch.where(self.visible, index, 0)

    @property
    def descriptors(self) -> Tensor:
        """Feature of each keypoint's patch (n, k, dim)."""
        index = self.tokens[..., None].expand(-1, -1, self.features.shape[-1])
        return self.features.gather(1, index)


def patch_centres(grid: tuple[int, int], patch: int) -> Tensor:
    """Centres of a grid of patches (rows * cols, 2) [px], row by row."""
    y, x = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    return (torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * patch
