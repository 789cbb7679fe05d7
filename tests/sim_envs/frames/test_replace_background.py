"""Replaced backgrounds: the foreground is unchanged, the rest is the new image, each frame records its mask method."""

import cv2
import numpy as np
import pytest

from lace.cli import main as cli
from lace.data.dataset import FrameDataset
from lace.data.imports.writing import Candidate, write_frames
from lace.data.verify import verify_dataset
from sim_envs.frames.backgrounds import Rooms, open_backgrounds
from tests import tiny_detectors as tiny
from tests.sim_envs.frames.test_backgrounds import drawn_hand
from tests.synthetic import make_dataset

JPEG_LEVELS = 12
"""Upper bound of the mean change of noise by JPEG at quality 95 [of 255]."""


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "green.png"), np.full((50, 90, 3), (0, 200, 0), np.uint8))
    return folder


@pytest.fixture
def hands(tmp_path):
    """A dataset of one labelled photograph without segmentation, and the true mask."""
    record, mask = drawn_hand()
    return write_frames(tmp_path / "hands", [Candidate("hand", lambda: record)], {}).out, mask


def replaced(folder, out, *options):
    assert cli.main(["data", "replace-background", str(folder), "--out", str(out), *map(str, options)]) == 0
    assert not verify_dataset(out).problems
    return FrameDataset(out)


def test_a_dataset_masks_itself(tmp_path, photos, capsys):
    before = FrameDataset(make_dataset(tmp_path / "before"))
    after = replaced(before.folder, tmp_path / "after", "--backdrop", photos)
    assert "6 by the dataset's segmentation" in capsys.readouterr().out
    for old, new in zip(before, after, strict=True):
        stays = old.mask(semantic="robot") | old.mask(semantic="target")
        inside = cv2.erode(stays.astype(np.uint8), np.ones((5, 5))) > 0
        outside = cv2.dilate(stays.astype(np.uint8), np.ones((17, 17))) == 0  # JPEG blocks without an edge
        assert np.abs(new.image[inside].astype(int) - old.image[inside]).mean() < JPEG_LEVELS
        assert np.abs(new.image[outside].astype(int) - (0, 200, 0)).mean() < 4
        np.testing.assert_array_equal(new.segmentation, np.where(stays, old.segmentation, 0))
        np.testing.assert_array_equal(new.keypoints_uv, old.keypoints_uv)
        assert new.draws["background.mask"] == "segmentation" and new.room == "photos"


def test_a_photograph_is_masked_by_grabcut_and_says_so(tmp_path, photos, hands, capsys):
    (frame,) = replaced(hands[0], tmp_path / "after", "--backdrop", photos)
    assert "1 by GrabCut" in capsys.readouterr().out and frame.draws["background.mask"] == "grabcut"
    green = np.abs(frame.image.astype(int) - (0, 200, 0)).sum(-1) < 90
    assert green[~hands[1]].mean() > 0.9 and green[hands[1]].mean() < 0.1


def test_a_segmenter_comes_before_grabcut(tmp_path, hands, capsys):
    model = tiny.segformer(tmp_path / "model")
    (frame,) = replaced(hands[0], tmp_path / "after", "--backdrop", "textures", "--segmenter", model)
    assert "1 by the segmentation model" in capsys.readouterr().out and frame.draws["background.mask"] == "segmenter"


def test_the_seed_chooses_the_pictures(tmp_path):
    pictures = [open_backgrounds("textures", seed).picture(3) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(pictures[0][1], pictures[1][1])
    assert pictures[0][1].shape != pictures[2][1].shape or (pictures[0][1] != pictures[2][1]).any()


def test_an_unknown_backdrop_lists_the_available_ones(tmp_path, hands, capsys):
    command = ["data", "replace-background", str(hands[0]), "--out", str(tmp_path / "x"), "--backdrop", "romos"]
    assert cli.main(command) == cli.EXIT_USAGE
    assert "`rooms` or `textures`" in capsys.readouterr().err


def test_rooms_are_drawn_without_the_robot():
    rooms = Rooms(seed=0)
    name, picture = rooms.picture(5)
    batch = rooms.source.compose(np.array([5]), np.zeros(1, int))
    robot_too = rooms.source.draw(batch)[0].numpy()[0]
    rooms.source.close()
    assert rooms.source.config.seed != 0, "else a dataset of seed 0 would get its own rooms back"
    assert name in {"lab", "kitchen", "office", "studio"} and picture.shape == (448, 448, 3) and picture.std() > 10
    assert (picture != robot_too).any(-1).mean() > 0.02
