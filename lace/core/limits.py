"""Range checks of configurations: each field declares its limits, `check_numbers` checks them.

@dataclass(frozen=True)
class Config:
    frames: Annotated[int, Within(1)] = 200
    fov_deg: Annotated[Range, Within(1, 170)] = (34, 52)

    def __post_init__(self):
        check_numbers(self)
"""

import functools
import inspect
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from numbers import Real
from typing import Annotated, Any, get_type_hints

from lace.core.errors import InvalidValueError


@dataclass(frozen=True)
class Within:
    """Limits of a number, or of every number of a tuple."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    """Whether `low` itself is refused."""
    open_high: bool = False

    def holds(self, value: float) -> bool:
        """Whether a number is inside; NaN is not."""
        above = value > self.low if self.open_low else value >= self.low
        return bool(above and (value < self.high if self.open_high else value <= self.high))

    def __str__(self) -> str:
        low, high = (f"{limit:.15g}" for limit in (self.low, self.high))
        if math.isinf(self.low) and math.isinf(self.high):
            return "finite numbers"
        if math.isinf(self.high):
            return f"more than {low}" if self.open_low else f"at least {low}"
        if math.isinf(self.low):
            return f"less than {high}" if self.open_high else f"at most {high}"
        between = f"{low} to {high}"
        left_out = [limit for limit, out in ((low, self.open_low), (high, self.open_high)) if out]
        return f"{between}, {' and '.join(left_out)} left out" if left_out else between


@dataclass(frozen=True)
class Ordered:
    """Marks a pair (low, high) whose first number may not exceed its second."""


@dataclass(frozen=True)
class Distinct:
    """Marks a tuple of numbers or texts in which none may be given twice."""


Range = Annotated[tuple[float, float], Ordered()]
"""Lower and upper end of an interval."""
IntRange = Annotated[tuple[int, int], Ordered()]


def check_numbers(config: Any, option: str = "--{}") -> None:
    """Checks every number of a dataclass and of the dataclasses in it, and what is marked as `Distinct`.

    Numbers without a `Within` must be finite. None and values that are no numbers are passed over.

    Args:
        config: An instance of a dataclass.
        option: How the user sets a field, for the message ("--{}" on the command line, "{}=" in Python).

    Raises:
        InvalidValueError: Names the first field that is out of its limits, whose range is reversed, or that repeats.
    """
    for name, value, marks in _numbers(config):
        _check(name, value, marks, option)


def with_checked_numbers[**Given, Answer](function: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """The function, which then refuses numbers outside the limits that its annotations say, as `check_numbers` does."""
    marks_of = {name: getattr(hint, "__metadata__", ()) for name, hint in _hints(function).items()}

    @functools.wraps(function)
    def checked(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        for name, value in inspect.signature(function).bind(*args, **kwargs).arguments.items():
            if _holds_numbers(value):
                _check(name, value, marks_of.get(name, ()), "--{}")
        return function(*args, **kwargs)

    return checked


def _hints(annotated: Any) -> dict[str, Any]:
    return get_type_hints(annotated, include_extras=True)


def _check(name: str, value: Any, marks: tuple[Any, ...], option: str) -> None:
    numbers: tuple[Any, ...] = value if isinstance(value, tuple) else (value,)
    shown = " ".join(f"{number:g}" if isinstance(number, float) else str(number) for number in numbers)
    if any(isinstance(mark, Distinct) for mark in marks) and len(set(numbers)) < len(numbers):
        raise InvalidValueError(
            "reading the options", f"{name} is {shown}", "each once", f"change {_spelled(option, name)}"
        )
    if not _holds_numbers(value):
        return
    limits = next((mark for mark in marks if isinstance(mark, Within)), Within())
    if not all(_finite(number) and limits.holds(number) for number in numbers):
        raise InvalidValueError(
            "reading the options", f"{name} is {shown}", str(limits), f"change {_spelled(option, name)}"
        )
    if any(isinstance(mark, Ordered) for mark in marks) and numbers[0] > numbers[1]:
        raise InvalidValueError(
            "reading the options",
            f"{name} is {shown}, which is reversed",
            "the lower number first",
            f"give {_spelled(option, name)} as {' '.join(reversed(shown.split()))}",
        )


def _spelled(option: str, name: str) -> str:
    """As the command line spells it: with dashes."""
    return option.format(name.replace("_", "-") if option.startswith("--") else name)


def _numbers(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
    """(dotted name, value, marks of its annotation) of every number, tuple of numbers, and tuple marked `Distinct`."""
    hints = _hints(type(config))
    for field in fields(config):
        value, marks = getattr(config, field.name), getattr(hints[field.name], "__metadata__", ())
        if is_dataclass(value):
            # A nested config that the command line shows without its own name has an annotation named "".
            flat = any(getattr(mark, "name", None) == "" for mark in marks)
            yield from _numbers(value, prefix if flat else f"{prefix}{field.name}.")
        elif _holds_numbers(value) or any(isinstance(mark, Distinct) for mark in marks):
            yield f"{prefix}{field.name}", value, marks


def _holds_numbers(value: Any) -> bool:
    return _is_number(value) or (isinstance(value, tuple) and bool(value) and all(map(_is_number, value)))


def _finite(number: Real) -> bool:
    return isinstance(number, int) or math.isfinite(number)  # math.isfinite overflows for large integers


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
