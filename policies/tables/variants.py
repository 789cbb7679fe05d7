"""Rows of probe and policy tables: a backbone as it is, aligned in a room, or aligned on shuffled parts."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from lace.alignment.config import RECIPES, TrainConfig, recipe_named
from lace.backbones import Backbone, load_backbone
from lace.backbones.option import BackboneName
from lace.core.arguments import given
from lace.core.device import process_device
from lace.core.errors import DatasetError, InvalidValueError
from lace.core.files import publish_bytes, reading
from lace.core.geometry import Array
from lace.core.limits import Distinct, Within, check_numbers
from lace.core.registry import Registry
from lace.core.workers import WorkerOptions
from lace.tables.ablations import Run
from lace.tables.alignment import TablesConfig, tune
from lace.tables.rows import make_rows
from policies.labelled import LabelledFrames, read


@dataclass(frozen=True)
class Variant:
    """One backbone of a table."""

    label: str
    room: str | None = None
    """Where it was aligned; None leaves it as it was pretrained."""
    shuffled: bool = False
    transform: str = "none"
    """What every picture goes through, in training and tests."""
    human: str = "human"
    """Folder of the study that human demonstrations train from."""

    @property
    def human_parts(self) -> tuple[str, ...]:
        """Datasets of human demonstrations."""
        return tuple(f"{self.human}/{setting}" for setting in ("in_domain", "ood_env"))

    @property
    def extra(self) -> bool:
        """Whether it is a control or a baseline, which the tables try zero-shot alone."""
        return self.shuffled or self.transform != "none" or self.human != "human"


VARIANTS: Registry[Variant] = Registry("variant")
VARIANTS.add("base", Variant("base"))
for _room in ("lab", "kitchen", "office", "randomized"):
    VARIANTS.add(_room, Variant(f"LACE ({_room})", _room))
VARIANTS.add("shuffled", Variant("control: part names shuffled", "lab", shuffled=True))
VARIANTS.add("masked", Variant("base, embodiments masked out", transform="masked"))
VARIANTS.add("phantom", Variant("base, robot drawn over the human", human="phantom"))


def compared(names: Sequence[str]) -> tuple[str, ...]:
    """Of a table's variants the base and the first aligned one: what shorter rows and films compare."""
    plain = [name for name in names if not VARIANTS[name].extra]
    base = [name for name in plain if VARIANTS[name].room is None]
    return (*base[:1], *[name for name in plain if VARIANTS[name].room is not None][:1])


@dataclass(frozen=True)
class StudyRuns(WorkerOptions):
    """What every table of a study needs; finished rows are kept, and the same command continues."""

    study: Path
    """Folder of `lace generate study`."""
    out: Path
    """Folder of all runs and tables; equal runs are shared between tables."""
    backbone: BackboneName = "dinov3-s"
    """What the variants start from: short name, hub id or folder."""
    variants: Annotated[tuple[str, ...], Distinct()] = ("base", "lab", "kitchen", "office", "shuffled", "masked")
    """Rows: base; lab, kitchen, office (aligned there), randomized (in random rooms: needs `lace generate study --rooms
    ... randomized`); shuffled (control); masked and phantom (pixel-space baselines; phantom needs `lace generate study
    --phantom`)."""
    given: tuple[str, ...] = ()
    """Backbones that are aligned already, as VARIANT=DIR, instead of fine-tuning them here."""
    seeds: Annotated[tuple[int, ...], Distinct()] = (0,)
    """Of heads, their batches and dropout."""
    image_size: Annotated[int, Within(1)] = 224
    """Side of the images that backbones see [px]."""
    augmented: Annotated[int, Within(0)] = 1000
    """Augmented views of each embodiment to align on."""
    device: str = "auto"
    recipe: Annotated[str, tyro.conf.arg(metavar="|".join(RECIPES))] = "paper"
    """What the options of the alignment start from: the paper's settings, or short ones for a CPU."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """The alignment."""

    def __post_init__(self):
        check_numbers(self)


def with_recipe[Runs: StudyRuns](args: Sequence[str], config: type[Runs]) -> Runs:
    """Defaults for a command line of `config`: the alignment's settings are those of its `--recipe`."""
    name, own = given(args, "--recipe", StudyRuns.recipe), tyro.MISSING
    return config(study=own, out=own, recipe=name, train=recipe_named(name))


def _given(runs: StudyRuns) -> dict[str, str]:
    found = {}
    for item in runs.given:
        name, equals, backbone = item.partition("=")
        if not (name and equals and backbone) or name in found:
            raise InvalidValueError(
                "reading --given", f"{item!r}", "VARIANT=DIR, each variant once", "write --given lab=runs/lace/backbone"
            )
        VARIANTS[name]
        found[name] = backbone
    return found


def source_of(variant: Variant, name: str, runs: StudyRuns) -> str:
    """Name or folder of a variant's backbone, fine-tuned now if it has to be."""
    if name in _given(runs):
        return _given(runs)[name]
    if variant.room is None:
        return runs.backbone
    folder = runs.study / "align" / variant.room
    if not folder.is_dir():
        raise DatasetError(
            f"aligning the variant {name!r}",
            f"there is no {folder}",
            f"frames of the {variant.room} to align on",
            f"run `lace generate study` with --rooms {variant.room}, or leave the variant out",
        )
    changes: dict[str, Any] = {"images": None, "human_images": None} | (
        {"shuffle_parts": ("robot",)} if variant.shuffled else {}
    )
    run = Run(changes=changes)
    tables = TablesConfig(
        robot=folder / "robot",
        human=folder / "human",
        robot_test=folder,
        human_test=folder,
        out=runs.out,
        backbone=runs.backbone,
        image_size=runs.image_size,
        augmented=runs.augmented,
        device=runs.device,
        recipe=runs.recipe,
        train=runs.train,
    )
    return str(tune(run, tables, runs.out / "backbones" / f"{name}-{runs.train.seed}"))


class Study:
    """The data of a study and the backbones of its variants, each read or loaded once."""

    def __init__(self, runs: StudyRuns):
        self.runs, self.device = runs, process_device(runs.device)
        self.cache = runs.out / "features"
        self._frames: dict[tuple[str, str], LabelledFrames] = {}
        self._backbones: dict[str, Backbone] = {}

    def frames(self, part: str, transform: str = "none") -> LabelledFrames:
        """Labelled frames of a folder below the study's ("test/in_domain")."""
        key = (part, transform)
        if key not in self._frames:
            self._frames[key] = read(self.runs.study / part, self.runs.image_size, transform)
        return self._frames[key]

    def source(self, name: str) -> str:
        """Name or folder of a variant's backbone."""
        return source_of(VARIANTS[name], name, self.runs)

    def backbone(self, name: str) -> Backbone:
        """A variant's backbone, on the device."""
        source = self.source(name)
        if source not in self._backbones:
            self._backbones[source] = load_backbone(source, image_size=self.runs.image_size, device=self.device)
        return self._backbones[source]


class StudyRow[Config: StudyRuns]:
    """Makes rows of a table; the worker that holds it reads the study once."""

    def __init__(self, make: Callable[[Any, Study, Config], object], config: Config):
        self.make, self.config, self.study = make, config, Study(config)

    def __call__(self, task: Any) -> None:
        """Makes one row."""
        self.make(task, self.study, self.config)


def _align(name: str, study: Study, _runs: StudyRuns) -> None:
    study.source(name)


def make_study_rows[Config: StudyRuns, Row](
    make: Callable[[Row, Study, Config], object], rows: Sequence[Row], config: Config
) -> None:
    """Makes rows beside each other where `config` asks for it: first the backbones that rows share.

    Args:
        make: Makes one row and leaves its result on disk.
        rows: What `make` is called with.
        config: Of the table.
    """
    aligned = [name for name in config.variants if VARIANTS[name].room and name not in _given(config)]
    make_rows(partial(StudyRow, _align, config), aligned, config, config.out, "backbone")
    make_rows(partial(StudyRow, make, config), rows, config, config.out, "row")


ROBOT_PART = "robot/in_domain"


def kept(folder: Path, identity: dict[str, Any], compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A result of exactly this identity, from `folder` or computed now.

    Args:
        folder: Of results, named by the hash of their identity.
        identity: Everything that the result depends on, as JSON values.
        compute: Makes the result, JSON values.
    """
    text = json.dumps(identity, sort_keys=True, default=str)
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    if path.is_file():
        with reading(path, "a result of this table", "remove it: the same command computes it again"):
            return dict(json.loads(path.read_bytes())["result"])
    result = compute()
    publish_bytes(path, json.dumps({"identity": identity, "result": result}, default=str).encode())
    return result


def over_seeds(rows: Iterable[dict[str, Array]]) -> dict[str, Array]:
    """Per-frame values averaged over the seeds of one row; intervals resample demonstrations, not seeds."""
    rows = list(rows)
    return {name: np.mean([row[name] for row in rows], 0) for name in rows[0]}


def spread(values: Sequence[float]) -> str:
    """Least and largest of the seeds' values, as a cell; "" of one seed."""
    return f"{100 * min(values):.0f} to {100 * max(values):.0f}" if len(values) > 1 else ""
