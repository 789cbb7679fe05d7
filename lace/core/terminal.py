"""Tables on the terminal."""

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_WIDEST = 1000
"""More columns than any table of ours has."""


def print_whole(table: Table) -> None:
    """Prints a table with no name, heading or number cut; a terminal that is narrower wraps its lines."""
    console = Console(highlight=False)
    needed = Measurement.get(console, console.options.update(max_width=_WIDEST), table).maximum
    Console(highlight=False, width=max(needed, console.width)).print(table)
