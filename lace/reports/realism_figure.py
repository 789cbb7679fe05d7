"""Detection rates of `lace data realism`, as one picture and as a table for the terminal."""

from typing import Any

from matplotlib.figure import Figure
from rich.table import Column, Table

from lace.core.counting import counted
from lace.reports.figures import png

_BAR, _ERROR = "#44546a", "#d55e00"
_COLUMNS = 3


def realism_figure(summary: dict[str, Any]) -> bytes:
    """PNG of the share of hands found in every bin of `lace.measure.realism.summary`, with its 95 % interval."""
    groups = summary["found_by"]
    rows = max(1, -(-len(groups) // _COLUMNS))
    figure = Figure(figsize=(3.6 * _COLUMNS, 2.2 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for ax in axes[len(groups) :]:
        ax.set_axis_off()
    for ax, (group, bins) in zip(axes, groups.items(), strict=False):
        names = [f"{name} ({bin['n']})" for name, bin in bins.items()]
        rates = [bin["rate"] for bin in bins.values()]
        edges = [[rate - bin["low"] for rate, bin in zip(rates, bins.values(), strict=True)]]
        edges.append([bin["high"] - rate for rate, bin in zip(rates, bins.values(), strict=True)])
        ax.barh(names, rates, color=_BAR, xerr=edges, ecolor=_ERROR, error_kw={"elinewidth": 1})
        ax.set_xlim(0, 1)
        ax.invert_yaxis()
        ax.set_title(group.replace("_", " "), fontsize=9)
        ax.tick_params(labelsize=7)
    figure.suptitle(f"{summary['folder']}: hands found, of those wholly in the picture", fontsize=10)
    return png(figure)


def realism_table(summary: dict[str, Any]) -> Table:
    """The same in words: share, 95 % interval and counts."""
    title = f"{summary['folder']}: {counted(summary['frames'], 'frame')}, seen by {summary['detector']}"
    table = Table(
        "what", *(Column(name, no_wrap=True, justify="right") for name in ("share", "95 %", "of")), title=title
    )
    for name, text in (
        ("any_hand_seen", "pictures with a hand seen anywhere"),
        ("found", "hands found"),
        ("found_whole", "hands found, wholly in the picture"),
        ("found_whole_half_seen", "the same, half the keypoints visible"),
        ("recognised_whole", "whole hands recognised when shown where"),
        ("right_of_found", "found hands called right"),
    ):
        table.add_row(text, *_cells(summary[name]))
    error = summary["error"]
    if error["n"]:
        table.add_row("keypoint error of the diagonal, median", f"{error['median']:.1%}", "", str(error["n"]))
        table.add_row("keypoint error, nine in ten below", f"{error['q90']:.1%}", "", str(error["n"]))
    for group, bins in summary["found_by"].items():
        table.add_section()
        for label, rate in bins.items():
            table.add_row(f"whole, {group.replace('_', ' ')}: {label}", *_cells(rate))
    return table


def _cells(rate: dict[str, Any]) -> tuple[str, str, str]:
    if not rate["n"]:
        return "", "", "0"
    return f"{rate['rate']:.1%}", f"{rate['low']:.0%} to {rate['high']:.0%}", f"{rate['hits']} of {rate['n']}"
