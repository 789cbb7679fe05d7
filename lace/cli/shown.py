"""What `--help` shows of a configuration: some fields of a nested one can be left out."""

import operator
from dataclasses import field, fields, make_dataclass
from typing import Any, get_type_hints

from tyro.conf import Suppress


def without(default: Any, part: str, hidden: tuple[str, ...]) -> tuple[type, Any]:
    """A type like that of `default` and its default, without the fields `hidden` of its field `part`; for help alone.

    Args:
        default: An instance of a frozen dataclass.
        part: A field of it that holds a frozen dataclass.
        hidden: Fields of that one.
    """
    inner = getattr(default, part)
    hints = get_type_hints(type(inner), include_extras=True)
    shown = make_dataclass(
        type(inner).__name__,
        [(name, operator.getitem(Suppress, hints[name]), field(default=getattr(inner, name))) for name in hidden],
        bases=(type(inner),),
        namespace={"__doc__": type(inner).__doc__},
        frozen=True,
    )
    changed = shown(**{f.name: getattr(inner, f.name) for f in fields(inner)})
    outer = make_dataclass(
        type(default).__name__,
        [(part, shown, field(default=changed))],
        bases=(type(default),),
        namespace={"__doc__": type(default).__doc__, "__post_init__": lambda self: None},
        frozen=True,
        kw_only=True,
    )
    return outer, outer(**{f.name: getattr(default, f.name) for f in fields(default)} | {part: changed})
