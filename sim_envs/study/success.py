"""`lace tables success`: table 3, the policies of `lace tables policy` in the simulated cell, on the same trials."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console

from lace.core.errors import InvalidValueError
from lace.core.files import publish_bytes
from lace.core.limits import Within
from lace.core.lock import locked_folder
from lace.measure.rates import exact_rate, mcnemar
from lace.reports.report import Grid, Report, write_report
from lace.reports.sections import Video, Videos
from policies.outcome import Result
from policies.tables.paper import TABLE_3
from policies.tables.policy import SETTINGS, Cell, PolicyTableConfig, policy_of
from policies.tables.variants import VARIANTS, Study
from policies.trials.records import BLOCK, TrialRecord, film_path, read_block
from sim_envs.config.presets import PRESETS
from sim_envs.simulate.config import SimulateConfig
from sim_envs.study.parts import DISTRACTORS, ORIGIN, study_camera

HEADINGS = ("setting", "regime", "features", "success % [95 %]", "safety", "localis.", "other", "seeds", "the paper")
NOTE = (
    "Success over all trials and seeds with the exact interval of so many independent trials; seeds share trials, so "
    "with several it is too narrow: the column of seeds shows their spread."
)


@dataclass(frozen=True)
class SuccessTableConfig(PolicyTableConfig):
    """Table 3 of the paper, in simulation: success in-domain and with a distractor that no robot demonstration has."""

    variants: tuple[str, ...] = ("base", "lab", "shuffled")
    regimes: tuple[str, ...] = ("zero", "few", "co")
    settings: tuple[str, ...] = SETTINGS
    trials: Annotated[int, Within(1)] = 300
    """Trials of each setting; every policy tries all of them (the paper: 20 a cell)."""
    trial_seed: int = 5
    workers: Annotated[int, Within(1)] = 1
    """Processes of the simulator."""
    films: bool = True
    """Film a failure and a success of base and LACE."""


def rows(config: SuccessTableConfig) -> list[tuple[str, str]]:
    """(regime, variant): base and LACE in every regime, the others in zero alone."""
    found = [(regime, name) for regime in config.regimes for name in config.variants]
    return [(regime, name) for regime, name in found if regime == "zero" or name in ("base", "lab")]


def simulation(setting: str, policies: Sequence[Path], config: SuccessTableConfig) -> SimulateConfig:
    """The run of one setting: scenes as the study's demonstrations have them, seen by the same cameras."""
    origin = json.loads((config.study / ORIGIN).read_text())["config"]
    axes = PRESETS["lab"]
    axes = replace(
        axes,
        clutter=replace(axes.clutter, count=DISTRACTORS[setting]),
        camera=study_camera(axes.camera, origin["cameras"]),
    )
    return SimulateConfig(
        out=config.out / "table-3" / setting,
        policy=tuple(map(str, policies)),
        trials=config.trials,
        seed=config.trial_seed,
        width=origin["image_size"],
        height=origin["image_size"],
        device=config.device,
        workers=config.workers,
        axes=axes,
    )


def tried(setting: str, bundles: dict[Cell, Path], config: SuccessTableConfig) -> list[TrialRecord]:
    """All trials of one setting, from its folder where they are there."""
    from sim_envs.simulate import command

    one = simulation(setting, list(bundles.values()), config)
    command.main(one)
    films = _telling(_records(one), bundles) if config.films else ()
    if films:
        command.main(replace(one, film=films))
    return _records(one)


def _records(one: SimulateConfig) -> list[TrialRecord]:
    count = -(-one.trials // BLOCK)
    return [trial for block in range(count) for trial in read_block(one.out, block)]


def _telling(trials: list[TrialRecord], bundles: dict[Cell, Path]) -> tuple[int, ...]:
    """A trial that LACE alone wins, and one that it loses, zero-shot."""
    seeds = sorted(cell.seed for cell in bundles)
    base, ours = (bundles.get(Cell("zero", name, seeds[0])) for name in ("base", "lab"))
    if base is None or ours is None:
        return ()
    won = [t.trial for t in trials if t.success(str(ours)) and not t.success(str(base))][:1]
    lost = [t.trial for t in trials if not t.success(str(ours))][:1]
    return tuple(won + lost)


def lines(
    setting: str, trials: list[TrialRecord], bundles: dict[Cell, Path], config: SuccessTableConfig
) -> list[list[str]]:
    """One line a row of the table."""
    found = []
    for regime, name in rows(config):
        names = [str(bundles[Cell(regime, name, seed)]) for seed in config.seeds]
        results = [[trial.outcomes[one]["result"] for trial in trials] for one in names]
        flat = [result for of_seed in results for result in of_seed]
        rate = exact_rate(flat.count(Result.SUCCESS), len(flat))
        by_seed = [100 * of_seed.count(Result.SUCCESS) / len(of_seed) for of_seed in results]
        stops, missed = flat.count(Result.SAFETY_STOP), flat.count(Result.LOCALISATION)
        other = len(flat) - rate.successes - stops - missed
        place = {"base": 0, "lab": 1}.get(name)
        paper = "" if place is None else f"{5 * TABLE_3[regime, setting][place]} % of 20"
        seeds = f"{min(by_seed):.1f} to {max(by_seed):.1f}" if len(by_seed) > 1 else ""
        found.append(
            [setting, regime, VARIANTS[name].label, str(rate), str(stops), str(missed), str(other), seeds, paper]
        )
    return found


def pairs(
    setting: str, trials: list[TrialRecord], bundles: dict[Cell, Path], config: SuccessTableConfig
) -> list[list[str]]:
    """McNemar's test of every variant against the base, on the same trials; seeds one by one."""
    found = []
    for regime, name in rows(config):
        if name == "base" or (regime, "base") not in rows(config):
            continue
        for seed in config.seeds:
            wins = [[t.success(str(bundles[Cell(regime, who, seed)])) for t in trials] for who in (name, "base")]
            pair = mcnemar(*wins)
            found.append(
                [
                    setting,
                    regime,
                    f"{VARIANTS[name].label} - base",
                    str(seed),
                    f"{100 * pair.difference:+.1f} points",
                    str(pair.only_first),
                    str(pair.only_second),
                    f"{pair.p_value:.2g}",
                ]
            )
    return found


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
    bundles = {
        cell: policy_of(cell, study, config)
        for cell in (Cell(regime, name, seed) for regime, name in rows(config) for seed in config.seeds)
    }
    table, tests, films = [], [], []
    for setting in config.settings:
        trials = tried(setting, bundles, config)
        table += lines(setting, trials, bundles, config)
        tests += pairs(setting, trials, bundles, config)
        films += _films(config.out / "table-3" / setting, trials, bundles)
    grids = [
        Grid("Table 3: success in simulation", HEADINGS, table, NOTE),
        Grid(
            "On the same trials (McNemar, exact, two-sided)",
            ("setting", "regime", "compared", "seed", "difference", "only the first", "only base", "p"),
            tests,
        ),
    ]
    for grid in grids:
        console.print(f"\n{grid.title}", markup=False)
        for line in [grid.headings, *grid.rows]:
            console.print("  ".join(f"{cell:<24}" for cell in line), markup=False)
    folder = config.out / "table-3"
    publish_bytes(folder / "table.json", json.dumps({"rows": table, "pairs": tests}, indent=1).encode())
    facts = {
        "trials of each setting": config.trials,
        "seeds of training": config.seeds,
        "seed of the trials": config.trial_seed,
    }
    sections = [*grids, *([Videos("Zero-shot, the same trials", films)] if films else [])]
    summary = f"{config.head} on {config.backbone}, {config.trials} paired trials a setting."
    write_report(folder, Report("Table 3: grasping in simulation", summary, facts, sections, asdict(config)))
    console.print(f"wrote {folder / 'table.json'} and report.html", markup=False)
    return 0


def _films(out: Path, trials: list[TrialRecord], bundles: dict[Cell, Path]) -> list[Video]:
    """The films of base and LACE that are there."""
    found: list[Any] = []
    for cell, bundle in bundles.items():
        for trial in trials:
            path = film_path(out, trial.trial, str(bundle))
            if cell.variant in ("base", "lab") and cell.regime == "zero" and path.is_file():
                title = f"{out.name}, trial {trial.trial}, {VARIANTS[cell.variant].label}"
                found.append(Video(path.read_bytes(), title, str(trial.outcomes[str(bundle)]["result"])))
    return found
