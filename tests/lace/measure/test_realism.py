"""The measurement of realism: matching rule, bins computed by hand, and the command."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lace.cli import main as cli
from lace.core.camera import intrinsics
from lace.core.frames import FrameRecord
from lace.core.keypoints import COUNT, Visibility
from lace.data.dataset import FrameDataset
from lace.data.hands.detector import Hand
from lace.data.imports.images import settle
from lace.data.imports.writing import Candidate, write_frames
from lace.measure.realism import Judged, bin_of, judge, summary
from tests.films import HANDS, picture
from tests.synthetic import make_dataset

UV = np.array(json.loads((HANDS / "mediapipe_0.10.21.json").read_text())["plain_0"][0]["uv"], np.float32)


class Sees:
    """A detector that always returns these hands."""

    def __init__(self, *hands):
        self._hands = list(hands)

    def hands(self, image):
        return self._hands

    def look(self, image, square):
        return self._hands[0] if self._hands else None


def frame(**other):
    visibility = np.full(COUNT, Visibility.VISIBLE, np.uint8)
    return replace(settle(FrameRecord(picture("plain_0"), "human", UV.copy(), visibility)), **other)


def hand(move=0.0, right=0.9):
    return Hand(UV + np.float32([move, 0]), np.zeros(COUNT, np.float32), 0.99, right)


def test_a_found_hand_has_an_error_as_share_of_its_diagonal():
    size = float(np.linalg.norm(np.ptp(UV, 0)))
    seen = judge(frame(), Sees(hand(300), hand(0.1 * size)))
    assert seen.found and seen.right and seen.seen == 2
    assert seen.error == pytest.approx(0.1, abs=1e-3) and seen.size_px == pytest.approx(size, rel=1e-4)
    far = judge(frame(), Sees(hand(0.6 * size)))
    assert not far.found and far.seen == 1 and np.isnan(far.error)
    assert not judge(frame(), Sees(hand(right=0.2))).right
    assert not judge(frame(), Sees()).found and not judge(frame(), Sees()).recognised


def test_only_visible_keypoints_count_and_a_cut_hand_is_not_whole():
    record = frame()
    record.visibility[0] = Visibility.OCCLUDED
    record.keypoints_uv[0] += 50
    assert judge(record, Sees(hand())).error == pytest.approx(0, abs=1e-6) and judge(record, Sees()).whole
    record.visibility[0] = Visibility.OUT_OF_VIEW
    assert not judge(record, Sees()).whole
    record.visibility[:] = Visibility.OCCLUDED
    assert not judge(record, Sees(hand())).found


def _seen_from(height):
    """A flat right hand on z = 0, fingers along x, thumb towards y, below a camera at this height."""
    points = np.zeros((COUNT, 3), np.float32)
    for f in range(5):
        points[1 + 4 * f : 5 + 4 * f] = [[0.08 + 0.03 * k, 0.04 - 0.02 * f, 0] for k in range(4)]
    T = np.diag([1.0, -np.sign(height), -np.sign(height), 1.0])
    T[:3, 3] = 0.1, 0, height
    return judge(frame(keypoints_world=points, K=intrinsics(0.9, 256, 256), T_world_cam=T), Sees())


def test_palm_and_back_are_told_apart_and_straight_fingers_are_straight():
    assert _seen_from(0.5).seen_from == "back" and _seen_from(-0.5).seen_from == "palm"
    assert _seen_from(0.5).fingers == "straight"
    assert judge(frame(), Sees()).seen_from == ""


ONE = Judged(0, True, 90.0, 21, 12, 0.4, 60.0, "edge", "bent", "down", "tone 3", True, 1, True, True, 0.05)


@pytest.mark.parametrize(
    ("group", "value", "label"),
    [
        ("size_px", 49.9, "below 50"), ("size_px", 50.0, "50 to 70"), ("size_px", 500.0, "140 and more"),
        ("visible", 9, "below 10"), ("visible", 21, "19 and more"), ("skin", "tone 2", "tone 2"),
    ],
)  # fmt: skip
def test_bins(group, value, label):
    assert bin_of(replace(ONE, **{group: value}), group) == label


def test_the_summary_counts_by_hand():
    lost = {"found": False, "right": False, "error": float("nan"), "seen": 0}
    frames = [
        ONE, replace(ONE, error=0.25, right=False), replace(ONE, visible=4, **lost), replace(ONE, whole=False, **lost),
    ]  # fmt: skip
    numbers = summary(frames)
    counts = {
        name: (numbers[name]["hits"], numbers[name]["n"])
        for name in numbers
        if "found" in name[:11] and name != "found_by"
    }
    assert counts == {"found": (2, 4), "found_whole": (2, 3), "found_whole_half_seen": (2, 2)}
    assert (numbers["right_of_found"]["hits"], numbers["right_of_found"]["n"]) == (1, 2)
    assert numbers["error"]["median"] == pytest.approx(0.15) and numbers["error"]["within_0.1"]["hits"] == 1
    assert numbers["found_by"]["visible"]["below 10"]["n"] == 1 and "" not in numbers["found_by"]["skin"]
    assert numbers["found"]["low"] < 0.5 < numbers["found"]["high"]


def test_the_command_judges_a_hand_and_finds_none_where_there_is_none(tmp_path, capsys):
    write_frames(tmp_path / "hand", [Candidate("one", frame)], {"embodiment": "human"})
    assert cli.main(["data", "realism", str(tmp_path / "hand")]) == 0
    numbers = json.loads((tmp_path / "hand" / "realism" / "realism.json").read_text())
    assert numbers["found_whole"]["hits"] == 1 and numbers["each"][0]["error"] < 0.01
    assert numbers["detector"] == "mediapipe 0.10.21" and numbers["commit"]
    make_dataset(tmp_path / "none", frames=2)
    assert cli.main(["data", "realism", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out" / "realism.json").read_text())["any_hand_seen"]["hits"] == 0
    assert (tmp_path / "out" / "realism.png").read_bytes().startswith(b"\x89PNG")
    assert "hands found" in capsys.readouterr().out
    assert len(FrameDataset(tmp_path / "none")) == 2


def test_misses_are_drawn(tmp_path):
    def unseen():
        image = np.tile(np.linspace(0, 200, 256).astype(np.uint8)[:, None, None], (1, 256, 3))
        return replace(frame(), image=image)

    write_frames(tmp_path / "hand", [Candidate("one", unseen)], {"embodiment": "human"})
    assert cli.main(["data", "realism", str(tmp_path / "hand")]) == 0
    assert (tmp_path / "hand" / "realism" / "misses.png").is_file()
