"""Curves of a training run: metrics.jsonl, TensorBoard and a progress line with rate and time left."""

import json
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from lace.core.files import publish_bytes


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
        self._file = metrics_up_to(out / "metrics.jsonl", done).open("a", encoding="utf-8")
        self._board = SummaryWriter(str(out / "tensorboard"), purge_step=done + 1 if done else None)
        self._progress = Progress(
            TextColumn(title), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True),
        )  # fmt: skip
        self._task = self._progress.add_task("", total=total, completed=done, note="")
        self.begun, self.last = done, last_row(out / "metrics.jsonl")

    def __enter__(self) -> "Recorder":
        self._progress.start()
        return self

    def __exit__(self, *_raised) -> None:
        self._progress.stop()
        self._file.close()
        self._board.close()

    def __call__(self, metrics: dict[str, float]) -> None:
        """Writes and shows one step."""
        self.last = metrics
        self._file.write(json.dumps(metrics) + "\n")
        self._file.flush()
        for name in metrics.keys() - {"step", "seconds"}:
            self._board.add_scalar(name, metrics[name], metrics["step"])
        rate = (metrics["step"] - self.begun) / max(metrics["seconds"], 1e-9)
        note = f"loss {metrics['loss']:.4f}  {rate:.2f} steps/s"
        self._progress.update(self._task, completed=metrics["step"], note=note)


def metrics_up_to(path: Path, done: int) -> Path:
    """Cuts what an interrupted run wrote after its last checkpoint, a half-written line included."""
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            row = json.loads(line)
        except ValueError:
            break
        if row["step"] <= done:
            kept.append(line + "\n")
    publish_bytes(path, "".join(kept).encode())
    return path


def last_row(path: Path) -> dict[str, float]:
    """Metrics of the last logged step; empty if there is none."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return json.loads(lines[-1]) if lines else {}
