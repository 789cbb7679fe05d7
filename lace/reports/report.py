"""One self-contained report.html per run: sections, and everything that is needed to repeat the run."""

import json
import re
from collections.abc import Mapping, Sequence
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
    config = json.dumps(report.config, indent=2, default=str)
    text = pages.get_template("report.html.j2").render(report=report, origin=origin, config=config)
    publish_bytes(folder / NAME, text.encode())
    return folder / NAME
