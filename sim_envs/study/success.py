"""`lace tables success`: table 3, the policies of `lace tables policy` in the simulated cell, on the same trials."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console

from lace.core.errors import InvalidValueError
from lace.core.limits import Distinct, Within
from lace.core.lock import locked_folder
from lace.measure.rates import Paired, Rate, exact_rate, mcnemar
from lace.reports.report import Grid, Report
from lace.reports.sections import Video, Videos
from policies.outcome import Result
from policies.tables.paper import TABLE_3
from policies.tables.policy import SETTINGS, Cell, PolicyTableConfig, policy_of, train_cells
from policies.tables.publish import print_grids, publish_table
from policies.tables.variants import VARIANTS, Study, compared, with_recipe
from policies.trials.records import BLOCK, TrialRecord, film_path, read_block
from sim_envs.config.presets import PRESETS
from sim_envs.simulate.config import SimulateConfig
from sim_envs.study.parts import DISTRACTORS, ORIGIN, study_camera

HEADINGS = (
    "setting",
    "regime",
    "human demonstrations",
    "features",
    "success % [95 %]",
    "safety",
    "localis.",
    "other",
    "seeds",
    "the paper",
)
PAIR_HEADINGS = (
    "setting",
    "regime",
    "human demonstrations",
    "compared",
    "seed",
    "difference",
    "only the first",
    "only base",
    "p",
)
ALL = "all"
"""In the column of demonstrations: every one of the study."""
Key = tuple[str, str, int | None]
"""Regime, variant, and how many human demonstrations train; None: all of them."""
NOTE = (
    "Success over all trials and seeds with the exact interval of so many independent trials; seeds share trials, so "
    "with several it is too narrow: the column of seeds shows their spread."
)


@dataclass(frozen=True)
class SuccessTableConfig(PolicyTableConfig):
    """Table 3 of the paper, in simulation: success in-domain and with a distractor that no robot demonstration has."""

    variants: Annotated[tuple[str, ...], Distinct()] = ("base", "lab", "shuffled")
    regimes: Annotated[tuple[str, ...], Distinct()] = ("zero", "few", "co")
    settings: Annotated[tuple[str, ...], Distinct()] = SETTINGS
    trials: Annotated[int, Within(1)] = 300
    """Trials of each setting; every policy tries all of them (the paper: 20 a cell)."""
    trial_seed: int = 5
    films: bool = True
    """Film a failure and a success of base and LACE."""


def defaults_of(args: list[str]) -> SuccessTableConfig:
    """Defaults for a command line."""
    return with_recipe(args, SuccessTableConfig)


def rows(config: SuccessTableConfig) -> list[Key]:
    """Base and LACE in every regime and by number of demonstrations, the others in zero alone."""
    found: list[Key] = [(regime, name, None) for regime in config.regimes for name in config.variants]
    both = compared(config.variants)
    found = [key for key in found if key[0] == "zero" or key[1] in both]
    return found + [("zero", name, count) for count in config.demonstrations for name in both]


def simulation(setting: str, policy: Path, config: SuccessTableConfig) -> SimulateConfig:
    """A policy's run in one setting: scenes as the study's demonstrations have them, seen by the same cameras."""
    origin = json.loads((config.study / ORIGIN).read_text())["config"]
    axes = PRESETS["lab"]
    axes = replace(
        axes,
        clutter=replace(axes.clutter, count=DISTRACTORS[setting]),
        camera=study_camera(axes.camera, origin["cameras"]),
    )
    return SimulateConfig(
        out=config.out / "table-3" / setting / policy.parent.name,
        policy=(str(policy),),
        trials=config.trials,
        seed=config.trial_seed,
        width=origin["image_size"],
        height=origin["image_size"],
        device=config.device,
        **config.same_workers(),
        axes=axes,
    )


Tried = dict[Cell, list[TrialRecord]]
"""Trials of each policy, in order: trial n is the same scene for all."""


def tried(setting: str, bundles: dict[Cell, Path], config: SuccessTableConfig) -> tuple[Tried, list[Video]]:
    """All trials of one setting, from the policies' folders where they are there, and films that tell most."""
    from sim_envs.simulate import command

    runs = {cell: simulation(setting, bundle, config) for cell, bundle in bundles.items()}
    found: Tried = {}
    for cell, one in runs.items():
        command.main(one)
        found[cell] = [trial for block in range(-(-one.trials // BLOCK)) for trial in read_block(one.out, block)]
    films = []
    for cell, numbers in (_telling(found, compared(config.variants)) if config.films else {}).items():
        command.main(replace(runs[cell], film=numbers))
        films += [_film(runs[cell], cell, found[cell][number]) for number in numbers]
    return found, films


def _telling(found: Tried, names: tuple[str, ...]) -> dict[Cell, tuple[int, ...]]:
    """A trial that LACE alone wins, and one that it loses, zero-shot: of both, if `names` are two that tried."""
    seed = min(cell.seed for cell in found)
    cells = [cell for name in names if (cell := Cell("zero", name, seed)) in found]
    if len(cells) < 2:
        return {}
    base, ours = cells
    wins = [[won(trial) for trial in found[cell]] for cell in (base, ours)]
    gained = [n for n, (theirs, mine) in enumerate(zip(*wins, strict=True)) if mine and not theirs][:1]
    lost = [n for n, mine in enumerate(wins[1]) if not mine][:1]
    return {cell: tuple(dict.fromkeys(gained + lost)) for cell in (base, ours)} if gained + lost else {}


def _film(one: SimulateConfig, cell: Cell, trial: TrialRecord) -> Video:
    path = film_path(one.out, trial.trial, one.policy[0])
    title = f"{one.out.parent.name}, trial {trial.trial}, {VARIANTS[cell.variant].label}"
    return Video(path.read_bytes(), title, result_of(trial))


def result_of(trial: TrialRecord) -> str:
    """How a trial of one policy ended."""
    return str(next(iter(trial.outcomes.values()))["result"])


def won(trial: TrialRecord) -> bool:
    """Whether a trial of one policy ended with the target in the hand."""
    return result_of(trial) == Result.SUCCESS


def rate_of(key: Key, found: Tried, config: SuccessTableConfig) -> tuple[Rate, list[str], list[float]]:
    """Success over all seeds, how each trial ended, and the rate of each seed."""
    by_seed = [[result_of(trial) for trial in found[_cell(key, seed)]] for seed in config.seeds]
    flat = [result for results in by_seed for result in results]
    rates = [results.count(Result.SUCCESS) / len(results) for results in by_seed]
    return exact_rate(flat.count(Result.SUCCESS), len(flat)), flat, rates


def lines(setting: str, found: Tried, config: SuccessTableConfig) -> list[list[str]]:
    """One line a row of the table."""
    made = []
    for regime, name, count in rows(config):
        rate, flat, rates = rate_of((regime, name, count), found, config)
        stops, missed = flat.count(Result.SAFETY_STOP), flat.count(Result.LOCALISATION)
        other = len(flat) - rate.successes - stops - missed
        place = {"base": 0, "lab": 1}.get(name) if count is None else None
        paper = "" if place is None else f"{5 * TABLE_3[regime, setting][place]} % of 20"
        seeds = f"{100 * min(rates):.1f} to {100 * max(rates):.1f}" if len(rates) > 1 else ""
        cells = [setting, regime, ALL if count is None else str(count), VARIANTS[name].label, str(rate)]
        made.append([*cells, str(stops), str(missed), str(other), seeds, paper])
    return made


def pairs(setting: str, found: Tried, config: SuccessTableConfig) -> list[tuple[Key, int, Paired, list[str]]]:
    """McNemar's test of every variant against the base, on the same trials; seeds one by one, as values and cells."""
    made = []
    for regime, name, count in rows(config):
        if name == "base" or (regime, "base", count) not in rows(config):
            continue
        for seed in config.seeds:
            both = [[won(t) for t in found[Cell(regime, who, seed, count)]] for who in (name, "base")]
            pair = mcnemar(*both)
            cells = [setting, regime, ALL if count is None else str(count), f"{VARIANTS[name].label} - base", str(seed)]
            cells += [f"{100 * pair.difference:+.1f} points", str(pair.only_first), str(pair.only_second)]
            made.append(((regime, name, count), seed, pair, [*cells, f"{pair.p_value:.2g}"]))
    return made


def values(setting: str, found: Tried, config: SuccessTableConfig) -> list[dict[str, Any]]:
    """The setting's rows for table.json."""
    tests = pairs(setting, found, config)
    made = []
    for key in rows(config):
        rate, flat, rates = rate_of(key, found, config)
        row: dict[str, Any] = {"setting": setting, "regime": key[0], "variant": key[1], "demonstrations": key[2]}
        row |= {"success": {"value": rate.value, **asdict(rate)}, "success by seed": rates}
        row |= {"results": {kind: flat.count(kind) for kind in Result if kind in flat}}
        against = {seed: {"difference": p.difference, **asdict(p)} for k, seed, p, _cells in tests if k == key}
        made.append(row | {"against base, by seed": against})
    return made


def _cell(key: Key, seed: int) -> Cell:
    return Cell(key[0], key[1], seed, key[2])


def main(config: SuccessTableConfig) -> int:
    """Runs `run` alone in OUT; returns its exit code."""
    with locked_folder(config.out):
        return run(config)


def run(config: SuccessTableConfig) -> int:
    """Runs, prints and writes OUT/table-3/{table.json, report.html}; returns the exit code."""
    unknown = sorted(set(config.settings) - set(SETTINGS))
    if unknown:
        raise InvalidValueError("reading --settings", f"{unknown}", f"of {', '.join(SETTINGS)}", "leave them out")
    console, study = Console(highlight=False, soft_wrap=True), Study(config)
    wanted = [_cell(key, seed) for key in rows(config) for seed in config.seeds]
    train_cells(rows(config), config)
    bundles = {cell: policy_of(cell, study, config) for cell in wanted}
    made, table, tests, films = [], [], [], []
    for setting in config.settings:
        found, filmed = tried(setting, bundles, config)
        table += lines(setting, found, config)
        tests += [cells for _key, _seed, _pair, cells in pairs(setting, found, config)]
        made += values(setting, found, config)
        films += filmed
    grids = [
        Grid("Table 3: success in simulation", HEADINGS, table, NOTE),
        Grid("On the same trials (McNemar, exact, two-sided)", PAIR_HEADINGS, tests),
    ]
    print_grids(console, grids)
    facts = {
        "trials of each setting": config.trials,
        "seeds of training": config.seeds,
        "seed of the trials": config.trial_seed,
    }
    sections = [*grids, *([Videos("Zero-shot, the same trials", films)] if films else [])]
    summary = f"{config.head} on {config.backbone}, {config.trials} paired trials a setting."
    report = Report("Table 3: grasping in simulation", summary, facts, sections, asdict(config))
    publish_table(config.out / "table-3", report, made)
    console.print(f"wrote {config.out / 'table-3' / 'table.json'} and report.html", markup=False)
    return 0
