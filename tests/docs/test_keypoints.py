"""docs/keypoints.md agrees with the code, and its figure exists."""

import pytest

from assets.robots import ROBOTS
from assets.robots.xarm7_leap import KEYPOINTS
from lace.core.keypoints import COUNT, FINGERS, INDEX, NAMES
from tests import ROOT

PAGE = ROOT / "docs" / "keypoints.md"
MAX_FIGURE_BYTES = 400_000


def table(name: str) -> list[list[str]]:
    """Cells of a robot's keypoint rows (those that begin with a number); the first section has no name."""
    first, *others = PAGE.read_text().split("\n## ")
    sections = {"xarm7_leap": first} | {part.split("`")[1]: part for part in others}
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")]
        for line in sections[name].splitlines()
        if line[:1] == "|"
    ]
    return [row for row in rows if row[0].isdigit()]


@pytest.mark.parametrize("name", ROBOTS.names())
def test_table_equals_the_code(name):
    expected = [
        [
            str(INDEX[row.name]),
            f"`{row.name}`",
            f"`{row.link}`",
            ", ".join(f"{1000 * x:g}" for x in row.offset),
            f"{1000 * row.radius:g}",
            row.reason,
        ]
        for row in ROBOTS[name].keypoints
    ]
    written = table(name)
    assert written == expected, "paste this:\n" + "\n".join(f"| {' | '.join(row)} |" for row in expected)


def test_absent_keypoints_are_named():
    absent = sorted(set(NAMES) - {row.name for row in KEYPOINTS})
    assert absent
    for name in absent:
        assert f"`{name}`" in PAGE.read_text()


def test_figure_is_there_and_small():
    figure = PAGE.with_name("keypoints.png")
    assert f"({figure.name})" in PAGE.read_text()
    assert figure.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert figure.stat().st_size < MAX_FIGURE_BYTES


@pytest.mark.parametrize("view", [0, 1])
def test_figure_shows_the_thumb_where_a_right_hand_has_it(view):
    """Fingers up: a right hand's thumb is on the viewer's right from the palm side, on the left from the back."""
    from assets.robots.figure import views

    axes = views()[view].axes
    assert abs(axes.T @ axes - [[1, 0, 0], [0, 1, 0], [0, 0, 1]]).max() < 1e-12
    thumb_side = axes.T @ [0, 1, 0]  # the index finger and the thumb lie at larger palm y than the ring finger
    assert (thumb_side[0] > 0) == (view == 0)


def test_numbering_is_that_of_openpose():
    assert COUNT == 21 and [NAMES[4 * f + 4] for f in range(5)] == [f"{finger}_tip" for finger in FINGERS]
