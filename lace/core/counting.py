"""Counts in messages."""


def counted(number: int, one: str, many: str = "") -> str:
    """A count with its noun: "1 frame", "0 frames", "2 processes".

    Args:
        number: How many.
        one: What one is called.
        many: What several are called, where it is not `one` with an s.
    """
    return f"{number} {one if number == 1 else many or f'{one}s'}"
