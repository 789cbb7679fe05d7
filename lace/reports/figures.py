"""Figures as PNG, and the curves of a training run."""

import io
import json
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lace.core.errors import InvalidValueError

_DPI = 110


def png(figure: Figure) -> bytes:
    """The figure as PNG; deterministic."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def loss_figure(metrics: str | Path) -> bytes:
    """PNG of the numbers a training run wrote to metrics.jsonl, against its steps."""
    path = Path(metrics)
    if not path.is_file() or not path.read_text().strip():
        raise InvalidValueError(
            "drawing the loss curves",
            f"{path} is missing or empty",
            "metrics.jsonl of a training run",
            "give the --out of `lace finetune`",
        )
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    names = [name for name in ("loss", "align", "gram", "entropy_p", "entropy_q") if name in rows[0]]
    figure = Figure(figsize=(2.6 * len(names), 2.4), layout="constrained")
    for ax, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        ax.plot([row["step"] for row in rows], [row[name] for row in rows], color="#44546a", linewidth=1)
        ax.set_title(name.replace("_", " "), fontsize=9)
        ax.set_xlabel("step", fontsize=8)
        ax.tick_params(labelsize=7)
    return png(figure)
