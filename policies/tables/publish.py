"""What every table prints and writes: grids on the terminal, table.json and report.html."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from lace.core.files import publish_bytes
from lace.core.provenance import commit
from lace.data.schema import to_json
from lace.measure.rates import CONFIDENCE
from lace.reports.report import Grid, Report, write_report


def print_grids(console: Console, grids: Sequence[Grid]) -> None:
    """Each grid with its headings, in columns as wide as their widest cell."""
    for grid in grids:
        lines = [list(grid.headings), *map(list, grid.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(grid.headings))]
        console.print(f"\n{grid.title}", markup=False)
        for line in lines:
            cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
            console.print("  ".join(cells).rstrip(), markup=False)


def publish_table(folder: Path, report: Report, rows: Any) -> None:
    """Writes `folder`/table.json and report.html.

    Args:
        folder: Of the table.
        report: Its facts (sample sizes, seeds) and config are in table.json too.
        rows: The values; what is not finite becomes null.
    """
    content = {"rows": rows, **report.facts}
    content |= {"confidence": CONFIDENCE, "commit": commit(), "config": _text(report.config)}
    publish_bytes(folder / "table.json", to_json(content).encode())
    write_report(folder, report)


def _text(value: Any) -> Any:
    """Paths as text, containers kept."""
    if isinstance(value, Mapping):
        return {key: _text(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_text(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def as_values(intervals: Mapping[str, Any]) -> dict[str, Any]:
    """Intervals as JSON values."""
    return {name: asdict(value) for name, value in intervals.items()}
