"""Numbers of configurations: limits, order and finiteness, reported under the option's name."""

import math
from dataclasses import dataclass, field, replace
from typing import Annotated

import pytest

from lace.core.errors import InvalidValueError
from lace.core.limits import IntRange, Range, Within, check_numbers


@dataclass(frozen=True)
class Inner:
    count: Annotated[IntRange, Within(0, 6)] = (0, 5)
    angle: Range = (-1.0, 1.0)
    names: tuple[str, ...] = ("a", "b")


@dataclass(frozen=True)
class Outer:
    size: Annotated[int, Within(1)] = 3
    share: Annotated[float | None, Within(0, 1, open_low=True)] = None
    plain: float = 0.5
    on: bool = True
    inner: Inner = field(default_factory=Inner)


def test_good_values_pass():
    check_numbers(Outer())
    check_numbers(Outer(share=1, inner=Inner(count=(2, 2))))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 0}, r"size is 0[^?]*at least 1\n.*--size"),
        ({"share": 0.0}, "share is 0.*\n.*0 to 1, 0 left out"),
        ({"share": math.nan}, "share is nan"),
        ({"plain": math.inf}, "plain is inf.*\n.*finite"),
        ({"inner": Inner(count=(5, 2))}, r"inner.count is 5 2, which is reversed[^?]*--inner.count as 2 5"),
        ({"inner": Inner(count=(0, 7))}, "inner.count is 0 7.*\n.*0 to 6"),
        ({"inner": Inner(angle=(1.0, -1.0))}, "inner.angle is 1 -1, which is reversed"),
    ],
)
def test_a_bad_value_is_named_with_its_limits_and_its_option(changes, message):
    with pytest.raises(InvalidValueError, match=message):
        check_numbers(replace(Outer(), **changes))


def test_the_option_is_named_as_python_has_it():
    with pytest.raises(InvalidValueError, match="change size="):
        check_numbers(Outer(size=0), option="{}=")
