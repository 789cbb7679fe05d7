"""Tables, pictures and report.html of a measurement of correspondence."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table
from torch import Tensor

from lace.backbones.described import Described
from lace.core.errors import LaceError
from lace.core.files import publish_bytes
from lace.core.frames import FrameRecord
from lace.core.terminal import print_whole
from lace.measure.correspondence import METRICS
from lace.measure.drift import REGIONS
from lace.measure.pictures import PICTURED, CloseUps, Views, correspondences, fingertips, joint_pca
from lace.measure.predictors import NAMES
from lace.reports.pca_figures import drift_figure
from lace.reports.report import Grid, Picture, Report, slug, write_report

_log = logging.getLogger(__name__)
_CAPTION = "part accuracy is over visible keypoints; cosine alone is 1 for collapsed features"


COLUMNS = ("EPE px", "patches", "cosine", "PCK", "part accuracy")


def tables(result: dict[str, Any]) -> list[Table]:
    """The result in words: every pair before and after, its details and directions, predictors without features."""
    found = [_pairs(result), _trivial(result)]
    if "before" in result:
        found = [_summary(result), found[0], _differences(result["before"]), found[1]]
    return found


def _table(title: str, *headings: str, caption: str = "") -> Table:
    shown = Table(title=title, caption=caption)
    for heading in headings:
        shown.add_column(heading, no_wrap=True)
    return shown


def _summary(result: dict[str, Any]) -> Table:
    title = f"before ({result['config']['before']}) and after ({result['backbone']})"
    shown = _table(title, "pair", "EPE px before", "after", "part accuracy before", "after", caption=_CAPTION)
    for pair, row in result["pairs"].items():
        both = (result["before"]["pairs"][pair], row)
        shown.add_row(pair, *(_cell(some[m], True) for m in ("epe_px", "part_accuracy") for some in both))
    return shown


def _pairs(result: dict[str, Any]) -> Table:
    title = f"{result['backbone']}: EPE at {result['size_px']} px, 95 % bootstrap over images"
    shown = _table(title, "pair", "n", *COLUMNS, caption=_CAPTION)
    for pair, row in result["pairs"].items():
        shown.add_row(pair, str(row["n"]), *_cells(row))
        for way, values in row.get("directions", {}).items():
            shown.add_row(f"  {way}", str(values["n"]), *_cells(values))
    return shown


def _differences(before: Mapping[str, Any]) -> Table:
    shown = _table("after less before, paired", "pair", *COLUMNS)
    for pair, change in before["differences"].items():
        shown.add_row(pair, *(_cell(change[m], True, "+") for m in METRICS))
    return shown


def _trivial(result: dict[str, Any]) -> Table:
    shown = _table("predictors without features", "target: predictor", "n", *COLUMNS)
    for target, rows in result["trivial"].items():
        for name in NAMES:
            held_out = name == "mean training keypoint" and result["mean_keypoint_from"][target] == "held-out"
            cells = [f"{rows[name][m]:.3g}" if m in rows[name] else "-" for m in METRICS]
            label = "mean HELD-OUT keypoint" if held_out else name
            shown.add_row(f"{target}: {label}", str(rows["n"]), *cells)
    return shown


def _grid(rows: Table) -> Grid:
    """The same in report.html."""
    cells = [[str(cell) for cell in row] for row in zip(*(c.cells for c in rows.columns), strict=True)]
    return Grid(str(rows.title), [str(column.header) for column in rows.columns], cells, str(rows.caption or ""))


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [_cell(row[m], m in ("epe_px", "part_accuracy")) for m in METRICS]


def _cell(interval: Mapping[str, float], with_bounds: bool, sign: str = "") -> str:
    value, low, high = (f"{interval[name]:{sign}.3g}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]" if with_bounds else value


def pictures(
    described: Views,
    records: Mapping[str, list[FrameRecord]],
    close: tuple[CloseUps, Views],
    tips: tuple[CloseUps, Views],
    moved: Tensor | None,
    hand_words: Sequence[str],
) -> list[Picture]:
    """Figs. 2, 4, 7, 8, 9 and fingertips close up; a picture that the frames do not allow is left out with a message.

    Args:
        described: Title of a backbone -> embodiment -> its features; the last backbone is the measured one.
        records: The frames that they are from.
        close: Hands close up, and their features by title and embodiment.
        tips: The same for hands whose fingertips are seen.
        moved: Hand and object tokens (n, tokens) of the robot's frames, for drift; None for no such picture.
        hand_words: Words that mark the hand's segments.
    """
    found = correspondences(described, records) + fingertips(tips[1], tips[0])
    if moved is not None:
        before, after = (parts["robot"] for parts in described.values())
        found.append(_drift_picture(before, after, records["robot"], moved, after.grid[0] * after.patch))
    try:
        found.append(joint_pca(close[1], close[0], hand_words))
    except LaceError as error:
        _log.warning("no picture of the joint PCA: %s", error)
    return found


def _drift_picture(
    before: Described, after: Described, records: Sequence[FrameRecord], things: Tensor, size: int
) -> Picture:
    chosen = things.sum(1).argsort(descending=True)[:PICTURED].tolist()
    images = np.stack([cv2.resize(records[i].image, (size, size)) for i in chosen])
    png = drift_figure(images, things[chosen], before.features[chosen], after.features[chosen], after.grid)
    note = "PCA of both backbones in one space, of hand and object patches; a changed colour is drift."
    return Picture("Feature drift (fig. 9)", png, note)


def publish_report(out: Path, result: dict[str, Any], shown: Sequence[Picture], warning: str) -> None:
    """Prints the tables and writes the pictures and report.html."""
    console = Console(highlight=False, soft_wrap=True)
    shown_tables = tables(result)
    for rows in shown_tables:
        print_whole(rows)
    for picture in shown:
        publish_bytes(out / f"{slug(picture.title)}.png", picture.png)
    grids = [_grid(rows) for rows in shown_tables]
    if "drift" in result:
        lines = drift_rows(result["drift"])
        grids.append(Grid("Drift against the earlier backbone", ["region", "|f - f'|", "patches"], lines))
        console.print("drift:", "; ".join(f"{region} {value}" for region, value, _ in lines), markup=False)
    images = {
        name[: len(name) // 2]: row["images"][0] for name, row in result["pairs"].items() if "directions" not in row
    }
    path = write_report(
        out,
        Report(
            title=f"Correspondence of {result['backbone']}",
            summary="All pairs of held-out images, matched by features alone without training.",
            facts={
                "held-out images": ", ".join(f"{name} {count}" for name, count in images.items()),
                "seed": result["config"]["seed"],
                "image size [px]": result["size_px"],
            },
            sections=[*grids, *shown],
            config=result["config"],
            warning=warning,
        ),
    )
    console.print(f"wrote {out / 'correspondence.json'} and {path}", markup=False, soft_wrap=True)


def drift_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Region, displacement with its interval, number of patches; one row if drift was not measured."""
    if "left_out" in found:
        return [["not measured", found["left_out"], "-"]]
    rows = [(region, found[region]) for region in REGIONS]
    return [
        [region, _cell(row, True), str(row["n"])] if row else [region, "no such patch", "0"] for region, row in rows
    ]
