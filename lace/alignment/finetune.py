"""`lace finetune`: aligns a backbone on datasets; writes the backbone, its curves and a model card."""

import functools
import json
import operator
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from rich.console import Console
from torch import distributed

from lace.alignment import checkpoints
from lace.alignment.augmentation import AugmentConfig
from lace.alignment.config import RECIPES, TrainConfig, recipe_named
from lace.alignment.model_card import STAND_IN_WARNING, write_card
from lace.alignment.pairs import FrameBank, augmented_views, sample_indices, shuffled_parts
from lace.alignment.partial import merge_lora
from lace.alignment.similarity import SimilarityLog
from lace.alignment.training import Trainer
from lace.backbones import Backbone, is_stand_in, load_backbone, module_of
from lace.backbones.identity import source_digest
from lace.backbones.option import BackboneName
from lace.core.arguments import given
from lace.core.device import process_device
from lace.core.draws import generator
from lace.core.files import publish_bytes
from lace.core.frames import FrameRecord
from lace.core.keypoints import Visibility
from lace.core.limits import Within, check_numbers
from lace.core.run_identity import RunIdentity
from lace.core.store import require_local
from lace.data.dataset import Folders, FrameDataset, dataset_digest, named_folders
from lace.data.origins import NAME as ORIGINS_NAME
from lace.data.origins import Origins, read_origins
from lace.data.roles import require_disjoint, require_roles
from lace.reports.figures import loss_figure
from lace.reports.recorder import Recorder
from lace.reports.report import Grid, Picture, Report, write_report


@dataclass(frozen=True)
class FinetuneConfig:
    """Fine-tune a backbone so that features of human and robot hands match. Defaults are the paper's."""

    robot: Folders
    """Dataset folder of robot frames; several are taken as one dataset."""
    human: Folders
    """Dataset folders of human frames."""
    out: Path
    """Folder of the run; a run found there is resumed."""
    more: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A further embodiment as NAME=DIR, aligned jointly; repeat for each (sec. 5.6: two more, 10 images each)."""
    backbone: BackboneName = "dinov3-s"
    """Short name, hub id or local folder."""
    image_size: Annotated[int | None, Within(1)] = None
    """Side of the training images [px]; default 224, 64 for the tiny stand-in."""
    images: Annotated[int | None, Within(1)] = 100
    """Robot frames used, and frames of each further embodiment (table 4: 1, 10, 100); None takes all."""
    human_images: Annotated[int | None, Within(1)] = 1000
    """Human frames used; None takes all. The paper does not state the number. Table 4 varies the robot frames only."""
    augmented: Annotated[int, Within(0)] = 1000
    """Augmented views of each embodiment; 0 trains on the frames themselves."""
    shuffle_parts: tuple[str, ...] = ()
    """Control: embodiments whose part names are exchanged, the same way in all their frames, so that no part keeps its
    own. What still improves does not come from the correspondence of parts."""
    device: str = "auto"
    """"auto", "cpu", "cuda" or "cuda:1"."""
    recipe: Annotated[str, tyro.conf.arg(metavar="|".join(RECIPES))] = "paper"
    """What the options of training start from: the paper's settings, or short ones for a CPU."""
    train: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self):
        check_numbers(self)


def recipe_of(args: list[str]) -> FinetuneConfig:
    """Defaults for a command line: the settings of its `--recipe`."""
    name = given(args, "--recipe", FinetuneConfig.recipe)
    return FinetuneConfig(
        robot=tyro.MISSING, human=tyro.MISSING, out=tyro.MISSING, recipe=name, train=recipe_named(name)
    )


@dataclass(frozen=True)
class Training:
    """The training images of one embodiment."""

    folder: str
    frames: int
    """Frames used."""
    bank: FrameBank
    origins: Origins

    def facts(self) -> dict[str, Any]:
        """For the model card and the report."""
        return {"folder": self.folder, "frames": self.frames, "training images": len(self.bank)}


PLACES = ("robot", "human", "more", "out", "backbone", "device")
"""Options that say where a run finds and puts things: its identity has the content of frames and weights instead."""


def identity_of(config: FinetuneConfig) -> RunIdentity:
    """What the folder of a run belongs to: the options, the content of the datasets and the first weights."""
    frames = {f"{role} frames": dataset_digest(folder) for role, folder in _folders(config).items()}
    return RunIdentity(
        config.out / "config.json",
        "a fine-tune",
        {"config": asdict(config), "data": frames, "first weights": source_digest(config.backbone)},
        compared=("config", "data", "first weights"),
        may_change=(*PLACES, "recipe", *(f"train.{name}" for name in checkpoints.may_change(config.train))),
    )


def _folders(config: FinetuneConfig) -> dict[str, Folders]:
    return named_folders(config.more, {"robot": config.robot, "human": config.human})


def open_datasets(config: FinetuneConfig) -> dict[str, FrameDataset]:
    """The datasets by role, checked; raises LaceError before anything heavy is loaded."""
    datasets = {role: FrameDataset(folder) for role, folder in _folders(config).items()}
    require_roles(datasets)
    return datasets


def training_images(config: FinetuneConfig, size: int) -> dict[str, Training]:
    """The images of each embodiment at `size` px; a function of the datasets, the config and the seed."""
    found = {
        role: _training(dataset, role, number, config, size)
        for number, (role, dataset) in enumerate(open_datasets(config).items())
    }
    require_disjoint({role: part.origins for role, part in found.items()})
    return found


def _training(dataset: FrameDataset, role: str, number: int, config: FinetuneConfig, size: int) -> Training:
    limit, seed = config.human_images if role == "human" else config.images, config.train.seed
    chosen = sample_indices(len(dataset), limit, seed)
    origins: list[Origins] = []

    def read(i: int) -> FrameRecord:
        record = dataset[int(chosen[i])]
        origins.append(Origins.of([record]))
        return record

    if config.augmented:
        # Views are cut from the frames at full resolution, one frame at a time.
        bank = augmented_views(
            lambda i: _arrays(read(i)),
            len(chosen),
            config.augmented,
            size,
            name=role,
            rng=generator(seed, number),
            config=config.augment,
        )
    else:
        bank = FrameBank.from_stream(map(read, range(len(chosen))), len(chosen), size, role)
    bank = shuffled_parts(bank, seed) if role in config.shuffle_parts else bank
    return Training(dataset.place, len(origins), bank, functools.reduce(operator.or_, origins))


def _arrays(record: FrameRecord) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return record.image, record.keypoints_uv, record.visibility == Visibility.VISIBLE


def main(config: FinetuneConfig) -> int:
    """Runs the fine-tune; under torchrun, once per process. Returns the exit code."""
    require_local(config.out, "a fine-tune")
    device = process_device(config.device)
    open_datasets(config)
    if distributed.is_initialized() and distributed.get_rank() > 0:
        _prepared(config, device)[0].run(folder=config.out)
        distributed.destroy_process_group()
        return 0
    identity = identity_of(config)
    with identity.opened():
        trainer, data = _prepared(config, device)
        identity.publish()
        return _run(config, trainer, data)


def _prepared(config: FinetuneConfig, device: torch.device) -> tuple[Trainer, dict[str, Training]]:
    """The trainer, resumed if there is a checkpoint, and its data."""
    size = config.image_size or (64 if config.backbone == "tiny" else 224)
    data = training_images(config, size)
    backbone = load_backbone(config.backbone, image_size=size, device=device)
    trainer = Trainer(config.train, [part.bank for part in data.values()], backbone)
    trainer.resume(config.out)
    return trainer, data


def _run(config: FinetuneConfig, trainer: Trainer, data: dict[str, Training]) -> int:
    similarity = SimilarityLog(trainer, config.out)
    similarity.look(trainer.done)
    with Recorder(config.out, "fine-tune", trainer.config.iterations, trainer.done) as recorder:

        def on_step(metrics: dict[str, float]) -> None:
            recorder(metrics)
            similarity.look(int(metrics["step"]))

        trainer.run(on_step, config.out)
    if distributed.is_initialized():
        distributed.destroy_process_group()
    backbone, caveat = trainer.backbone, trainer.backbone.caveat
    if config.train.lora_rank:
        merge_lora(module_of(backbone))
    origins = functools.reduce(operator.or_, (part.origins for part in data.values()), read_origins(config.backbone))
    _publish_backbone(backbone, config.out / "backbone", origins)
    facts = {role: part.facts() for role, part in data.items()}
    card = write_card(
        config.out,
        base=config.backbone,
        caveat=STAND_IN_WARNING if is_stand_in(config.backbone) else caveat,
        data=facts,
        config=asdict(config),
        metrics=recorder.last,
    )
    report = _report(config, facts, recorder.last, similarity.figure())
    Console().print(
        f"wrote {config.out / 'backbone'}, {card} and {report}", markup=False, highlight=False, soft_wrap=True
    )
    return 0


def _report(config: FinetuneConfig, data: dict[str, dict], metrics: dict[str, float], similarity: bytes) -> Path:
    """Publishes the figures of the run and report.html."""
    curves = loss_figure(config.out / "metrics.jsonl")
    publish_bytes(config.out / "curves.png", curves)
    publish_bytes(config.out / "similarity.png", similarity)
    rows = [[name, *map(str, facts.values())] for name, facts in data.items()]
    last = [[name.replace("_", " "), f"{value:.6g}"] for name, value in metrics.items()]
    return write_report(
        config.out,
        Report(
            title=f"LACE fine-tune of {config.backbone}",
            summary="Training metrics. `lace evaluate correspondence` measures correspondence on held-out frames.",
            facts={"seed": config.train.seed, "steps": config.train.iterations, "pairs a step": config.train.batch},
            sections=[
                Grid("Data", ["embodiment", "folder", "frames", "training images"], rows),
                Grid(
                    "Last step",
                    ["metric", "value"],
                    last,
                    "Entropies in nat; that of a uniform distribution is the logarithm of the number of patches. "
                    "Skipped: draws of two images that share no visible keypoint.",
                ),
                Picture("Loss curves", curves),
                Picture(
                    "Similarity distributions (fig. 11)",
                    similarity,
                    "P of the teacher and Q of the student over the "
                    "anchor's patches; red is the keypoint's patch. Each panel is min-max normalised separately.",
                ),
            ],
            config=asdict(config),
            warning=STAND_IN_WARNING if is_stand_in(config.backbone) else "",
        ),
    )


def _publish_backbone(backbone: Backbone, folder: Path, origins: Origins) -> None:
    """Saves the backbone and the manifest of its training sources to a temporary folder first, then renames it."""
    fresh = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    backbone.save(fresh)
    publish_bytes(fresh / ORIGINS_NAME, json.dumps(origins.as_json(), indent=1).encode())
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
