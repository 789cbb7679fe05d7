"""Requirements of every robot cell. A test file subclasses `CellLaws` and provides a new `cell` fixture per test."""

import numpy as np
import pytest

from policies.cell import RobotCell
from policies.outcome import SafetyStop
from policies.path import JointPath, sealed


def still_path(cell: RobotCell, offset: float = 0.0):
    """A path of half a second that stays at the measured joints, or `offset` [rad] away from them."""
    q = cell.observe().joint_positions[: cell.embodiment.arm_dof] + offset
    return sealed(JointPath(np.array([0, 0.5]), np.stack([q, q])), 0.0)


class CellLaws:
    """Requirements of `RobotCell`."""

    def test_it_implements_robot_cell(self, cell):
        assert isinstance(cell, RobotCell)

    def test_an_observation_is_fresh_and_whole(self, cell):
        seen = cell.observe()
        height, width = seen.image.shape[:2]
        assert seen.image.dtype == np.uint8
        assert (width, height) == (seen.camera.width, seen.camera.height)
        assert seen.joint_positions.shape == (len(cell.embodiment.joints),)
        now = cell.now()
        assert 0 <= now - seen.image_stamp_s <= cell.freshness.image_s
        assert 0 <= now - seen.state_stamp_s <= cell.freshness.state_s

    def test_depth_comes_when_asked(self, cell):
        seen = cell.observe(depth=True)
        assert seen.depth_m.shape == seen.image.shape[:2]
        assert (seen.depth_m >= 0).all()

    def test_the_clock_advances_during_motion(self, cell):
        before = cell.now()
        cell.follow(still_path(cell))
        assert cell.now() - before >= 0.5

    def test_only_checked_paths_are_followed(self, cell):
        path = still_path(cell)
        with pytest.raises(TypeError, match="PathChecker"):
            cell.follow(JointPath(path.times_s, path.positions))

    def test_a_path_that_starts_elsewhere_is_refused(self, cell):
        with pytest.raises(SafetyStop, match="from where the path starts"):
            cell.follow(still_path(cell, offset=0.2))

    def test_hand_targets_beyond_a_limit_are_refused(self, cell):
        limits = cell.embodiment.limits[cell.embodiment.arm_dof :]
        with pytest.raises(SafetyStop, match="within limits"):
            cell.hand(limits[:, 1] + 0.1, 0.1)
        with pytest.raises(SafetyStop, match="finite"):
            cell.hand(np.full(len(limits), np.nan), 0.1)

    def test_after_a_stop_nothing_moves(self, cell):
        path = still_path(cell)
        cell.stop("a test")
        cell.stop("again")
        with pytest.raises(SafetyStop, match="a test"):
            cell.follow(path)
        with pytest.raises(SafetyStop, match="a test"):
            cell.hand(cell.embodiment.home[cell.embodiment.arm_dof :], 0.1)
