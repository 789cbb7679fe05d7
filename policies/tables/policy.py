"""`lace tables policy`: tables 7, 9 and 10, hit rates of two-point policies by data regime and backbone."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console

from lace.core.limits import Distinct, Within
from lace.core.lock import locked_folder
from lace.reports.report import Grid, Picture, Report
from policies.bundle import CONFIG, load_policy
from policies.detr.train import POLICY_FIT, PolicyConfig, train_policy
from policies.evaluate import Measured, measured, shown, shown_predictions
from policies.features import backbone_digest
from policies.fit import FitConfig
from policies.heads import code_digest
from policies.metrics import POINT_METRICS, summarise
from policies.regimes import require_unseen, require_untrained
from policies.tables.paper import TABLE_7, TABLE_9, TABLE_10
from policies.tables.publish import as_values, print_grids, publish_table
from policies.tables.variants import (
    ROBOT_PART,
    VARIANTS,
    Study,
    StudyRuns,
    compared,
    make_study_rows,
    over_seeds,
    spread,
    with_recipe,
)

SETTINGS = ("in_domain", "ood_env")
NOTE = (
    "Hit rates in %; L1 as a share of the image. Values are means over seeds, 95 % intervals resample demonstrations."
)
ROBOT_ONLY = "robot"
"""The regime of table 10: robot demonstrations alone."""


@dataclass(frozen=True)
class PolicyTableConfig(StudyRuns):
    """Tables 7, 9 and 10 of the paper. The policies are kept: `lace tables success` grasps with them."""

    regimes: Annotated[tuple[str, ...], Distinct()] = ("zero", "few", "co")
    """Of table 7; the control and the baselines run in zero alone."""
    head: str = "detr:paper"
    """detr:paper, detr:small (for CPUs), or probe."""
    detr: str = ""
    """Pretrained DETR that the transformer starts from: hub name or folder."""
    demonstrations: Annotated[tuple[int, ...], Within(1), Distinct()] = ()
    """Also measures base and LACE, zero-shot, with these numbers of human demonstrations."""
    generalisation: bool = True
    """Also table 10: trained on robots alone, tested on unseen targets."""
    fit: FitConfig = field(default_factory=lambda: POLICY_FIT)


def defaults_of(args: list[str]) -> PolicyTableConfig:
    """Defaults for a command line."""
    return with_recipe(args, PolicyTableConfig)


@dataclass(frozen=True)
class Cell:
    """One policy of the tables."""

    regime: str
    variant: str
    seed: int
    demonstrations: int | None = None

    @property
    def name(self) -> str:
        """What its folder begins with."""
        count = "" if self.demonstrations is None else f"-{self.demonstrations}"
        return f"{self.regime}-{self.variant}{count}-{self.seed}"


def cells(config: PolicyTableConfig) -> Iterator[tuple[str, str, int | None]]:
    """(regime, variant, demonstrations) of every row of the tables, the most telling first."""
    both = compared(config.variants)
    for regime in config.regimes:
        for name in config.variants:
            if regime == "zero" or not VARIANTS[name].extra:
                yield regime, name, None
    for count in config.demonstrations:
        yield from (("zero", name, count) for name in both)
    if config.generalisation:
        yield from ((ROBOT_ONLY, name, None) for name in both)


def policy_config(cell: Cell, study: Study, config: PolicyTableConfig) -> PolicyConfig:
    """How a cell's policy is trained; its folder is named by the content of everything that it depends on."""
    variant, data = VARIANTS[cell.variant], config.study
    alone = cell.regime == ROBOT_ONLY
    own = PolicyConfig(
        human=() if alone else tuple(data / part for part in variant.human_parts),
        robot=(data / ROBOT_PART,),
        regime="co" if alone else cell.regime,
        demonstrations=cell.demonstrations,
        backbone=study.source(cell.variant),
        image_size=config.image_size,
        head=config.head,
        detr=config.detr,
        transform=variant.transform,
        cache=study.cache,
        device=config.device,
        fit=replace(config.fit, seed=cell.seed),
        out=Path(),
    )
    parts = (*variant.human_parts, ROBOT_PART)
    content: dict[str, Any] = {
        "code": code_digest(),
        "fit": asdict(own.fit),
        "head": own.head,
        "detr": own.detr,
        "regime": cell.regime,
    }
    content |= {"count": cell.demonstrations, "backbone": backbone_digest(study.backbone(cell.variant))}
    content |= {"data": [study.frames(part, variant.transform).digest() for part in parts]}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    return replace(own, out=config.out / "policies" / f"{cell.name}-{digest}")


def policy_of(cell: Cell, study: Study, config: PolicyTableConfig) -> Path:
    """The bundle of a cell, trained now if it is not there."""
    own = policy_config(cell, study, config)
    if not (own.out / "policy" / CONFIG).is_file():
        train_policy(own)
    return own.out / "policy"


def train_cells(keys: Iterable[tuple[str, str, int | None]], config: PolicyTableConfig) -> None:
    """Trains the policies of all rows beside each other, where `config` asks for it."""
    wanted = [Cell(regime, variant, seed, count) for regime, variant, count in keys for seed in config.seeds]
    make_study_rows(policy_of, wanted, config)


def measured_cell(cell: Cell, setting: str, study: Study, config: PolicyTableConfig) -> Measured:
    """A cell's policy on one test set."""
    bundle = policy_of(cell, study, config)
    policy = load_policy(bundle, device=str(study.device))
    frames = study.frames(f"test/{setting}", VARIANTS[cell.variant].transform)
    require_untrained(bundle, {setting: frames})
    require_unseen(study.source(cell.variant), {setting: frames})
    return measured(policy.head, policy.backbone, frames, study.cache)


def row(key: tuple[str, str, int | None], study: Study, config: PolicyTableConfig) -> dict[str, Any]:
    """Summaries of a row in each setting over all seeds, and the first seed's predictions."""
    regime, variant, count = key
    settings = ("in_domain", "ood_obj") if regime == ROBOT_ONLY else SETTINGS
    found: dict[str, Any] = {}
    for setting in settings:
        runs = [measured_cell(Cell(regime, variant, seed, count), setting, study, config) for seed in config.seeds]
        digests = study.frames(f"test/{setting}", VARIANTS[variant].transform).digests
        found[setting] = {
            "summary": summarise(over_seeds(run.per_frame for run in runs), digests),
            "both by seed": [run.values["both"].value for run in runs],
            "predicted": runs[0].predicted,
        }
    return found


def grids(rows: dict[tuple[str, str, int | None], dict[str, Any]], config: PolicyTableConfig) -> list[Grid]:
    """Tables 7, 9, 10 and that of the number of demonstrations."""
    seven, ten, counted = [], [], []
    for (regime, name, count), found in rows.items():
        label = VARIANTS[name].label
        if regime == ROBOT_ONLY:
            values = [shown(found[setting]["summary"]["obj"], "obj") for setting in ("in_domain", "ood_obj")]
            ten.append([label, *values, " / ".join(map(str, TABLE_10.get(name, ())))])
            continue
        values = [shown(found["in_domain"]["summary"][m], m) for m in POINT_METRICS]
        if count is not None:
            counted.append([str(count), label, *values])
            continue
        other = [shown(found["ood_env"]["summary"][m], m) for m in POINT_METRICS]
        paper = [" / ".join(f"{v:g}" for v in setting) for setting in TABLE_7.get((regime, name), ("", ""))]
        seeds = spread(found["in_domain"]["both by seed"])
        seven.append([regime, label, *values, seeds, paper[0], *other, paper[1]])
    heads = ["Emb", "Obj", "Both", "L1"]
    made = [
        Grid(
            "Table 7: in-domain, then OOD-env",
            ["regime", "features", *heads, "Both, seeds", "the paper", *(f"{h} (OOD-env)" for h in heads), "the paper"],
            seven,
            NOTE,
        )
    ]
    nine = [[name, *(f"{value:g}" for value in values)] for name, values in TABLE_9.items()]
    ours = [rows[key] for name in compared(config.variants) if (key := ("zero", name, None)) in rows]
    if len(ours) == 2:
        summaries = [one["in_domain"]["summary"] for one in ours]
        nine.insert(
            0, [f"ours: {config.backbone}", *(shown(s[m], m) for m in ("emb", "obj", "both") for s in summaries)]
        )
    headings = ["backbone", "Emb base", "Emb LACE", "Obj base", "Obj LACE", "Both base", "Both LACE"]
    made.append(Grid("Table 9: zero-shot, in-domain, beside the paper's backbones", headings, nine, NOTE))
    if ten:
        made.append(
            Grid("Table 10: robots alone", ["features", "Obj in-domain", "Obj OOD-obj", "the paper"], ten, NOTE)
        )
    if counted:
        made.append(Grid("Zero-shot by number of human demonstrations", ["n", "features", *heads], counted, NOTE))
    return made


def main(config: PolicyTableConfig) -> int:
    """Runs `run` alone in OUT; returns its exit code."""
    with locked_folder(config.out):
        return run(config)


def run(config: PolicyTableConfig) -> int:
    """Runs, prints and writes OUT/table-7/{table.json, report.html}; returns the exit code."""
    console, study, rows = Console(highlight=False, soft_wrap=True), Study(config), {}
    wanted = list(cells(config))
    train_cells(wanted, config)
    for number, key in enumerate(wanted, 1):
        console.print(
            f"tables 7, 9, 10: row {number} of {len(wanted)}: {key[0]}, {VARIANTS[key[1]].label}", markup=False
        )
        rows[key] = row(key, study, config)
    made = grids(rows, config)
    print_grids(console, made)
    folder = config.out / "table-7"
    pictures = [
        Picture(
            f"{regime}, {VARIANTS[name].label}, {setting}",
            shown_predictions(study.frames(f"test/{setting}", VARIANTS[name].transform), one["predicted"]),
        )
        for (regime, name, count), found in rows.items()
        if count is None
        for setting, one in found.items()
    ]
    summary = f"{config.head} on {config.backbone}, trained on {config.study}."
    facts = {"seeds": config.seeds, "steps": config.fit.iterations}
    facts |= {f"frames of {setting}": len(study.frames(f"test/{setting}")) for setting in SETTINGS}
    report = Report("Tables 7, 9 and 10: two-point policies", summary, facts, [*made, *pictures], asdict(config))
    publish_table(folder, report, _values(rows))
    console.print(f"wrote {folder / 'table.json'} and report.html", markup=False)
    return 0


def _values(rows: dict) -> list[dict[str, Any]]:
    """The rows as JSON values."""
    return [
        {
            "regime": regime,
            "variant": name,
            "demonstrations": count,
            "settings": {
                setting: as_values(one["summary"]) | {"both by seed": one["both by seed"]}
                for setting, one in found.items()
            },
        }
        for (regime, name, count), found in rows.items()
    ]
