"""Pictures of frames: overlays change a copy, sheets have the right size, rerun files are written."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from lace.core.errors import DatasetError, InvalidValueError
from lace.core.keypoints import Visibility
from lace.data import rerun_view
from lace.data.overlay import EMBODIMENT_COLOUR, TARGET_COLOUR, draw_keypoints, draw_overlay, keypoint_colour
from lace.data.show import caption, choose_frames, contact_sheet, made_by, save_contact_sheet
from tests.synthetic import make_dataset, make_frame
from tests.test_house import ROOT


def test_overlay_draws_on_a_copy_of_the_asked_size():
    record = make_frame()
    before = record.image.copy()
    drawn = draw_overlay(record, scale=2, numbers=True)
    np.testing.assert_array_equal(record.image, before)
    assert drawn.shape == (192, 192, 3) and drawn.dtype == np.uint8


def test_visible_points_are_filled_occluded_hollow_others_left_out():
    uv = np.full((21, 2), np.nan, np.float32)
    uv[4], uv[8], uv[12] = (50.5, 50.5), (100.5, 50.5), (150.5, 50.5)
    visibility = np.zeros(21, np.uint8)
    visibility[[4, 8, 12]] = Visibility.VISIBLE, Visibility.OCCLUDED, Visibility.OUT_OF_VIEW
    image = np.full((224, 224, 3), 128, np.uint8)
    draw_keypoints(image, uv, visibility)
    np.testing.assert_array_equal(image[50, 50], keypoint_colour(4))
    np.testing.assert_array_equal(image[50, 100], [128] * 3)
    towards = np.array(keypoint_colour(8)) - 128.0
    assert ((image[45:56, 95:106] - 128.0) @ towards).max() > 0.5 * towards @ towards
    assert (image[40:60, 140:160] == 128).all()


def test_masks_are_outlines_and_leave_the_inside_as_it_is():
    record = make_frame(size=192)
    record.visibility[:] = Visibility.ABSENT
    record.boxes = {}
    drawn = draw_overlay(record)
    for semantic, colour in (("robot", EMBODIMENT_COLOUR), ("target", TARGET_COLOUR)):
        mask = record.mask(semantic=semantic).astype(np.uint8)
        inside = cv2.erode(mask, np.ones((7, 7))) > 0
        outside = cv2.dilate(mask, np.ones((7, 7))) == 0
        edge = mask.astype(bool) & (cv2.erode(mask, np.ones((3, 3))) == 0)
        if semantic == "robot":  # the target's outline is inside the robot's disc
            inside &= cv2.dilate(record.mask(semantic="target").astype(np.uint8), np.ones((7, 7))) == 0
        np.testing.assert_array_equal(drawn[inside], record.image[inside])
        assert inside.any() and outside.any()
        assert (np.abs(drawn[edge].astype(int) - colour).max(1) < 40).mean() > 0.5


def test_a_frame_with_keypoints_alone_can_be_drawn():
    record = make_frame()
    record.segmentation, record.boxes = None, {}
    assert draw_overlay(record).shape == record.image.shape


def test_sheet_holds_every_tile_and_its_caption():
    records = [make_frame(i) for i in range(5)]
    sheet = contact_sheet(records, columns=3, tile_px=96, overlay=False)
    assert sheet.shape[1] == 2 * 24 + 3 * 96 + 2 * 12
    for record in records:
        # The search uses Fourier transforms and is inexact, so it only gives candidate positions.
        x, y = cv2.minMaxLoc(cv2.matchTemplate(sheet, record.image, cv2.TM_SQDIFF))[2]
        np.testing.assert_array_equal(sheet[y : y + 96, x : x + 96], record.image)
    assert caption(records[1]) == "#1  kitchen  doll_green"
    with pytest.raises(InvalidValueError, match="at least one frame"):
        contact_sheet([], 3, 96, False)


def test_saved_sheet_is_a_picture_and_the_same_every_time(tmp_path):
    folder = make_dataset(tmp_path / "ds", 5)
    one, two = (save_contact_sheet(folder, tmp_path / name, n=4) for name in ("1.png", "2.png"))
    assert one.read_bytes() == two.read_bytes() and cv2.imread(str(one)).shape[1] > 500


def test_choice_is_without_repetition_and_sorted():
    assert choose_frames(3, 10, 0) == [0, 1, 2]
    chosen = choose_frames(1000, 24, 1)
    assert len(set(chosen)) == 24 and chosen == sorted(chosen) != choose_frames(1000, 24, 2)
    with pytest.raises(InvalidValueError, match="--count 1"):
        choose_frames(3, 0, 0)


def test_rerun_file_is_written(tmp_path):
    path = tmp_path / "new" / "x.rrd"
    rerun_view.view([make_frame(0), make_frame(1)], path)
    assert path.stat().st_size > 10_000 and list(path.parent.iterdir()) == [path]
    command = [Path(sys.executable).with_name("rerun"), "rrd", "verify", path]
    checked = subprocess.run(command, capture_output=True, check=False, env=os.environ | {"RERUN_ANALYTICS": "0"})
    assert checked.returncode == 0, checked.stderr


WRITER = """
import os, resource, signal, sys
from pathlib import Path
from lace.core.errors import DatasetError
from lace.data import rerun_view
from tests.synthetic import make_frame

def frames():
    for i in range(4):
        yield make_frame(i)
        if i == 2 and sys.argv[2] == "killed":
            os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    rerun_view.view(frames(), Path(sys.argv[1]))
except DatasetError as error:
    print(error)
    sys.exit(1)
"""


@pytest.mark.parametrize(("how", "code"), [("full", 1), ("killed", -signal.SIGKILL)])
def test_a_full_disk_or_a_kill_leaves_the_rerun_file_that_was_there(tmp_path, how, code):
    path = tmp_path / "x.rrd"
    path.write_bytes(b"the one before")
    done = subprocess.run(
        [sys.executable, "-c", WRITER, path, how], capture_output=True, text=True, check=False, timeout=60, cwd=ROOT
    )
    assert done.returncode == code, done.stderr
    assert path.read_bytes() == b"the one before"
    if how == "full":
        assert str(path) in done.stdout and "room for the file" in done.stdout
        assert list(tmp_path.iterdir()) == [path]


def test_no_screen_is_a_clear_error(monkeypatch):
    monkeypatch.setattr(rerun_view.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DatasetError, match=r"no screen.*\n.*\n.*--save FILE.rrd"):
        rerun_view.view([make_frame()])


def test_a_sheet_says_what_was_done():
    made = [{"kind": "frames"}, {"sources": [{}, {}]}, {"source": "hint"}]
    assert [made_by(meta) for meta in made] == ["generated", "merged from 2", "imported: hint"]
