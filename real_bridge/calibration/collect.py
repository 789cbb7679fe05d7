"""Takes views while a person moves the arm: one each time it stands still with the board in a new pose."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from lace.core.geometry import Array
from lace.core.kinematics import Kinematics
from real_bridge.calibration.board import BoardSpec, Corners, find_corners
from real_bridge.calibration.views import View, Views
from real_bridge.cameras.camera import Camera, Frame
from real_bridge.faults import DeviceFault
from real_bridge.rig import Rig

STILL_RAD, STILL_S = 3e-3, 0.4
"""The arm stands still when its joints stay within this for so long; then a picture is sharp and belongs to them."""
LOOK_S = 0.05
MOST_LOST = 10
"""Readings in a row that may fail."""


@dataclass(frozen=True)
class Moment:
    """A picture of the arm standing still."""

    frame: Frame
    joint_positions: Array


class Stillness:
    """Detects standstill of the arm and returns the first picture taken in each."""

    def __init__(self, rig: Rig, camera: Camera):
        self.rig, self.camera = rig, camera
        self._joints: Array | None = None
        self._since, self._given, self._lost = 0.0, False, 0

    def look(self) -> Moment | None:
        """One Moment each time the arm comes to rest; None otherwise."""
        try:
            arm, hand = self.rig.arm.read(), self.rig.hand.read()
        except DeviceFault:  # nothing is commanded here: one lost answer is waited out
            self._lost += 1
            if self._lost > MOST_LOST:
                raise
            return None
        self._lost = 0
        q = np.concatenate([arm.positions, hand.positions])
        if self._joints is None or np.abs(q - self._joints).max() > STILL_RAD:
            self._joints, self._since, self._given = q, time.monotonic(), False
        frame = self.camera.newest()
        if self._given or frame.stamp_s < self._since + STILL_S:
            return None
        self._given = True
        return Moment(frame, q)


@dataclass(frozen=True)
class BoardOnLink:
    """What carries the board, and how it looks."""

    spec: BoardSpec
    link: str
    kinematics: Kinematics

    def view(self, moment: Moment) -> View | None:
        """The view of a moment, None where no board is seen."""
        corners = find_corners(moment.frame.image, self.spec)
        if corners is None:
            return None
        poses = self.kinematics.link_poses(moment.joint_positions)
        T = poses[self.kinematics.link_index[self.link]]
        return View(corners, T, moment.joint_positions, moment.frame.image)


def collect(
    stillness: Stillness, board: BoardOnLink, count: int, seconds: float, tell: Callable[[str, np.ndarray], None]
) -> Views:
    """Views until there are `count`, or the time is over; `tell` gets the instruction and the newest picture."""
    height, width = stillness.camera.newest().image.shape[:2]
    views, end = Views(width, height), time.monotonic() + seconds
    while len(views.taken) < count and time.monotonic() < end:
        moment = stillness.look()
        if moment is not None:
            view = board.view(moment)
            refused = "the board is not seen" if view is None else views.offer(view)
            words = f"{len(views.taken)} of {count}: {refused or 'taken'}; next: {views.advice()}"
            tell(words, drawn(moment.frame.image, None if view is None else view.corners))
        time.sleep(LOOK_S)
    return views


def pictures(stillness: Stillness, count: int, seconds: float, tell: Callable[[str, np.ndarray], None]) -> list[Moment]:
    """Pictures of the arm at rest in different poses, board or not."""
    taken: list[Moment] = []
    end = time.monotonic() + seconds
    while len(taken) < count and time.monotonic() < end:
        moment = stillness.look()
        if moment is not None:
            taken.append(moment)
            tell(f"{len(taken)} of {count} pictures; move the arm to another place", moment.frame.image)
        time.sleep(LOOK_S)
    return taken


def drawn(image: np.ndarray, corners: Corners | None) -> np.ndarray:
    """A copy with the corners that were found."""
    out = image.copy()
    for u, v in [] if corners is None else corners.uv:
        cv2.circle(out, (round(u), round(v)), 3, (0, 220, 60), 1, cv2.LINE_AA)
    return out
