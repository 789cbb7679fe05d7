"""Ctrl-C before the first checkpoint says that there is none."""

import pytest

from lace.alignment import checkpoints
from lace.core.errors import InvalidValueError


def test_an_interrupt_before_the_first_checkpoint_says_so(tmp_path):
    with pytest.raises(KeyboardInterrupt) as stop, checkpoints.told_if_none(tmp_path, 500):
        raise KeyboardInterrupt
    assert "no checkpoint yet (one every 500 steps)" in stop.value.__notes__[0]


def test_nothing_is_said_after_it_or_of_errors(tmp_path):
    (tmp_path / checkpoints.NAME).touch()
    with pytest.raises(KeyboardInterrupt) as stop, checkpoints.told_if_none(tmp_path, 500):
        raise KeyboardInterrupt
    assert not hasattr(stop.value, "__notes__")
    with pytest.raises(InvalidValueError) as error, checkpoints.told_if_none(tmp_path / "none", 500):
        raise InvalidValueError("a", "b", "c", "d")
    assert not hasattr(error.value, "__notes__")
