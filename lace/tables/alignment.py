"""`lace tables alignment`: runs whole tables of the paper, resumable, and prints them beside the paper's numbers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import tyro
from rich.console import Console

from lace.alignment import finetune
from lace.alignment.augmentation import AugmentConfig
from lace.alignment.config import RECIPES, TrainConfig, recipe_named
from lace.alignment.finetune import FinetuneConfig
from lace.backbones.option import BackboneName
from lace.core.arguments import given
from lace.core.errors import InvalidValueError
from lace.core.files import reading
from lace.core.limits import Distinct, Within, check_numbers
from lace.core.lock import locked_folder
from lace.core.terminal import print_whole
from lace.core.workers import WorkerOptions
from lace.data.dataset import Folders, FrameDataset
from lace.data.origins import Origins, require_held_out
from lace.data.roles import require_roles
from lace.measure import evaluate_correspondence as evaluate
from lace.measure import evaluate_features
from lace.measure.evaluate_correspondence import CorrespondenceConfig
from lace.measure.evaluate_features import FeaturesConfig
from lace.tables.ablations import Run, rows_of
from lace.tables.rows import make_rows
from lace.tables.show import Measured, publish_table, robot_frames, shown

FINISHED = "README.md"
"""`lace finetune` writes it after the backbone: a run that has it is finished."""


@dataclass(frozen=True)
class TablesConfig(WorkerOptions):
    """Run tables of the paper. Finished rows are kept, equal runs are shared, and the same command resumes."""

    robot: Folders
    """Dataset folder of robot training frames; several are taken as one dataset."""
    human: Folders
    """Dataset folders of human training frames."""
    robot_test: Folders
    """Held-out robot frames."""
    human_test: Folders
    """Held-out human frames."""
    out: Path
    """Folder of all runs and tables."""
    tables: Annotated[tuple[int, ...], Distinct()] = (1,)
    """Of 1, 4, 5, 6 and 8."""
    backbone: BackboneName = "dinov3-s"
    """Backbone of tables 1, 4, 5 and 6, and the first one of table 8."""
    backbones: Annotated[tuple[str, ...], Distinct()] = ()
    """Replaces the four backbones of table 8, in its order; those left out are not run."""
    seeds: Annotated[tuple[int, ...], Distinct()] = ()
    """Training seeds; every fine-tuned row is run once for each, and their range is shown. Default: that of `train`."""
    classification: Path | None = None
    """ImageNet folder (train/CLASS, val/CLASS): adds the top-1 column of tables 5 and 6."""
    segmentation: Path | None = None
    """ADE20K folder: adds the mean-IoU column of tables 5 and 6."""
    features: FeaturesConfig = field(default_factory=lambda: FeaturesConfig(out=Path("unused"), quick=True))
    """Options of the ImageNet and ADE20K columns; its folders, backbone and device are set by the table."""
    image_size: Annotated[int, Within(1)] = 224
    """Side of the images [px], training and held-out."""
    human_images: Annotated[int | None, Within(1)] = 1000
    """Human training frames; table 4 varies the robot frames only."""
    augmented: Annotated[int, Within(0)] = 1000
    """Augmented views of each embodiment."""
    test_images: Annotated[int, Within(2)] = 100
    """Held-out images of each embodiment."""
    device: str = "auto"
    """As for `lace finetune`."""
    recipe: Annotated[str, tyro.conf.arg(metavar="|".join(RECIPES))] = "paper"
    """What the options of training start from: the paper's settings, or short ones for a CPU."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """Recipe that every row starts from; a row's own change has precedence."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self):
        check_numbers(self)


def recipe_of(args: list[str]) -> TablesConfig:
    """Defaults for a command line: the settings of its `--recipe`."""
    name, own = given(args, "--recipe", TablesConfig.recipe), tyro.MISSING
    return TablesConfig(own, own, own, own, own, recipe=name, train=recipe_named(name))


def runs_of(table: int, config: TablesConfig) -> dict[str, Run]:
    """Row -> run, with the backbones that the user asks for."""
    rows = rows_of(table)
    if table != 8:
        own = None if config.backbone == TablesConfig.backbone else config.backbone
        return {row: replace(run, backbone=own) for row, run in rows.items()}
    asked = config.backbones or (config.backbone, *dict.fromkeys(r.backbone for r in list(rows.values())[2:]))
    known = list(dict.fromkeys(run.backbone for run in rows.values()))
    if len(asked) > len(known):
        raise InvalidValueError(
            "reading --backbones",
            f"{len(asked)} names",
            f"at most {len(known)}, in the order of table 8",
            "measure others with `lace evaluate correspondence`",
        )
    renamed = dict(zip(known, asked, strict=False))
    return {row: replace(run, backbone=renamed[run.backbone]) for row, run in rows.items() if run.backbone in renamed}


def tune(run: Run, config: TablesConfig, folder: Path, seed: int | None = None) -> Path:
    """The fine-tuned backbone of a run; a finished one is kept, an interrupted one is resumed."""
    recipe = run.train_config(config.train)
    own = FinetuneConfig(
        robot=config.robot,
        human=config.human,
        out=folder,
        backbone=run.backbone or config.backbone,
        image_size=config.image_size,
        human_images=config.human_images,
        augmented=config.augmented,
        device=config.device,
        recipe=config.recipe,
        train=recipe if seed is None else replace(recipe, seed=seed),
        augment=config.augment,
    )
    own = replace(own, **run.data_changes)
    if (folder / FINISHED).is_file():
        replace(finetune.identity_of(own), may_change=finetune.PLACES).check()
    else:
        finetune.main(own)
    return folder / "backbone"


def _seeds(run: Run, config: TablesConfig) -> Sequence[int | None]:
    return config.seeds if run.tuned and config.seeds else (None,)


@dataclass
class MeasuredRow:
    """Makes one row for one training seed: everything that `measure` reads of it."""

    config: TablesConfig

    def __call__(self, task: tuple[Run, int | None]) -> None:
        """Fine-tunes where the run asks for it, then measures."""
        run, seed = task
        _measured(run, self.config, seed)
        if seed == _seeds(run, self.config)[0]:
            _features(run, self.config, seed)


def distinct_rows(runs: Sequence[Run], config: TablesConfig) -> list[tuple[Run, int | None]]:
    """(run, training seed) of all rows; rows that share a folder are one."""
    found = {run.slug(config.backbone, seed): (run, seed) for run in runs for seed in _seeds(run, config)}
    return list(found.values())


def measure(run: Run, config: TablesConfig) -> Measured:
    """The measurements of one run, one for each training seed; finished ones are read from their folders."""
    seeds = _seeds(run, config)
    return Measured(
        [_measured(run, config, seed) for seed in seeds],
        features=_features(run, config, seeds[0]),
        images=robot_frames(config.robot, run.data_changes.get("images", FinetuneConfig.images)) if run.tuned else None,
    )


def _source(run: Run, config: TablesConfig, seed: int | None) -> tuple[Path, str]:
    """(folder of the run, backbone to measure)."""
    folder = config.out / "runs" / run.slug(config.backbone, seed)
    return folder, str(tune(run, config, folder, seed)) if run.tuned else run.backbone or config.backbone


def _measured(run: Run, config: TablesConfig, seed: int | None) -> dict[str, Any]:
    folder, source = _source(run, config, seed)
    own = CorrespondenceConfig(
        robot=config.robot_test,
        human=config.human_test,
        robot_train=config.robot,
        human_train=config.human,
        out=folder / "correspondence",
        backbone=source,
        images=config.test_images,
        image_size=config.image_size,
        device=config.device,
    )
    return _result(evaluate, own)


def _result(command: ModuleType, own: CorrespondenceConfig | FeaturesConfig) -> dict[str, Any]:
    """The measurement that an evaluation command has written, or writes now.

    Its report comes last: without it the command was stopped while it drew, and runs again.
    """
    path = own.out / command.MEASUREMENT
    if path.is_file() and (own.out / "report.html").is_file():
        command.identity_of(own).check()
    else:
        command.main(own)
    with reading(path, "a measurement", f"remove {own.out}: the same command measures again"):
        return dict(json.loads(path.read_bytes()))


def _features(run: Run, config: TablesConfig, seed: int | None) -> dict[str, Any]:
    """Top-1 and mean IoU of a run; empty without folders."""
    if not (config.classification or config.segmentation):
        return {}
    folder, source = _source(run, config, seed)
    own = replace(
        config.features,
        out=folder / "features",
        backbone=source,
        classification=config.classification,
        segmentation=config.segmentation,
        device=config.device,
    )
    return _result(evaluate_features, own)


def main(config: TablesConfig) -> int:
    """Runs, prints and writes `out`/table-N/report.html and table.json for each table; returns the exit code."""
    chosen = {table: runs_of(table, config) for table in config.tables}
    check_data(config)
    with locked_folder(config.out):
        rows = distinct_rows([run for runs in chosen.values() for run in runs.values()], config)
        make_rows(partial(MeasuredRow, config), rows, config, config.out, "row")
        for table, runs in chosen.items():
            _run_table(table, runs, config)
    return 0


def check_data(config: TablesConfig) -> None:
    """Raises InvalidValueError if folders are exchanged, given twice, or held-out frames are training frames."""
    train = {"robot": FrameDataset(config.robot), "human": FrameDataset(config.human)}
    test = {"robot": FrameDataset(config.robot_test), "human": FrameDataset(config.human_test)}
    for datasets in (train, test):
        require_roles(datasets)
    for role in train:
        held_out = Origins.of(evaluate.sample(test[role], config.test_images, CorrespondenceConfig.seed))
        for seed in config.seeds or (config.train.seed,):
            limit = config.human_images if role == "human" else FinetuneConfig.images
            require_held_out(Origins.of(evaluate.sample(train[role], limit, seed)), held_out, role)


def _run_table(table: int, runs: Mapping[str, Run], config: TablesConfig) -> None:
    console = Console(highlight=False, soft_wrap=True)
    results = {}
    for number, (row, run) in enumerate(runs.items(), 1):
        console.print(f"table {table}, row {number} of {len(runs)}: {row}", markup=False)
        results[row] = measure(run, config)
    facts = {
        "backbone": config.backbone,
        "steps": config.train.iterations,
        "training seeds": ", ".join(map(str, config.seeds or (config.train.seed,))),
        "held-out images of each embodiment": config.test_images,
        "image size [px]": config.image_size,
    }
    print_whole(shown(table, runs, results, config.backbone, config.image_size))
    path = publish_table(config.out / f"table-{table}", table, runs, results, facts, asdict(config))
    console.print(f"wrote {path} and table.json beside it", markup=False, soft_wrap=True)
