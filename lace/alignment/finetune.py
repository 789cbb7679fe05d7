"""`lace finetune`: datasets and a backbone in, an aligned backbone with its curves and model card out."""

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import distributed
from torch.utils.tensorboard import SummaryWriter

from lace.alignment.augmentation import AugmentConfig
from lace.alignment.config import TrainConfig
from lace.alignment.model_card import STAND_IN_WARNING, write_card
from lace.alignment.pairs import FrameBank, augment_bank
from lace.alignment.similarity import SimilarityLog
from lace.alignment.training import Trainer
from lace.backbones import is_stand_in, load_backbone
from lace.core.device import process_device
from lace.core.files import publish_bytes
from lace.data.dataset import named_folders
from lace.reports.figures import loss_figure
from lace.reports.report import Grid, Picture, Report, write_report


@dataclass(frozen=True)
class FinetuneConfig:
    """Fine-tune a backbone so that human and robot hands look alike to it. The defaults are the paper's."""

    robot: Path
    """Dataset folder of robot frames."""
    human: Path
    """Dataset folder of human frames."""
    out: Path
    """Folder of the run; a run found there is resumed."""
    more: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A further embodiment as NAME=DIR, aligned jointly; give it once for each (sec. 5.6: two more, 10 images each)."""
    backbone: str = "dinov3-s"
    """Short name, hub id or local folder."""
    image_size: int | None = None
    """Side of the training images [px]; default 224, 64 for the tiny stand-in."""
    images: int | None = 100
    """Frames used of each embodiment (table 4: 1, 10, 100); None takes all."""
    augmented: int = 1000
    """Augmented views of each embodiment; 0 trains on the frames as they are."""
    device: str = "auto"
    """"auto", "cpu", "cuda" or "cuda:1"."""
    train: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)


class _Recorder:
    """Curves of a run: metrics.jsonl, TensorBoard and a progress line with rate and ETA."""

    def __init__(self, out: Path, trainer: Trainer):
        config, done = trainer.config, trainer.done
        self.similarity = SimilarityLog(trainer, out)
        self._file = _metrics_up_to(out / "metrics.jsonl", done).open("a", encoding="utf-8")
        self._board = SummaryWriter(str(out / "tensorboard"), purge_step=done + 1 if done else None)
        self._progress = Progress(
            TextColumn("fine-tune"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task("", total=config.iterations, completed=done, note="")
        self._begun, self.last = done, {}

    def __enter__(self) -> "_Recorder":
        self._progress.start()
        self.similarity.look(self._begun)
        return self

    def __exit__(self, *_raised) -> None:
        self._progress.stop()
        self._file.close()
        self._board.close()

    def __call__(self, metrics: dict[str, float]) -> None:
        self.last = metrics
        self._file.write(json.dumps(metrics) + "\n")
        self._file.flush()
        for name in metrics.keys() - {"step", "seconds"}:
            self._board.add_scalar(name, metrics[name], metrics["step"])
        rate = (metrics["step"] - self._begun) / max(metrics["seconds"], 1e-9)
        note = f"loss {metrics['loss']:.4f}  {rate:.2f} steps/s"
        self.similarity.look(metrics["step"])
        self._progress.update(self._task, completed=metrics["step"], note=note)


def _metrics_up_to(path: Path, done: int) -> Path:
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


def _folders(config: FinetuneConfig) -> dict[str, Path]:
    return named_folders(config.more, {"robot": config.robot, "human": config.human})


def read_frames(config: FinetuneConfig, size: int) -> list[FrameBank]:
    """The frames of each embodiment at `size` px."""
    return [FrameBank.from_dataset(path, size, config.images, name) for name, path in _folders(config).items()]


def views_of(frames: list[FrameBank], config: FinetuneConfig) -> list[FrameBank]:
    """The augmented bank of each embodiment; a function of the frames and the seed."""
    if not config.augmented:
        return frames
    size, seed = frames[0].size, config.train.seed
    return [augment_bank(bank, config.augmented, size, seed + i, config.augment) for i, bank in enumerate(frames)]


def main(config: FinetuneConfig) -> int:
    """Runs it; under torchrun, once per process. Returns the exit code."""
    device = process_device(config.device)
    leads = not distributed.is_initialized() or distributed.get_rank() == 0
    size = config.image_size or (64 if config.backbone == "tiny" else 224)
    frames = read_frames(config, size)
    backbone = load_backbone(config.backbone, image_size=size, device=device)
    banks = views_of(frames, config)
    trainer = Trainer(config.train, banks, backbone)
    trainer.resume(config.out)
    if leads:
        config.out.mkdir(parents=True, exist_ok=True)
        publish_bytes(config.out / "config.json", json.dumps(asdict(config), indent=2, default=str).encode())
        with _Recorder(config.out, trainer) as recorder:
            trainer.run(recorder, config.out)
    else:
        trainer.run(folder=config.out)
    if distributed.is_initialized():
        distributed.destroy_process_group()
    if not leads:
        return 0
    _publish_backbone(backbone, config.out / "backbone")
    data = {
        name: {"folder": path, "frames": len(seen), "training images": len(bank)}
        for (name, path), seen, bank in zip(_folders(config).items(), frames, banks, strict=True)
    }
    stand_in = is_stand_in(config.backbone)
    card = write_card(
        config.out,
        base=config.backbone,
        caveat=STAND_IN_WARNING if stand_in else backbone.caveat,
        data=data,
        config=asdict(config),
        metrics=recorder.last,
    )
    report = _report(config, data, recorder, stand_in)
    Console().print(
        f"wrote {config.out / 'backbone'}, {card} and {report}", markup=False, highlight=False, soft_wrap=True
    )
    return 0


def _report(config: FinetuneConfig, data: dict[str, dict], recorder: _Recorder, stand_in: bool) -> Path:
    """The pictures of the run beside it and in report.html."""
    curves, similarity = loss_figure(config.out / "metrics.jsonl"), recorder.similarity.figure()
    publish_bytes(config.out / "curves.png", curves)
    publish_bytes(config.out / "similarity.png", similarity)
    rows = [[name, *map(str, facts.values())] for name, facts in data.items()]
    last = [[name, f"{value:.6g}"] for name, value in recorder.last.items()]
    return write_report(
        config.out,
        Report(
            title=f"LACE fine-tune of {config.backbone}",
            summary="Training alone; `lace evaluate correspondence` measures what it is good for on held-out frames.",
            facts={"seed": config.train.seed, "steps": config.train.iterations, "pairs a step": config.train.batch},
            sections=[
                Grid("Data", ["embodiment", "folder", "frames", "training images"], rows),
                Grid(
                    "Last step",
                    ["metric", "value"],
                    last,
                    "Entropies in nat; the logarithm of the patches is uniform. "
                    "Skipped are draws of two images that share no visible keypoint.",
                ),
                Picture("Loss curves", curves),
                Picture(
                    "Similarity distributions (fig. 11)",
                    similarity,
                    "P of the teacher and Q of the student over the "
                    "anchor's patches; red is the keypoint's patch. Each panel is min-max normalised for itself.",
                ),
            ],
            config=asdict(config),
            warning=STAND_IN_WARNING if stand_in else "",
        ),
    )


def _publish_backbone(backbone, folder: Path) -> None:
    """Saves beside `folder` first, so that an interrupted save is never taken for a backbone."""
    fresh = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    backbone.save(fresh)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
