"""One self-contained report.html per run: sections, and everything that is needed to repeat the run."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from lace.core.files import publish_bytes
from lace.core.provenance import commit, versions
from lace.reports.sections import Commands, Grid, Picture, Section, Text

__all__ = ["NAME", "Commands", "Grid", "Picture", "Report", "Section", "Text", "slug", "write_report"]

NAME = "report.html"


@dataclass(frozen=True)
class Report:
    """Content of report.html."""

    title: str
    summary: str
    """One sentence: what was run on what."""
    facts: Mapping[str, Any]
    """Sample size, seed, confidence level and the like, shown under the title and in the last section."""
    sections: Sequence[Section]
    """In the order in which they are shown."""
    config: Mapping[str, Any]
    warning: str = ""
    """Shown first, for example that the weights are random."""
    origin: Mapping[str, Any] | None = None
    """Commit and package versions of the run; None takes those of this process."""


def slug(title: str) -> str:
    """A file name for a title: lower case words joined by underscores, without what is in brackets."""
    return "_".join(re.findall(r"[a-z0-9-]+", re.sub(r"\(.*?\)", "", title).lower()))


def in_lines(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(dotted name, text) of every value; numbers of a list side by side, a dash where there is none."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from in_lines(value, f"{prefix}{name}.")
        elif isinstance(value, (list, tuple)) and not any(isinstance(item, Mapping) for item in value):
            yield prefix + str(name), " ".join(map(str, value)) or "-"
        elif isinstance(value, (list, tuple)):
            yield from in_lines({str(number): item for number, item in enumerate(value)}, f"{prefix}{name}.")
        else:
            yield prefix + str(name), "-" if value in (None, "", {}) else str(value)


def write_report(folder: Path, report: Report) -> Path:
    """Writes `folder`/report.html and returns its path."""
    pages = Environment(
        loader=PackageLoader("lace.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    origin = report.origin if report.origin is not None else {"commit": commit(), **versions()}
    shown = {"origin": dict(in_lines(origin)), "config": dict(in_lines(report.config))}
    text = pages.get_template("report.html.j2").render(report=report, **shown)
    publish_bytes(folder / NAME, text.encode())
    return folder / NAME
