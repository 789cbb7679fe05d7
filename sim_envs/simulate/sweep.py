"""Plot of grasp success against localisation error and against hit rate."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lace.core.counting import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _SUCCESS, _HIT, _FROZEN = "#1d2733", "#0f766e", "#0072b2", "#d55e00"
_DPI = 130


def sweep_path(out: Path) -> Path:
    """DIR/sweep.png."""
    return out / "sweep.png"


def sweep_figure(results: dict[str, Any]) -> bytes:
    """PNG of a sweep's results: success against the target's error in pixels and on the table, and against hits."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    pixels, table, worth = figure.subplots(1, 3, sharey=True)
    rows = {name: row for name, row in results["policies"].items() if name != "frozen"}
    frozen = results["policies"].get("frozen")
    _curve(pixels, rows, lambda row: row["errors"]["target_error_px"]["rms"])
    pixels.set_xlabel(f"target error, rms [px of {results['config']['width']}]")
    pixels.set_ylabel("success [%]")
    _curve(table, rows, lambda row: row["errors"]["target_error_mm"].get("p50"))
    table.set_xlabel("target error on the table, median [mm]")
    _curve(worth, rows, lambda row: 100 * row["hit_rate"]["both"]["value"])
    worth.plot([0, 100], [0, 100], color="#cbd5e1", linewidth=1, zorder=0)
    worth.set_xlabel("hit rate, both points in their boxes [%]")
    if frozen is not None:
        rate = 100 * frozen["success"]["value"]
        pixels.axhline(rate, color=_FROZEN, linewidth=1, linestyle="--", label="frozen")
        pixels.legend(fontsize=8, frameon=False)
    figure.suptitle(
        f"{counted(results['n'], 'trial')} a point, preset {results['config']['preset']}; 95 % exact intervals",
        fontsize=10,
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def _curve(ax: "Axes", rows: dict[str, Any], of) -> None:
    """Points (of(row), success) with intervals, joined in the order of the rows."""
    known = {name: row for name, row in rows.items() if of(row) is not None}
    x, rates = [of(row) for row in known.values()], [row["success"] for row in known.values()]
    y = [100 * rate["value"] for rate in rates]
    below = [100 * (rate["value"] - rate["low"]) for rate in rates]
    above = [100 * (rate["high"] - rate["value"]) for rate in rates]
    ax.errorbar(
        x, y, (below, above), color=_SUCCESS, ecolor=_INK, elinewidth=0.8, capsize=2.5, marker="o", markersize=4
    )
    ax.set_ylim(-3, 103)
    ax.grid(color="#e2e8f0", linewidth=0.6)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
