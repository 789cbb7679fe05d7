"""Importing this imports Newton and PyTorch without what takes long and is not used; import it before them.

Newton's viewers load Rerun where it is installed: 535 of the 3400 modules of a first frame. They do without it where
its import fails. PyTorch asks where each of its operators is defined, and `inspect` reads the source around it too.
"""

import inspect
import sys
from functools import partial

if not {"newton", "rerun"} & set(sys.modules):
    sys.modules["rerun"] = None  # ty: ignore[invalid-assignment]
    try:
        import newton  # noqa: F401
    finally:
        del sys.modules["rerun"]
if "torch" not in sys.modules:
    with_source = inspect.getframeinfo
    inspect.getframeinfo = partial(with_source, context=0)  # ty: ignore[invalid-assignment]
    try:
        import torch  # noqa: F401
    finally:
        inspect.getframeinfo = with_source
