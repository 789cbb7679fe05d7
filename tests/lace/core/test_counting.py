"""Counts with their nouns."""

import pytest

from lace.core.counting import counted, evenly
from lace.core.errors import InvalidValueError
from lace.data.imports.images import image_files


@pytest.mark.parametrize(("number", "said"), [(0, "0 frames"), (1, "1 frame"), (2, "2 frames")])
def test_one_is_no_plural(number, said):
    assert counted(number, "frame") == said


def test_nouns_with_a_plural_of_their_own():
    assert [counted(n, "process", "processes") for n in (1, 3)] == ["1 process", "3 processes"]


def test_a_message_about_one_video(tmp_path):
    (tmp_path / "hands.mp4").write_bytes(b"")
    with pytest.raises(InvalidValueError, match="but 1 video\\."):
        image_files(tmp_path)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("total", "wanted", "chosen"), [(5, 3, [0, 2, 4]), (5, 1, [0]), (3, 3, [0, 1, 2]), (4, 10**12, [0, 1, 2, 3])]
)
def test_places_are_spread_evenly(total, wanted, chosen):
    assert evenly(total, wanted) == chosen
