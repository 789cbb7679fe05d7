"""Texture atlases: one 256 x 256 picture per object, divided into named cells that mesh parts refer to."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

SIZE = 256
GRID = 32
"""Cells are placed in steps of this many pixels."""
MARGIN = 2.0
"""Unused border of a cell, so that linear filtering never mixes two cells [px]."""


@dataclass(frozen=True)
class Cell:
    """A rectangle of the atlas in grid steps: left, top, width, height (8 x 8 steps in all)."""

    left: int
    top: int
    width: int
    height: int

    def uv(self, s: ArrayLike, t: ArrayLike) -> np.ndarray:
        """Texture coordinates (..., 2) of cell coordinates s (right) and t (up), both in [0, 1]."""
        s, t = np.clip(np.asarray(s, float), 0, 1), np.clip(np.asarray(t, float), 0, 1)
        x = self.left * GRID + MARGIN + s * (self.width * GRID - 2 * MARGIN)
        y = self.top * GRID + MARGIN + (1 - t) * (self.height * GRID - 2 * MARGIN)
        return np.stack([x / SIZE, 1 - y / SIZE], -1)

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """S and t of the cell's pixels, each (rows, columns); t falls from top to bottom."""
        rows, columns = self.height * GRID, self.width * GRID
        s = (np.arange(columns) + 0.5 - MARGIN) / (columns - 2 * MARGIN)
        t = 1 - (np.arange(rows) + 0.5 - MARGIN) / (rows - 2 * MARGIN)
        grid_s, grid_t = np.meshgrid(s, t)
        return grid_s, grid_t


SIDE = Cell(0, 0, 8, 4)
"""The upper half, for surfaces that wrap around."""
A, B, C, D = Cell(0, 4, 4, 4), Cell(4, 4, 2, 2), Cell(6, 4, 2, 2), Cell(4, 6, 2, 2)
E = Cell(6, 6, 2, 2)


class Atlas:
    """The image under construction."""

    def __init__(self):
        self._image = np.full((SIZE, SIZE, 3), 0.5, np.float32)

    def paint(self, cell: Cell, picture: ArrayLike) -> "Atlas":
        """Fills a cell with one colour (3,) or a picture (rows, columns, 3) in [0, 1], resized to fit."""
        picture = np.asarray(picture, np.float32)
        rows, columns = cell.height * GRID, cell.width * GRID
        if picture.ndim > 1 and picture.shape[:2] != (rows, columns):
            picture = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)
        top, left = cell.top * GRID, cell.left * GRID
        self._image[top : top + rows, left : left + columns] = picture
        return self

    def image(self, grain: np.ndarray | None = None) -> np.ndarray:
        """The atlas (256, 256, 3) uint8, its brightness multiplied by `grain` (256, 256)."""
        image = self._image if grain is None else self._image * grain[..., None]
        return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
