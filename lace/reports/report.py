"""One report.html per run: tables, pictures and everything needed to repeat it, in a single file without outside links."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from lace.core.files import publish_bytes
from lace.core.provenance import commit, versions

NAME = "report.html"


@dataclass(frozen=True)
class Grid:
    """A table of the report."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A PNG with what a reader must know to judge it."""

    title: str
    png: bytes
    note: str = ""

    @property
    def source(self) -> str:
        """The picture as a data URL."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


@dataclass(frozen=True)
class Report:
    """What a run shows of itself."""

    title: str
    summary: str
    """One sentence: what was run on what."""
    facts: Mapping[str, Any]
    """n, seed, level of the intervals and the like; commit and versions are added."""
    grids: Sequence[Grid]
    pictures: Sequence[Picture]
    config: Mapping[str, Any]
    warning: str = ""
    """Shown first; of stand-ins."""


def slug(title: str) -> str:
    """A file name for a title: lower case words joined by underscores, what stands in brackets left out."""
    return "_".join(re.findall(r"[a-z0-9-]+", re.sub(r"\(.*?\)", "", title).lower()))


def write_report(folder: Path, report: Report) -> Path:
    """Writes `folder`/report.html."""
    pages = Environment(
        loader=PackageLoader("lace.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    facts = {**report.facts, "commit": commit(), **versions()}
    config = json.dumps(report.config, indent=2, default=str)
    text = pages.get_template("report.html.j2").render(report=report, facts=facts, config=config)
    publish_bytes(folder / NAME, text.encode())
    return folder / NAME
