"""`lace tables alignment`: a whole table of the paper from its configs, resumable, beside the paper's numbers."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lace.alignment import finetune
from lace.alignment.augmentation import AugmentConfig
from lace.alignment.config import TrainConfig
from lace.alignment.finetune import FinetuneConfig
from lace.alignment.model_card import STAND_IN_WARNING
from lace.backbones import is_stand_in
from lace.core.errors import DatasetError, InvalidValueError
from lace.core.files import publish_bytes
from lace.measure import evaluate_correspondence as evaluate
from lace.measure.evaluate_correspondence import CorrespondenceConfig
from lace.measure.predictors import NAMES
from lace.reports.paper import PAPER
from lace.reports.report import Grid, Report, write_report
from lace.tables.ablations import TABLES, Run, rows_of

PAIRS = {"hr": "human-robot", "hh": "human-human", "rr": "robot-robot"}
"""Column of `PaperRow` -> pair of a measurement."""
SHORT = {"hr": "H-R", "hh": "H-H", "rr": "R-R"}
FINISHED = "README.md"
"""What `lace finetune` writes last but its report: a run with it is done."""


@dataclass(frozen=True)
class TablesConfig:
    """Run tables of the paper; finished rows are kept, equal runs are shared, and the same command continues."""

    robot: Path
    """Dataset folder of robot training frames."""
    human: Path
    """Dataset folder of human training frames."""
    robot_test: Path
    """Held-out robot frames."""
    human_test: Path
    """Held-out human frames."""
    out: Path
    """Folder of all runs and tables."""
    tables: tuple[int, ...] = (1,)
    """Of 1, 4, 5 (its alignment columns), 6 and 8."""
    backbone: str = "dinov3-s"
    """What tables 1, 4, 5 and 6 are run for, and table 8's first."""
    backbones: tuple[str, ...] = ()
    """Replaces the four backbones of table 8, in its order; those it leaves out are not run."""
    size: int = 224
    """Side of the images [px], training and held-out."""
    augmented: int = 1000
    """Augmented views of each embodiment."""
    test_images: int = 100
    """Held-out images of each embodiment."""
    device: str = "auto"
    """As `lace finetune` takes it."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """What every row starts from; a row's own change wins."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)


def runs_of(table: int, config: TablesConfig) -> dict[str, Run]:
    """Row -> run, with the backbones that the user asks for."""
    rows = rows_of(table)
    if table != 8:
        return rows
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


def tune(run: Run, config: TablesConfig, folder: Path) -> Path:
    """The fine-tuned backbone of a run; what is finished is kept, what was killed continues."""
    own = FinetuneConfig(
        robot=config.robot,
        human=config.human,
        out=folder,
        backbone=run.backbone or config.backbone,
        image_size=config.size,
        augmented=config.augmented,
        device=config.device,
        train=run.train_config(config.train),
        augment=config.augment,
    )
    own = replace(own, **run.data_changes)
    if (folder / FINISHED).is_file():
        _require_same(folder, json.loads((folder / "config.json").read_text()), own)
    else:
        finetune.main(own)
    return folder / "backbone"


def _require_same(folder: Path, found: dict[str, Any], own: FinetuneConfig | CorrespondenceConfig) -> None:
    """What is finished must be what is asked for."""
    asked = json.loads(json.dumps(asdict(own), default=str))
    differing = [f"{name} {found.get(name)!r} -> {asked[name]!r}" for name in asked if found.get(name) != asked[name]]
    if differing:
        raise DatasetError(
            f"continuing what is in {folder}",
            f"it was made otherwise: {', '.join(differing)}",
            "the same settings",
            f"give another --out, or remove {folder} to make it again",
        )


def measure(run: Run, config: TablesConfig) -> dict[str, Any]:
    """The measurement of one run, from its folder if it is there."""
    folder = config.out / "runs" / run.slug(config.backbone)
    source = str(tune(run, config, folder)) if run.tuned else run.backbone or config.backbone
    own = CorrespondenceConfig(
        robot=config.robot_test,
        human=config.human_test,
        robot_train=config.robot,
        human_train=config.human,
        out=folder / "correspondence",
        backbone=source,
        images=config.test_images,
        size=config.size,
        device=config.device,
    )
    path = own.out / "correspondence.json"
    if path.is_file():
        _require_same(own.out, json.loads(path.read_text())["config"], own)
    else:
        evaluate.main(own)
    return json.loads(path.read_text())


def lines(table: int, runs: Mapping[str, Run], results: Mapping[str, dict[str, Any]]) -> list[list[str]]:
    """Rows of cells, pair by pair: ours with its interval beside the paper's, part accuracy; then trivial predictors."""
    trivial, found = next(iter(results.values()))["trivial"], []
    for column, pair in PAIRS.items():
        for row, paper in PAPER[table].items():
            printed, ours = getattr(paper, column), results[row]["pairs"][pair] if row in results else None
            if printed or ours:
                found.append(
                    [
                        SHORT[column],
                        _label(row, TABLES[table][row], runs.get(row)),
                        _ours(ours, "epe_px"),
                        _paper(printed, 0),
                        _ours(ours, "cosine"),
                        _paper(printed, 1),
                        _ours(ours, "part_accuracy"),
                    ]
                )
        for name in NAMES:
            values = [trivial[target][name] for target in dict.fromkeys(pair.split("-"))]
            epe, part = (sum(v[m] for v in values) / len(values) for m in ("epe_px", "part_accuracy"))
            found.append([SHORT[column], name, f"{epe:.1f}", "", "-", "", f"{part:.2f}"])
    return found


def _label(row: str, usual: Run, own: Run | None) -> str:
    """The paper's name of a row, with the backbone that was run instead of its own."""
    return row if own is None or own.backbone == usual.backbone else f"{row} (ours: {own.backbone})"


def _ours(row: dict[str, Any] | None, metric: str) -> str:
    if row is None:
        return "not run"
    value, digits = row[metric], 1 if metric == "epe_px" else 2
    return f"{value['value']:.{digits}f} [{value['low']:.{digits}f}, {value['high']:.{digits}f}]"


def _paper(printed: tuple[float, float] | None, place: int) -> str:
    return "" if printed is None else f"{printed[place]:.{2 + place}f}"


HEADINGS = ("pair", "row", "EPE px", "paper", "cosine", "paper", "part accuracy")
NOTE = (
    "EPE in px at the size given (the paper does not state its own; patches are 16 px of 224), 95 % bootstrap over images. "
    "random patch to random visible keypoint: predictors without features, mean of both target embodiments. The paper's "
    "images are not these."
)


def main(config: TablesConfig) -> int:
    """Runs, prints and writes `out`/table-N/report.html and table.json for each table; returns the exit code."""
    console = Console(highlight=False, width=max(120, Console().width))
    chosen = {table: runs_of(table, config) for table in config.tables}
    for table, runs in chosen.items():
        results = {}
        for number, (row, run) in enumerate(runs.items(), 1):
            console.print(f"table {table}, row {number} of {len(runs)}: {row}", markup=False)
            results[row] = measure(run, config)
        rows = lines(table, runs, results)
        console.print(_shown(table, rows, config))
        path = _publish(table, runs, rows, results, config)
        console.print(f"wrote {path} and table.json beside it", markup=False, soft_wrap=True)
    return 0


def _shown(table: int, rows: list[list[str]], config: TablesConfig) -> Table:
    """The table for the terminal, a section a pair."""
    weights = f"{config.backbone} (RANDOM weights)" if is_stand_in(config.backbone) else config.backbone
    shown = Table(title=f"table {table}, ours with {weights} at {config.size} px", caption=NOTE)
    for heading in HEADINGS:
        shown.add_column(heading, no_wrap=True)
    for previous, row in zip([rows[0], *rows], rows, strict=False):
        if previous[0] != row[0]:
            shown.add_section()
        shown.add_row(*row)
    return shown


def _publish(
    table: int,
    runs: Mapping[str, Run],
    rows: list[list[str]],
    results: Mapping[str, dict[str, Any]],
    config: TablesConfig,
) -> Path:
    folder = config.out / f"table-{table}"
    publish_bytes(folder / "table.json", json.dumps(results, indent=1).encode())
    stand_in = any(is_stand_in(run.backbone or config.backbone) for run in runs.values())
    return write_report(
        folder,
        Report(
            title=f"Table {table} of the paper, alignment columns",
            summary="Ours beside the paper's numbers.",
            facts={
                "backbone": config.backbone,
                "steps": config.train.iterations,
                "training seed": config.train.seed,
                "held-out images of each embodiment": config.test_images,
                "image size [px]": config.size,
            },
            sections=[Grid("Correspondence", HEADINGS, rows, NOTE)],
            config=asdict(config),
            warning=STAND_IN_WARNING if stand_in else "",
        ),
    )
