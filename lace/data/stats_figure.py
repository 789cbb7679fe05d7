"""Dataset statistics as one picture and as tables for the terminal."""

import io
import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lace.core.counting import counted
from lace.data.draw_names import in_words, is_internal

_COLUMNS = 6
_PANEL_IN = (2.5, 1.7)
"""Width and height of a histogram panel [inch]."""
_TOP_IN, _DPI = 4.2, 110
_KINDS = {"visible": "#009e73", "occluded": "#e69f00", "out_of_view": "#56b4e9", "absent": "#cccccc"}
"""Visibility and colour (Okabe and Ito 2008), in stacking order."""
_BAR = "#44546a"


def shown_ranges(stats: dict[str, Any], internal: bool) -> dict[str, dict[str, Any]]:
    """Histograms by name in words: draws that vary, without internal ones unless they are asked for; joints."""
    draws = {in_words(name): h for name, h in stats["draws"].items() if internal or not is_internal(name)}
    joints = {f"joint {name} [rad]": h for name, h in stats["joints"].items()}
    return {name: h for name, h in (draws | joints).items() if h["n"]}


def stats_figure(stats: dict[str, Any], internal: bool = False) -> bytes:
    """PNG of `dataset_stats`: visibility and palm positions above, a histogram of what varies below."""
    varied = {name: h for name, h in shown_ranges(stats, internal).items() if h["min"] < h["max"]}
    panels = [(name, h, "#d55e00" if name.startswith("joint ") else _BAR) for name, h in varied.items()]
    rows = math.ceil(len(panels) / _COLUMNS)
    figure = Figure(figsize=(_COLUMNS * _PANEL_IN[0], _TOP_IN + rows * _PANEL_IN[1] + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{stats['folder']}: {counted(stats['frames'], 'frame')}", fontsize=12)
    ratios = [_TOP_IN] + ([rows * _PANEL_IN[1]] if rows else [])
    parts = figure.subfigures(len(ratios), 1, height_ratios=ratios, squeeze=False)[:, 0]
    _overview(parts[0].subplots(1, 4, width_ratios=[1.6, 1, 1, 0.9]), stats)
    if rows:
        axes = parts[1].subplots(rows, _COLUMNS, squeeze=False).ravel()
        for ax, (name, values, colour) in zip(axes, panels, strict=False):
            _draw_histogram(ax, name, values, colour)
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def _overview(axes: list[Axes], stats: dict[str, Any]) -> None:
    _draw_visibility(axes[0], stats["visibility"])
    _draw_scatter(axes[1], stats["palm_uv"], "wrist in the image [px]")
    axes[1].invert_yaxis()
    _draw_scatter(axes[2], stats["palm_world_xy"], "wrist in the world, x y [m]")
    kinds = ("rooms", "tables", "targets")
    counts = {f"{kind[:-1]}: {name}": n for kind in kinds for name, n in stats[kind].items()}
    axes[3].barh(list(counts)[::-1], list(counts.values())[::-1], color=_BAR)
    axes[3].set_title("rooms, tables and targets [frames]", fontsize=9)
    axes[3].tick_params(labelsize=7)


def _draw_visibility(ax: Axes, visibility: dict[str, dict[str, float]]) -> None:
    names, left = list(visibility), [0.0] * len(visibility)
    for kind, colour in _KINDS.items():
        rates = [visibility[name][kind] for name in names]
        ax.barh(names, rates, left=left, color=colour, label=kind.replace("_", " "))
        left = [a + b for a, b in zip(left, rates, strict=True)]
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    ax.set_title("keypoint visibility [rate]", fontsize=9)
    ax.tick_params(labelsize=7)
    ax.legend(fontsize=6, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.06), frameon=False)


def _draw_scatter(ax: Axes, points: list[list[float]], title: str) -> None:
    if points:
        ax.scatter(*zip(*points, strict=True), s=9, alpha=0.5, color=_BAR, linewidths=0)
        ax.set_aspect("equal", "datalim")
    ax.set_title(title, fontsize=9)
    ax.tick_params(labelsize=7)


def _draw_histogram(ax: Axes, name: str, values: dict[str, Any], colour: str) -> None:
    ax.stairs(values["counts"], values["edges"], fill=True, color=colour)
    ax.set_title(name, fontsize=7)
    ax.tick_params(labelsize=6)
    ax.set_yticks([])


def stats_tables(stats: dict[str, Any], internal: bool = False) -> Group:
    """The same for the terminal: counts, visibility rates, ranges of draws and joints."""
    counts = Table("what", "value", "frames", title=f"{stats['folder']}: {counted(stats['frames'], 'frame')}")
    for kind in ("embodiments", "presets", "rooms", "tables", "targets", "distractors"):
        for value, n in stats[kind].items():
            counts.add_row(kind[:-1], Text(value), str(n))
    for redraws, n in stats["attempts"].items():
        counts.add_row("redrawn", counted(int(redraws), "time"), str(n))
    rates = Table("keypoint", *(kind.replace("_", " ") for kind in _KINDS), title="keypoint visibility")
    for name, kinds in stats["visibility"].items():
        rates.add_row(name, *(f"{kinds[kind]:.1%}" for kind in _KINDS))
    ranges = Table("draw or joint", "n", "min", "mean", "max", title="what was drawn, and joints")
    for name, h in shown_ranges(stats, internal).items():
        shown = (f"{h[which] + 0.0:.4g}" for which in ("min", "mean", "max"))  # + 0.0: no "-0"
        ranges.add_row(Text(name), str(h["n"]), *shown)
    return Group(counts, rates, ranges)
