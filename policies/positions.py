"""Sinusoidal 2-D positions of a grid, as DETR has them (Carion et al. 2020)."""

import math
from functools import lru_cache

import torch
from torch import Tensor

TEMPERATURE = 10_000


@lru_cache(maxsize=8)
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
