"""Figures as PNG, and the curves of a training run."""

import io
import json
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lace.core.errors import InvalidValueError
from lace.core.files import reading

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
    content = path.read_bytes() if path.is_file() else b""
    if not content.strip():
        raise InvalidValueError(
            "drawing the loss curves",
            f"{path} is missing or empty",
            "metrics.jsonl of a training run",
            "give the --out of `lace finetune`",
        )
    with reading(path, "rows of metrics", "remove the run's folder and train again"):
        rows = [json.loads(line) for line in content.decode().splitlines()]
        names = [name for name in ("loss", "align", "gram", "entropy_p", "entropy_q") if name in rows[0]]
        curves = {name: np.array([(row["step"], row[name]) for row in rows], float) for name in names}
    if not names:
        raise InvalidValueError("drawing the loss curves", f"no loss in {path}", "rows of metrics", "train again")
    figure = Figure(figsize=(2.6 * len(names), 2.4), layout="constrained")
    for ax, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        ax.plot(*curves[name].T, color="#44546a", linewidth=1)
        ax.set_title(name.replace("_", " "), fontsize=9)
        ax.set_xlabel("step", fontsize=8)
        ax.tick_params(labelsize=7)
    return png(figure)
