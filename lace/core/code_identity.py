"""Identity of a function by its code: what it does, not a version that somebody must remember to raise."""

import hashlib
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import partial
from pathlib import Path, PurePath
from types import CodeType, FunctionType, ModuleType, NoneType
from typing import Any

import numpy as np


def code_of(function: Callable[..., Any], *others: Any) -> str:
    """Hex digest of the code of a function and of all functions, classes and constants of ours that it uses.

    Followed are names of modules outside the standard library and the installed packages, and those of the function's
    own package. Comments and line numbers do not count; neither do values of other types than numbers, texts, paths,
    arrays, dataclasses and collections of them.

    Args:
        function: A function, a partial one or a class.
        others: Further values that count.
    """
    walk = _Walk(_package(function))
    for value in (function, *others):
        walk.add(value)
    return walk.digest.hexdigest()


class _Walk:
    def __init__(self, package: str):
        self.package, self.digest, self.seen = package, hashlib.sha256(), set()

    def add(self, value: Any) -> None:
        """Takes in a value; each function, class and module once."""
        if isinstance(value, partial):
            self.add((value.func, value.args, value.keywords))
        elif isinstance(value, (FunctionType, type, ModuleType)):
            self._add_code(value)
        elif isinstance(value, dict):
            self.add([(key, value[key]) for key in sorted(value, key=repr)])
        elif isinstance(value, (list, tuple)):
            self._text(f"{type(value).__name__} {len(value)}")
            for item in value:
                self.add(item)
        elif isinstance(value, np.ndarray):
            self._text(f"{value.dtype} {value.shape}")
            self.digest.update(np.ascontiguousarray(value).tobytes())
        elif is_dataclass(value):
            self.add((type(value), vars(value)))
        else:
            self._text(_steady(value))

    def _text(self, text: str) -> None:
        self.digest.update(f"{text}\0".encode("utf-8", "surrogateescape"))

    def _add_code(self, value: Any) -> None:
        self._text(f"{type(value).__name__} {value.__name__}")
        if id(value) in self.seen or not self._ours(value):
            return
        self.seen.add(id(value))
        if isinstance(value, FunctionType):
            self._add_function(value)
        else:
            self.add({name: _plain(item) for name, item in vars(value).items() if name not in _UNSTABLE})

    def _add_function(self, function: FunctionType) -> None:
        self._add_compiled(function.__code__, function.__globals__)
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        self.add((function.__defaults__, function.__kwdefaults__, cells))

    def _add_compiled(self, code: CodeType, names: dict[str, Any]) -> None:
        self.digest.update(code.co_code)
        self._text(" ".join((*code.co_names, *code.co_varnames)))
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._add_compiled(constant, names)
            else:
                self._text(_steady(constant))
        for name in code.co_names:
            if name in names:
                self.add(names[name])

    def _ours(self, value: Any) -> bool:
        module = value if isinstance(value, ModuleType) else sys.modules.get(getattr(value, "__module__", "") or "")
        name = getattr(module, "__name__", "") if module else self.package
        return name.split(".")[0] == self.package or not _installed(getattr(module, "__file__", None))


_UNSTABLE = (
    "__dict__",
    "__weakref__",
    "__module__",
    "__doc__",
    "__annotations__",
    "__builtins__",
    "__cached__",
    "__file__",
)
"""Members of classes and modules that differ between processes and machines, or say nothing."""
_PLAIN = (str, bytes, int, float, complex, NoneType, type(...), PurePath, range, slice, np.generic)
_LIBRARIES = [Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib", "platlib")]


def _installed(file: str | None) -> bool:
    """Whether a module's file belongs to the standard library or an installed package; built-in ones have no file."""
    return file is None or any(Path(file).is_relative_to(folder) for folder in _LIBRARIES)


def _package(function: Any) -> str:
    inner = function.func if isinstance(function, partial) else function
    return (getattr(inner, "__module__", "") or "").split(".")[0]


def _plain(member: Any) -> Any:
    """The function in a static or class method or a property; else the member itself."""
    if isinstance(member, property):
        return (member.fget, member.fset)
    return getattr(member, "__func__", member)


def _steady(value: Any) -> str:
    """A text that is the same in every process; the name of its type for what may have an address or a state."""
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__} {sorted(map(_steady, value))}"
    if isinstance(value, tuple):
        return f"({', '.join(map(_steady, value))})"
    return repr(value) if isinstance(value, _PLAIN) else type(value).__qualname__
