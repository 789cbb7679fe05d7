"""Arrays that are computed once and then read from the cache folder, as long as nothing that they depend on changes."""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.cache import built_folder
from lace.core.code_identity import code_of

_LIBRARIES = ("numpy", "scipy", "opencv-python-headless", "mujoco", "trimesh", "fast-simplification")
"""Packages whose version counts: what is kept is computed with them."""
_FILE, _FILES = "array.npy", "arrays.npz"


def kept(kind: str, make: Callable[[], np.ndarray], function: Callable[..., Any], *inputs: Any) -> np.ndarray:
    """`make()`, from the cache folder if it is there.

    Args:
        kind: Folder in the cache.
        make: Computes the array.
        function: What `make` calls. Its code and that of all functions of ours that it uses count.
        inputs: All else that the array depends on: numbers, texts, arrays, dataclasses, functions.
    """
    folder = built_folder(_place(kind, function, inputs), lambda folder: np.save(folder / _FILE, make()))
    return np.load(folder / _FILE)


def kept_by_name(
    kind: str, make: Callable[[], dict[str, np.ndarray]], function: Callable[..., Any], *inputs: Any
) -> dict[str, np.ndarray]:
    """As `kept`, for several arrays by name."""

    def build(folder: Path) -> None:
        arrays: dict[str, Any] = dict(make())
        np.savez(folder / _FILES, **arrays)

    folder = built_folder(_place(kind, function, inputs), build)
    with np.load(folder / _FILES) as arrays:
        return dict(arrays)


def _place(kind: str, function: Callable[..., Any], inputs: tuple[Any, ...]) -> str:
    """Folder in the cache, named by all that the arrays depend on."""
    key = sha256(f"{code_of(function, *inputs)} {_libraries()}".encode()).hexdigest()[:32]
    return f"{kind}/{key}"


@cache
def _libraries() -> str:
    return " ".join(f"{name} {version(name)}" for name in _LIBRARIES)
