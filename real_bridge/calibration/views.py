"""Views of the board: which are taken, which are missing, and instructions for the person who moves the arm."""

from dataclasses import dataclass, field

import numpy as np

from lace.core.counting import counted
from lace.core.geometry import Array, BoolArray
from real_bridge.calibration.board import Corners

LEAST_CORNERS = 8
"""Least number of corners of a usable view: the pose from fewer is inaccurate."""
APART_RAD, APART_M = 0.12, 0.04
"""A new view differs from every taken one by this much turning or moving of the board's link."""
CELLS = 3
"""The image is covered in a grid of so many cells each way."""


@dataclass(frozen=True)
class View:
    """One picture of the board with the arm standing still."""

    corners: Corners
    T_base_link: Array
    """(4, 4) of the link that carries the board, by forward kinematics."""
    joint_positions: Array
    """(joints,) [rad]."""
    image: np.ndarray
    """RGB (height, width, 3) uint8."""


@dataclass
class Views:
    """The views so far, of images width x height."""

    width: int
    height: int
    taken: list[View] = field(default_factory=list)

    def offer(self, view: View) -> str:
        """Takes a view that adds something; otherwise says why not. Returns "" where it was taken."""
        if len(view.corners.ids) < LEAST_CORNERS:
            return f"the board has only {counted(len(view.corners.ids), 'corner')} in view: show the whole board"
        if any(_near(view.T_base_link, other.T_base_link) for other in self.taken):
            return "like a view that is there already: turn or move the board more"
        self.taken.append(view)
        return ""

    def covered(self) -> BoolArray:
        """(CELLS, CELLS) bool: which parts of the image, by rows, had corners."""
        grid = np.zeros((CELLS, CELLS), bool)
        for view in self.taken:
            cells = (view.corners.uv / (self.width, self.height) * CELLS).astype(int).clip(0, CELLS - 1)
            grid[cells[:, 1], cells[:, 0]] = True
        return grid

    def turned_rad(self) -> float:
        """Second largest spread of the link's rotation: small where it was turned about one axis alone."""
        if len(self.taken) < 3:
            return 0.0
        from scipy.spatial.transform import Rotation

        rotations = Rotation.from_matrix([view.T_base_link[:3, :3] for view in self.taken])
        from_mean = rotations.mean().inv() * rotations
        vectors = from_mean.as_rotvec()  # ty: ignore[missing-union-attribute]  # SciPy's stub adds NotImplemented
        return float(np.linalg.svd(vectors - vectors.mean(0), compute_uv=False)[1] / np.sqrt(len(vectors)))

    def advice(self) -> str:
        """What to do next."""
        rows, columns = ("top", "middle", "bottom"), ("left", "middle", "right")
        empty = np.argwhere(~self.covered())
        if self.turned_rad() < LEAST_TURN_RAD and len(self.taken) >= 3:
            return "tilt the board about another axis"
        if len(empty):
            row, column = empty[0]
            return f"bring the board to the {rows[row]} {columns[column]} of the image"
        return "any new pose of the board"


LEAST_TURN_RAD = 0.12
"""Least second spread of the rotations: below, the hand-eye problem is nearly singular."""


def _near(one: Array, other: Array) -> bool:
    turn = np.arccos(np.clip((np.trace(one[:3, :3].T @ other[:3, :3]) - 1) / 2, -1, 1))
    return bool(turn < APART_RAD and np.linalg.norm(one[:3, 3] - other[:3, 3]) < APART_M)
