"""Kept arrays: computed once, and again when the code or an input changes."""

import numpy as np
import pytest

from lace.core.kept import kept

MADE = []


def double(x):
    return 2 * x


def triple(x):
    return 3 * x


def made(function, x):
    MADE.append(x)
    return np.array([function(x)])


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LACE_CACHE", str(tmp_path))
    MADE.clear()


def test_the_second_time_it_is_read():
    values = [kept("numbers", lambda: made(double, 4), double, 4) for _ in range(2)]
    assert values == [8, 8] and MADE == [4]


def test_other_inputs_and_other_code_are_other_arrays():
    assert kept("numbers", lambda: made(double, 4), double, 4) == 8
    assert kept("numbers", lambda: made(double, 5), double, 5) == 10
    assert kept("numbers", lambda: made(triple, 4), triple, 4) == 12
    assert MADE == [4, 5, 4]


def test_a_failure_leaves_nothing_behind(tmp_path):
    with pytest.raises(ZeroDivisionError):
        kept("numbers", lambda: np.array([1 / 0]), double, 1)
    assert kept("numbers", lambda: made(double, 1), double, 1) == 2
