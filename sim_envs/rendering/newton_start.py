"""Importing this imports Newton without Rerun; import it before Newton.

Newton's viewers, which we do not use, load Rerun where it is installed: 535 of the 3400 modules of a first frame. They
do without it where its import fails.
"""

import sys

if not {"newton", "rerun"} & set(sys.modules):
    sys.modules["rerun"] = None  # ty: ignore[invalid-assignment]
    try:
        import newton  # noqa: F401
    finally:
        del sys.modules["rerun"]
