"""A ChArUco board in the emulated cell: what it looks like, and a robot whose scene has one."""

from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from assets.shapes import Mesh
from lace.core.geometry import Array
from real_bridge.calibration.board import BoardSpec
from sim_envs.bodies.registry import BODIES
from sim_envs.bodies.robot.body import RobotBody
from sim_envs.rendering.library import Library
from sim_envs.rendering.slot_table import PARKED, SlotTable

PIXELS_PER_SQUARE = 96
ON_HAND = np.array([[1.0, 0, 0, -0.05], [0, 1, 0, -0.107], [0, 0, 1, -0.1], [0, 0, 0, 1]])
"""T_palm_board of a board held before the palm, printed side away from it: 10 cm in front [m]."""


def board_mesh(spec: BoardSpec) -> Mesh:
    """The printed side at z = 0, seen from -z as OpenCV has it; and a back a millimetre behind it."""
    width, height = spec.size_m
    corners = np.array([[0, 0, 0], [width, 0, 0], [width, height, 0], [0, height, 0]], np.float32)
    back = corners + np.array([0, 0, 1e-3], np.float32)
    uvs = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
    normals = np.repeat(np.array([[0, 0, -1], [0, 0, 1]], np.float32), 4, axis=0)
    faces = np.array([[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7]], np.int32)
    white = np.full((4, 2), 0.5 / PIXELS_PER_SQUARE / max(spec.columns, spec.rows), np.float32)
    return Mesh(np.concatenate([corners, back]), faces, normals, np.concatenate([uvs, white]))


def board_picture(spec: BoardSpec) -> np.ndarray:
    """RGB (height, width, 3) uint8 of the whole board, no margin."""
    size = (spec.columns * PIXELS_PER_SQUARE, spec.rows * PIXELS_PER_SQUARE)
    return cv2.cvtColor(spec.opencv().generateImage(size), cv2.COLOR_GRAY2RGB)


@dataclass
class BoardInLibrary:
    """Numbers of the board's mesh and texture."""

    mesh: int = -1
    texture: int = -1

    def show(self, table: SlotTable, slot: int, T_world_board: Array | None) -> None:
        """Puts the board into a slot (n worlds alike), or parks it."""
        table.T[:, slot] = np.eye(4)
        table.T[:, slot, :3, 3] = PARKED
        if T_world_board is None:
            return
        table.source[:, slot], table.texture[:, slot], table.scale[:, slot] = self.mesh, self.texture, 1.0
        table.colour[:, slot], table.gloss[:, slot], table.T[:, slot] = 1.0, 0.0, T_world_board


class RobotWithBoard(RobotBody):
    """A robot that brings a board into its library; everything else is the robot's."""

    def __init__(self, name: str, spec: BoardSpec, config):
        super().__init__(name, config)
        self.spec, self.board = spec, BoardInLibrary()

    def register(self, library: Library, worlds: int) -> None:
        """See Body."""
        super().register(library, worlds)
        self.board.mesh = library.add_mesh(board_mesh(self.spec))
        self.board.texture = library.add_texture(board_picture(self.spec), 1.0)


WITH_BOARD = "xarm7_leap_with_board"
if WITH_BOARD not in BODIES:
    BODIES.add(WITH_BOARD, partial(RobotWithBoard, "xarm7_leap", BoardSpec()))
