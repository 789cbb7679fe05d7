"""Arrays that are computed once and then read from the cache folder, as long as nothing that they depend on changes."""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np

from lace.core.cache import built_folder
from lace.core.code_identity import code_of

_LIBRARIES = ("numpy", "scipy", "opencv-python-headless", "mujoco", "trimesh")
"""Packages whose version counts: what is kept is computed with them."""
_FILE = "array.npy"


def kept(kind: str, make: Callable[[], np.ndarray], function: Callable[..., Any], *inputs: Any) -> np.ndarray:
    """`make()`, from the cache folder if it is there.

    Args:
        kind: Folder in the cache.
        make: Computes the array.
        function: What `make` calls. Its code and that of all functions of ours that it uses count.
        inputs: All else that the array depends on: numbers, texts, arrays, dataclasses, functions.
    """
    key = sha256(f"{code_of(function, *inputs)} {_libraries()}".encode()).hexdigest()[:32]
    return np.load(built_folder(f"{kind}/{key}", lambda folder: np.save(folder / _FILE, make())) / _FILE)


@cache
def _libraries() -> str:
    return " ".join(f"{name} {version(name)}" for name in _LIBRARIES)
