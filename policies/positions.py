"""Sinusoidal 2-D positions of a grid: as DETR has them (Carion et al. 2020), and finer ones for small grids."""

import math

import torch
from torch import Tensor

TEMPERATURE = 10_000
PATCH_TEMPERATURE = 100
"""Ratio of the longest wavelength to the shortest: of DETR's positions, and of `patch_positions`."""


def sine_positions(rows: int, cols: int, dim: int, device: torch.device = torch.device("cpu")) -> Tensor:  # noqa: B008
    """(rows, cols, dim): the first half of `dim` (a multiple of 4) codes the row, the second the column.

    Places run from 1 to n and are scaled to 2 pi at the last one; sines and cosines alternate over frequencies.
    """
    half = dim // 2
    frequency = TEMPERATURE ** -(2 * torch.div(torch.arange(half), 2, rounding_mode="floor") / half)

    def coded(count: int) -> Tensor:
        place = torch.arange(1, count + 1) / count * 2 * math.pi
        angle = place[:, None] * frequency
        return torch.stack([angle[:, 0::2].sin(), angle[:, 1::2].cos()], -1).flatten(1)

    y = coded(rows)[:, None].expand(-1, cols, -1)
    x = coded(cols)[None].expand(rows, -1, -1)
    return torch.cat([y, x], -1).to(device)


def patch_positions(rows: int, cols: int, dim: int, device: torch.device = torch.device("cpu")) -> Tensor:  # noqa: B008
    """(rows, cols, dim): the first half of `dim` (a multiple of 4) codes the row, the second the column.

    Wavelengths run from 6 to 600 patches. Those of `sine_positions` run to thousands of images: in a grid of 14 patches
    three of four of its numbers hardly change, and a probe on it learns several times slower (docs/results_policy.md).
    """
    quarter = dim // 4
    frequency = PATCH_TEMPERATURE ** -(torch.arange(quarter) / quarter)

    def coded(count: int) -> Tensor:
        angle = torch.arange(count)[:, None] * frequency
        return torch.cat([angle.sin(), angle.cos()], 1)

    y = coded(rows)[:, None].expand(-1, cols, -1)
    x = coded(cols)[None].expand(rows, -1, -1)
    return torch.cat([y, x], -1).to(device)
