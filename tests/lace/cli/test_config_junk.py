"""Generated invalid values in every configuration: it is refused by a LaceError, or every number of it is finite."""

import math
import os
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lace.cli.commands import COMMANDS
from lace.cli.main import _imported
from lace.core.errors import LaceError
from lace.core.limits import _numbers

EXAMPLES = int(os.environ.get("LACE_JUNK_EXAMPLES", "25"))
CONFIGS = sorted({command.config for command in COMMANDS.values() if command.config})
NUMBERS = st.one_of(
    st.integers(-3, 3), st.integers(-(2**70), 2**70), st.floats(), st.sampled_from([1e308, -0.0, 10**400, -1, 2, 0.5])
)
TEXTS = st.text(max_size=6) | st.sampled_from(["", "gpu", "cuda:99", "..", "/", "\0", "x" * 300, "none", "-1", "a:b:c"])


def example_of(hint: Any) -> Any:
    """A valid value of an option that has no default."""
    if get_origin(hint) is tuple:
        return (example_of(get_args(hint)[0]),)
    inner = getattr(hint, "__origin__", hint)
    if isinstance(inner, type) and is_dataclass(inner):
        return default(inner)
    return Path("somewhere") if "Path" in str(hint) else "somewhere"


def default(config: type) -> Any:
    """The configuration with its defaults."""
    hints = get_type_hints(config, include_extras=True)
    missing = [f.name for f in fields(config) if f.init and f.default is MISSING and f.default_factory is MISSING]
    return config(**{name: example_of(hints[name]) for name in missing})


def junk_like(value: Any) -> st.SearchStrategy:
    """Values that a command line can give in place of `value`."""
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, int):
        return NUMBERS.filter(lambda number: isinstance(number, int))
    if isinstance(value, float):
        return NUMBERS.map(lambda number: float(number) if abs(number) < 2**1023 else math.inf)
    if isinstance(value, str):
        return TEXTS
    if isinstance(value, Path):
        return TEXTS.map(Path)
    if isinstance(value, tuple) and value:
        return st.tuples(*map(junk_like, value)) | st.lists(junk_like(value[0]), max_size=3).map(tuple)
    return st.just(value)


@st.composite
def damaged(draw, config: Any):
    """A copy of a configuration with one invalid option at any depth; may raise what the configuration raises."""
    name = draw(st.sampled_from([field.name for field in fields(config) if field.init]))
    value = getattr(config, name)
    if is_dataclass(value):
        inner = draw(damaged(value))
        return inner if isinstance(inner, LaceError) else made(config, name, inner)
    return made(config, name, draw(junk_like(value)))


def made(config: Any, name: str, value: Any) -> Any:
    """The configuration with another value, or the error that refuses it."""
    try:
        return replace(config, **{name: value})
    except LaceError as error:
        return error


@pytest.mark.parametrize("target", CONFIGS)
@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
@given(data=st.data())
def test_a_configuration_is_valid_or_refused(target, data):
    config = data.draw(damaged(default(_imported(target))))
    if isinstance(config, LaceError):
        return
    for name, value, marks in _numbers(config):
        numbers = value if isinstance(value, tuple) else (value,)
        if not numbers or isinstance(numbers[0], str):  # a tuple in which nothing may be given twice
            continue
        assert all(isinstance(number, int) or math.isfinite(number) for number in numbers), (name, marks)
