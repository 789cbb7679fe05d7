"""Rows of a table: ours with interval and range over seeds, beside the paper's numbers; for the terminal and HTML."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

from lace.alignment.model_card import STAND_IN_WARNING
from lace.backbones import is_stand_in
from lace.core.counting import counted
from lace.core.files import publish_bytes
from lace.data.dataset import Folders, FrameDataset
from lace.measure.predictors import NAMES
from lace.reports.paper import PAPER
from lace.reports.report import Grid, Report, write_report
from lace.tables.ablations import TABLES, Run

PAIRS = {"hr": "human-robot", "hh": "human-human", "rr": "robot-robot"}
"""Column of `PaperRow` -> pair of a measurement."""
SHORT = {"hr": "H-R", "hh": "H-H", "rr": "R-R"}
PROBES = {"imagenet": ("ImageNet top-1 %", "top1"), "ade20k": ("ADE20K mIoU %", "miou")}
"""Column of `PaperRow` -> heading and key of features.json."""
HEADINGS = ("pair", "row", "EPE px", "paper", "cosine", "paper", "part accuracy")
NOTE = (
    "EPE in px at the given size (the paper does not state its own; patches are 16 px of 224), 95 % bootstrap over "
    "images. With several training seeds: mean, then the range over the seeds. random patch to random visible "
    "keypoint: predictors without features, mean of both target embodiments. The paper's images are not these, and its "
    "backbone in tables 1, 4, 5 and 6 is DINOv3-S."
)


@dataclass(frozen=True)
class Measured:
    """The measurements of one row."""

    runs: Sequence[Mapping[str, Any]]
    """Content of correspondence.json of each training seed."""
    features: Mapping[str, Any] = field(default_factory=dict)
    """Content of features.json; empty without folders."""
    images: int | None = None
    """Robot frames trained on; None for a pretrained backbone."""

    def as_json(self) -> dict[str, Any]:
        """For table.json."""
        return {"runs": list(self.runs), "features": dict(self.features), "robot_images": self.images}


def robot_frames(folder: Folders, limit: int | None) -> int:
    """Robot frames that a run with `limit` uses: not more than the dataset has."""
    count = len(FrameDataset(folder))
    return count if limit is None else min(limit, count)


def lines(table: int, runs: Mapping[str, Run], results: Mapping[str, Measured]) -> list[list[str]]:
    """Rows of cells by pair: ours beside the paper's, part accuracy; then trivial predictors."""
    trivial = next(iter(results.values())).runs[0]["trivial"]
    found: list[list[str]] = []
    for column, pair in PAIRS.items():
        for row, paper in PAPER[table].items():
            printed = getattr(paper, column)
            ours = [result["pairs"][pair] for result in results[row].runs] if row in results else []
            if printed or ours:
                label = row_label(row, TABLES[table][row], runs.get(row), results.get(row))
                found.append([SHORT[column], label, *_pair_cells(ours, printed)])
            if column == "hr":
                found += _direction_lines(ours)
        for name in NAMES:
            values = [trivial[target][name] for target in dict.fromkeys(pair.split("-"))]
            epe, part = (sum(v[m] for v in values) / len(values) for m in ("epe_px", "part_accuracy"))
            found.append([SHORT[column], name, f"{epe:.1f}", "", "-", "", f"{part:.2f}"])
    return found


def _pair_cells(ours: Sequence[Mapping[str, Any]], printed: tuple[float, float] | None) -> list[str]:
    epe, cosine, part = (
        _ours([row[metric] for row in ours], metric) for metric in ("epe_px", "cosine", "part_accuracy")
    )
    return [epe, _paper(printed, 0), cosine, _paper(printed, 1), part]


def _direction_lines(ours: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The two directions of H-R apart; the paper pools them."""
    if not ours:
        return []
    return [
        [SHORT["hr"], f"  {way}", *_pair_cells([row["directions"][way] for row in ours], None)]
        for way in ours[0]["directions"]
    ]


def row_label(row: str, usual: Run, own: Run | None, measured: Measured | None) -> str:
    """The paper's name of a row, with what differs: the backbone, or the number of frames that there are."""
    said = []
    if own is not None and own.backbone and own.backbone != usual.backbone:
        if usual.backbone:
            said.append(f"ours: {own.backbone}")
        else:
            row = row.replace("DINO", own.backbone)
    count, _, unit = row.partition(" ")
    if measured is not None and unit == "img" and measured.images != int(count):
        said.append(f"ours: {measured.images} img")
    return f"{row} ({', '.join(said)})" if said else row


def _ours(values: Sequence[Mapping[str, float]], metric: str) -> str:
    if not values:
        return "not run"
    digits = 1 if metric == "epe_px" else 2
    if len(values) == 1:
        only = values[0]
        return f"{only['value']:.{digits}f} [{only['low']:.{digits}f}, {only['high']:.{digits}f}]"
    numbers = [value["value"] for value in values]
    mean, low, high = sum(numbers) / len(numbers), min(numbers), max(numbers)
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f}, {counted(len(numbers), 'seed')})"


def _paper(printed: tuple[float, float] | None, place: int) -> str:
    return "" if printed is None else f"{printed[place]:.{2 + place}f}"


def probe_lines(table: int, runs: Mapping[str, Run], results: Mapping[str, Measured]) -> list[list[str]]:
    """Row, and for each of ImageNet and ADE20K ours beside the paper's; empty if neither was measured."""
    if not any(measured.features for measured in results.values()):
        return []
    found = []
    for row, measured in results.items():
        cells = [row_label(row, TABLES[table][row], runs.get(row), measured)]
        for column, (_, key) in PROBES.items():
            value = measured.features.get(key)
            ours = (
                "-"
                if value is None
                else "{value:.2f} [{low:.2f}, {high:.2f}]".format(
                    **{name: 100 * value[name] for name in ("value", "low", "high")}
                )
            )
            paper = getattr(PAPER[table][row], column)
            cells += [ours, "" if paper is None else f"{paper:.2f}"]
        found.append(cells)
    return found


PROBE_HEADINGS = ("row", *(text for heading, _ in PROBES.values() for text in (heading, "paper")))


def shown(table: int, runs: Mapping[str, Run], results: Mapping[str, Measured], backbone: str, size: int) -> Table:
    """The table for the terminal, a section for each pair, then the probes."""
    rows = lines(table, runs, results)
    weights = f"{backbone} (RANDOM weights)" if is_stand_in(backbone) else backbone
    drawn = Table(title=f"table {table}, ours with {weights} at {size} px", caption=NOTE)
    for heading in HEADINGS:
        drawn.add_column(heading, no_wrap=True)
    for previous, row in zip([rows[0], *rows], rows, strict=False):
        if previous[0] != row[0]:
            drawn.add_section()
        drawn.add_row(*row)
    probes = probe_lines(table, runs, results)
    if probes:
        drawn.add_section()
        for heading, *cells in probes:
            pairs = zip(PROBE_HEADINGS[1::2], cells[::2], cells[1::2], strict=True)
            drawn.add_row("probes", heading, *(f"{name} {ours} {paper}" for name, ours, paper in pairs))
    return drawn


def publish_table(
    folder: Path,
    table: int,
    runs: Mapping[str, Run],
    results: Mapping[str, Measured],
    facts: Mapping[str, Any],
    config: Mapping[str, Any],
) -> Path:
    """Writes table.json and report.html; returns the report's path."""
    content = {row: measured.as_json() for row, measured in results.items()}
    publish_bytes(folder / "table.json", json.dumps(content, indent=1).encode())
    stand_in = any(is_stand_in(run.backbone or facts["backbone"]) for run in runs.values())
    sections = [Grid("Correspondence", HEADINGS, lines(table, runs, results), NOTE)]
    probes = probe_lines(table, runs, results)
    if probes:
        protocol = "the protocols of DINOv2 and DINOv3"
        if any(measured.features.get("quick") for measured in results.values()):
            protocol = "short protocols of our own (--quick), not the paper's"
        sections.append(Grid("Feature quality", PROBE_HEADINGS, probes, f"Linear probes by {protocol}."))
    return write_report(
        folder,
        Report(
            title=f"Table {table} of the paper",
            summary="Ours beside the paper's numbers.",
            facts=facts,
            sections=sections,
            config=config,
            warning=STAND_IN_WARNING if stand_in else "",
        ),
    )
