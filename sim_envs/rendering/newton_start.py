"""Importing this imports Newton and PyTorch without what takes long and is not used; import it before them.

Newton's viewers load Rerun where it is installed: 535 of the 3400 modules of a first frame. They do without it where
its import fails. PyTorch asks where each of its operators is defined, and `inspect` reads the source around it too.
"""

import inspect
import sys
from functools import partial

from lace.core.collection import not_collecting


def _import_torch() -> None:
    if "torch" in sys.modules:
        return
    with_source = inspect.getframeinfo
    inspect.getframeinfo = partial(with_source, context=0)  # ty: ignore[invalid-assignment]
    try:
        import torch  # noqa: F401
    finally:
        inspect.getframeinfo = with_source


def _import_newton() -> None:
    if {"newton", "rerun"} & set(sys.modules):
        return
    sys.modules["rerun"] = None  # ty: ignore[invalid-assignment]
    try:
        import newton  # noqa: F401
    finally:
        del sys.modules["rerun"]


with not_collecting():
    _import_torch()  # first: in search of an operator's module it asks all, which makes Newton's load every solver
    _import_newton()
