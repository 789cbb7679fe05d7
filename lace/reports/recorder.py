"""Curves of a training run: metrics.jsonl, TensorBoard, and the progress display."""

import json
from contextlib import ExitStack
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from lace.core.files import publish_bytes, reading
from lace.core.progress import Meter, progress_bar


class Recorder:
    """Called with the metrics of a step: "step", "seconds" since this process began, "loss" and whatever else."""

    def __init__(self, out: Path, title: str, total: int, done: int):
        """A recorder.

        Args:
            out: Folder of the run.
            title: Left of the progress bar.
            total: Steps of the whole run.
            done: Steps of it that a checkpoint holds; what was written after them is cut.
        """
        self.total, self.done = total, done
        self.last = last_row(metrics_up_to(out / "metrics.jsonl", done))
        self._out, self._title, self._open = out, title, ExitStack()

    def __enter__(self) -> "Recorder":
        meter, purge = Meter("steps"), self.done + 1 if self.done else None
        self._file = self._open.enter_context((self._out / "metrics.jsonl").open("a", encoding="utf-8"))
        self._board = SummaryWriter(str(self._out / "tensorboard"), purge_step=purge)
        self._open.callback(self._board.close)
        self._advance = self._open.enter_context(progress_bar(self._title, meter=meter, note_lines=False))
        meter.start(self.done)
        return self

    def __exit__(self, *_raised) -> None:
        self._open.close()

    def __call__(self, metrics: dict[str, float]) -> None:
        """Writes and shows one step."""
        self.last = metrics
        self._file.write(json.dumps(metrics) + "\n")
        self._file.flush()
        for name in metrics.keys() - {"step", "seconds"}:
            self._board.add_scalar(name, metrics[name], metrics["step"])
        self._advance(int(metrics["step"]), self.total, f"loss {metrics['loss']:.4f}")


def metrics_up_to(path: Path, done: int) -> Path:
    """Cuts what an interrupted run wrote after its last checkpoint, a half-written line included."""
    kept = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []:
        try:
            row = json.loads(line)
            earlier = row["step"] <= done
        except (ValueError, LookupError, TypeError, RecursionError):
            break
        if earlier:
            kept.append(line + "\n")
    publish_bytes(path, "".join(kept).encode())
    return path


def last_row(path: Path) -> dict[str, float]:
    """Metrics of the last logged step; empty if there is none."""
    with reading(path, "rows of metrics", "remove the run's folder and train again"):
        lines = path.read_text(encoding="utf-8").splitlines()
        return dict(json.loads(lines[-1])) if lines else {}
