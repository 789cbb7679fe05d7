"""Options that are read before all others, because they choose the defaults of the rest (presets, recipes)."""

from collections.abc import Sequence


def given(args: Sequence[str], option: str, default: str) -> str:
    """The value of `--option NAME` or `--option=NAME` on a command line, the last if there are several."""
    name = default
    for arg, after in zip(args, [*args, ""][1:], strict=True):
        name = after if arg == option else arg.partition("=")[2] if arg.startswith(f"{option}=") else name
    return name
