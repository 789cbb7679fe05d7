"""Identity of a function by its code: what it does, not a version that somebody must remember to raise."""

import dis
import hashlib
import sys
import sysconfig
from collections.abc import Collection
from contextlib import suppress
from dataclasses import is_dataclass
from functools import cache, cached_property, partial
from importlib.util import resolve_name
from pathlib import Path, PurePath
from types import CodeType, FunctionType, MethodType, ModuleType, NoneType
from typing import Any

import numpy as np

from lace.core.content import content_of
from lace.core.plugins import PACKAGES
from lace.core.registry import Registry


def code_of(function: Any, *others: Any, package: str = "", files: bool = False, without: Collection[str] = ()) -> str:
    """Hex digest of the code of a function and of all functions, classes and constants of ours that it uses.

    Followed are names of modules outside the standard library and the installed packages, and those of the function's
    own package, whether they are imported at the top of a module or inside a function. Comments and line numbers do not
    count; neither do values of other types than numbers, texts, paths, arrays, tensors, modules of PyTorch, instances
    of our classes and collections of them.

    Args:
        function: A function, a partial one, a class or an instance of one.
        others: Further values that count.
        package: The function's own package; that of its module by default.
        files: Whether a text or path that names a file counts with the file's content. It is looked for in the folder
            of the code and in the working directory; a folder counts if weights lie in it.
        without: Packages that are not followed.
    """
    walk = _Walk(package or _package(function), files, without)
    for value in (function, *others):
        walk.add(value)
    return walk.digest.hexdigest()


def added_code(registry: Registry[Any], name: str) -> str:
    """The installed package that adds `name` to a registry, with a digest of its code; empty for what is ours."""
    plugin = registry.plugin(name)
    if plugin is None:
        return ""
    code = code_of(registry[name], package=plugin.module, files=True, without=PACKAGES)
    return f"{plugin.package}, code {code[:16]}"


class _Walk:
    def __init__(self, package: str, files: bool, without: Collection[str]):
        self.package, self.digest, self.files, self.without = package, hashlib.sha256(), files, without
        self.seen: dict[int, Any] = {}
        """By id; the values are kept, so that no other value gets the id of one that is gone."""
        self.folder = Path()
        """Of the code that is being followed."""

    def add(self, value: Any) -> None:
        """Takes in a value; each function, class, module and instance once."""
        if isinstance(value, partial):
            self.add((value.func, value.args, value.keywords))
        elif isinstance(value, MethodType):
            self.add((value.__func__, value.__self__))
        elif isinstance(value, (FunctionType, type, ModuleType)):
            self._add_code(value)
        elif isinstance(value, dict):
            self.add([(key, value[key]) for key in sorted(value, key=repr)])
        elif isinstance(value, (list, tuple)):
            self._text(f"{type(value).__name__} {len(value)}")
            for item in value:
                self.add(item)
        elif not isinstance(value, _PLAIN) and (numbers := _as_array(value)) is not None:
            self._text(f"{numbers.dtype} {numbers.shape}")
            self.digest.update(np.ascontiguousarray(numbers).tobytes())
        elif isinstance(value, _PLAIN):
            self._constant(value)
        else:
            self._add_instance(value)

    def _text(self, text: str) -> None:
        self.digest.update(f"{text}\0".encode("utf-8", "surrogateescape"))

    def _constant(self, value: Any) -> None:
        self._text(_steady(value))
        if self.files and isinstance(value, (str, PurePath)) and (named := _named_files(value, self.folder)):
            self._text(content_of(named))

    def _add_instance(self, value: Any) -> None:
        """Its class, and what it holds; of what is not ours only the class's name, and the weights of a model."""
        if id(value) in self.seen:
            return
        self.seen[id(value)] = value
        if callable(inner := getattr(value, "__wrapped__", None)):  # functools.cache and the like
            self.add(inner)
        elif callable(weights := getattr(value, "state_dict", None)):
            self.add((type(value), dict(weights())))
        elif isinstance(value, Registry):  # what it holds depends on what has been imported
            self._text(f"Registry {value.kind}")
        elif is_dataclass(value) or (self._ours(type(value)) and hasattr(value, "__dict__")):
            self.add((type(value), {name: item for name, item in vars(value).items() if not _derived(value, name)}))
        else:
            self._text(_steady(value))

    def _add_code(self, value: Any) -> None:
        self._text(f"{type(value).__name__} {value.__name__}")
        if id(value) in self.seen or not self._ours(value):
            return
        self.seen[id(value)] = value
        module = value if isinstance(value, ModuleType) else sys.modules.get(value.__module__)
        before, self.folder = self.folder, Path(getattr(module, "__file__", None) or ".").parent
        if isinstance(value, FunctionType):
            self._add_function(value)
        else:
            self.add(_bases(value))
            self.add({name: _plain(item) for name, item in vars(value).items() if name not in _UNSTABLE})
        self.folder = before

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
                self._constant(constant)
        for name in code.co_names:
            if name in names and name not in _UNSTABLE:
                self.add(names[name])
        for module, wanted in _imports(code, names):
            self._add_import(module, wanted)

    def _add_import(self, name: str, wanted: tuple[str, ...]) -> None:
        """Follows an import inside a function: the names that it takes, or the module as a whole."""
        if name.split(".")[0] in self.without or _installed_name(name, self.package):
            return
        with suppress(Exception):  # an optional module that is missing is the function's own affair
            module = __import__(name, fromlist=wanted or ("*",))
            if self._ours(module):
                self.add([getattr(module, item, None) for item in wanted] or module)

    def _ours(self, value: Any) -> bool:
        module = value if isinstance(value, ModuleType) else sys.modules.get(getattr(value, "__module__", "") or "")
        top = (getattr(module, "__name__", "") if module else self.package).split(".")[0]
        if top in self.without:
            return False
        return top == self.package or not _installed(getattr(module, "__file__", None))


_UNSTABLE = (
    "__dict__",
    "__weakref__",
    "__module__",
    "__doc__",
    "__annotations__",
    "__builtins__",
    "__cached__",
    "__file__",
    "__loader__",
    "__spec__",
    "__path__",
)
"""Members of classes and modules that differ between processes and machines, or say nothing."""
_PLAIN = (str, bytes, int, float, complex, NoneType, type(...), PurePath, range, slice, np.generic, set, frozenset)
_LIBRARIES = [Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib", "platlib")]
_WEIGHTS = (".safetensors", ".pt", ".pth", ".ckpt", ".npz", ".npy", ".onnx", ".bin", ".pkl")
_LONGEST = 1024
"""A longer text names no file [characters]."""


@cache
def _installed(file: str | None) -> bool:
    """Whether a module's file belongs to the standard library or an installed package; built-in ones have no file."""
    return file is None or any(Path(file).is_relative_to(folder) for folder in _LIBRARIES)


@cache
def _installed_name(name: str, package: str) -> bool:
    """Whether a module that may not be imported yet lies in an installed package."""
    top = name.split(".")[0]
    if top == package:
        return False
    if top in sys.builtin_module_names or top in sys.stdlib_module_names:
        return True
    return any((folder / top).exists() or any(folder.glob(f"{top}.*")) for folder in _LIBRARIES)


def _package(function: Any) -> str:
    inner = function.func if isinstance(function, partial) else function
    return (getattr(inner, "__module__", "") or "").split(".")[0]


def _plain(member: Any) -> Any:
    """The function in a static or class method or a property; else the member itself."""
    if isinstance(member, property):
        return (member.fget, member.fset)
    if isinstance(member, cached_property):
        return member.func
    return getattr(member, "__func__", member)


def _derived(value: Any, name: str) -> bool:
    """Whether an attribute follows from the frozen others; that it is there depends on what was asked for so far."""
    frozen = getattr(getattr(value, "__dataclass_params__", None), "frozen", False)
    return frozen and isinstance(getattr(type(value), name, None), cached_property)


def _bases(value: Any) -> tuple[type, ...]:
    return value.__bases__ if isinstance(value, type) else ()


def _imports(code: CodeType, names: dict[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    """(module, names taken from it) of every import statement in a function."""
    package = names.get("__package__") or ""
    return [
        (resolve_name("." * level + module, package) if level and package else module, wanted)
        for level, module, wanted in _import_statements(code)
    ]


@cache
def _import_statements(code: CodeType) -> list[tuple[int, str, tuple[str, ...]]]:
    """(dots before the module, module, names taken from it); decoding takes long, and many walks meet the same code."""
    found, constants = [], []
    for step in dis.get_instructions(code):
        if step.opname == "LOAD_CONST":
            constants.append(step.argval)
        elif step.opname == "IMPORT_NAME":
            level, wanted = constants[-2:]
            found.append((level, step.argval, tuple(wanted or ())))
    return found


def _as_array(value: Any) -> np.ndarray | None:
    """Arrays and tensors as arrays; None for anything else."""
    if isinstance(value, np.ndarray):
        return value if value.dtype != object else np.array([_steady(item) for item in value.ravel()])
    if type(value).__module__.split(".")[0] == "torch" and hasattr(value, "detach"):
        return value.detach().cpu().double().numpy()
    return None


def _named_files(text: str | PurePath, folder: Path) -> list[Path]:
    """The files that a text names, in `folder` or the working directory."""
    if not 0 < len(str(text)) < _LONGEST or "\0" in str(text):
        return []
    found = []
    for path in {folder / text: None, Path(text): None}:
        with suppress(OSError):
            weights = path.is_dir() and any(item.suffix in _WEIGHTS for item in path.iterdir())
            found += [path] if path.is_file() or weights else []
    return found


def _steady(value: Any) -> str:
    """A text that is the same in every process; the name of its type for what may have an address or a state."""
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__} {sorted(map(_steady, value))}"
    if isinstance(value, tuple):
        return f"({', '.join(map(_steady, value))})"
    return repr(value) if isinstance(value, _PLAIN) else type(value).__qualname__
