"""Counts in messages, and places spread evenly over a count."""

import numpy as np


def counted(number: int, one: str, many: str = "") -> str:
    """A count with its noun: "1 frame", "0 frames", "2 processes".

    Args:
        number: How many.
        one: What one is called.
        many: What several are called, where it is not `one` with an s.
    """
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def evenly(total: int, wanted: int) -> list[int]:
    """`wanted` of the numbers 0 to `total` - 1, spread evenly with both ends among them; all, where there are fewer."""
    return np.unique(np.linspace(0, total - 1, min(wanted, total)).round().astype(int)).tolist()
