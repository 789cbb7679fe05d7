"""The `lace simulate` command: runs trials, prints a table, writes results.json, report.html and films."""

import json
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lace.core.counting import counted
from lace.core.files import publish_bytes, reading
from lace.core.progress import Advance, Meter, progress_bar
from lace.core.terminal import print_whole
from policies.trials.records import BLOCK, TrialRecord, film_path, missing_blocks
from sim_envs.simulate.config import SimulateConfig, require_names
from sim_envs.simulate.opening import KeptCell, kept_cell, opened_cell
from sim_envs.simulate.report import deepest, write_report
from sim_envs.simulate.results import summarise
from sim_envs.simulate.run import TrialsCallback, opened_folder, run
from sim_envs.simulate.sweep import sweep_figure, sweep_path

CONSOLE = Console(highlight=False, soft_wrap=True)


def main(config: SimulateConfig) -> int:
    """Runs what is missing, then reports; returns the exit code."""
    require_names(config)
    with opened_folder(config) as origin:
        _run_and_report(config, origin)
    CONSOLE.print(f"wrote {config.out / 'results.json'} and {config.out / 'report.html'}", markup=False)
    return 0


def _run_and_report(config: SimulateConfig, origin: dict[str, Any]) -> None:
    with kept_cell(config) as cell:
        with shown(config) as report:
            here = config.workers == 1 and not config.ray
            trials = run(config, (lambda _config: cell) if here else opened_cell, report)
        results = summarise(trials, config, origin)
        publish_bytes(config.out / "results.json", json.dumps(results, indent=1).encode())
        print_results(results)
        for name in config.policies:
            if line := commonest_failure(trials, name):
                CONSOLE.print(line, markup=False)
        if config.sweep is not None:
            publish_bytes(sweep_path(config.out), sweep_figure(results))
        for path, overlaps in filmed(config, trials, cell):
            CONSOLE.print(f"filmed {path}; {deepest(overlaps)}", markup=False)
    write_report(config.out, results, trials)


def filmed(
    config: SimulateConfig, trials: Sequence[TrialRecord], kept: KeptCell
) -> Iterator[tuple[Path, dict[str, dict[str, float]]]]:
    """Films each trial in `config.film` with each policy, if it is not filmed yet; yields each film and its overlaps.

    Raises:
        IntegrityError: A trial ended otherwise than recorded.
    """
    records = {row.trial: row for row in trials}
    for number, name in product(config.film, config.policies):
        path = film_path(config.out, number, name)
        if not path.is_file():
            from sim_envs.simulate.film import film  # opens the simulator

            with progress_bar(f"filming trial {number}, {name}", "pictures") as advance:
                film(path, kept.cell, records[number], name, advance)
        with reading(path.with_suffix(".json"), "a film's depths", f"remove {path}: it is drawn again"):
            depths = json.loads(path.with_suffix(".json").read_bytes())
        yield path, depths


@contextmanager
def shown(config: SimulateConfig) -> Generator[TrialsCallback]:
    """Yields the `report` for `run`: a bar on a terminal, a line a block elsewhere."""
    todo = len(missing_blocks(config.out, config.trials))
    there = -(-config.trials // BLOCK) - todo
    if there:
        CONSOLE.print(f"resuming: {min(there * BLOCK, config.trials)} of {config.trials} trials are there")
    if todo:
        CONSOLE.print(
            f"opening the simulator ({counted(config.workers, 'process', 'processes')}, preset {config.preset}); "
            "first use also fetches meshes and compiles kernels"
        )
    meter = Meter("trials")
    with progress_bar("running trials", meter=meter) as advance:
        yield _reporter(config, advance, meter, there)


def _reporter(
    config: SimulateConfig, advance: Advance, meter: Meter, there: int
) -> Callable[[list[TrialRecord]], None]:
    counts, blocks, done = dict.fromkeys(config.policies, 0), 0, 0

    def report(trials: list[TrialRecord]) -> None:
        nonlocal blocks, done
        blocks, done = blocks + 1, done + len(trials)
        for name in counts:
            counts[name] += sum(trial.success(name) for trial in trials)
        if blocks <= there:
            meter.start(done)
        advance(done, config.trials, _rates(counts, done) if blocks > there else "")

    return report


def _rates(counts: dict[str, int], n: int) -> str:
    shown = [f"{name} {100 * count / n:.0f} %" for name, count in list(counts.items())[:4]]
    return ", ".join(shown) + ", ..." * (len(counts) > len(shown))


def print_results(results: dict) -> None:
    """Tables of the policies and of the pairs, and the factors with the smallest p-values."""
    print_whole(policies_table(results))
    if results["pairs"]:
        print_whole(pairs_table(results["pairs"]))
    for answer in (results["sequential"] or {"questions": []})["questions"]:
        when = (
            f"decided after {counted(answer['decided_after'], 'trial')}" if answer["decided_after"] else "not decided"
        )
        CONSOLE.print(f"{answer['question']}? {answer['answer']} ({when})", markup=False)
    first = next(iter(results["policies"]))
    telling = [entry for entry in results["breakdown"][first] if entry["p_value"] < 0.05][:3]
    for entry in telling:
        groups = "; ".join(f"{g['label']}: {100 * g['value']:.0f} % of {g['n']}" for g in entry["groups"])
        CONSOLE.print(f"{first} by {entry['name']} (p {entry['p_value']:.2g}): {groups}", markup=False)


def commonest_failure(trials: Sequence[TrialRecord], policy: str) -> str:
    """What most of a policy's failures say, told by one of them; empty where they differ, or are fewer than three.

    A policy whose code raises an error in every trial is seen at once.
    """
    reasons = [trial.outcomes[policy]["reason"] for trial in trials if not trial.success(policy)]
    kinds = Counter(re.sub(r"[\d.]+", "0", reason) for reason in reasons)
    kind, count = kinds.most_common(1)[0] if kinds else ("", 0)
    if count < max(3, len(reasons) / 2):
        return ""
    first = next(reason for reason in reasons if re.sub(r"[\d.]+", "0", reason) == kind)
    return f"{policy}, {count} of {len(reasons)} failures: {first}"


def policies_table(results: dict) -> Table:
    """One row a policy."""
    table = Table(title=f"{counted(results['n'], 'trial')}, seed {results['seed']}; 95 % exact intervals")
    for heading in (
        "policy",
        "success %",
        "localis.",
        "safety",
        "plan",
        "slip",
        "collision",
        "target error",
        "effector error",
    ):
        table.add_column(heading, no_wrap=True, justify="left" if heading == "policy" else "right")
    for name, row in results["policies"].items():
        rate = row["success"]
        cells = [f"{100 * rate['value']:.1f} [{100 * rate['low']:.1f}, {100 * rate['high']:.1f}]"]
        cells += [str(row["failures"][kind]["successes"]) for kind in row["failures"]]
        cells += [_median(row["errors"][error]) for error in ("target_error_px", "end_effector_error_px")]
        table.add_row(name, *cells)
    table.caption = "failures by kind in trials; errors are medians"
    return table


def _median(spread: dict) -> str:
    return f"{spread['p50']:.1f} px" if spread["n"] else "-"


def pairs_table(pairs: list[dict]) -> Table:
    """One row a comparison."""
    table = Table(title="on the same trials (McNemar, exact)")
    for heading in ("first", "second", "only first", "only second", "difference", "p"):
        table.add_column(heading, no_wrap=True)
    for pair in pairs:
        table.add_row(
            pair["first"],
            pair["second"],
            str(pair["only_first"]),
            str(pair["only_second"]),
            f"{100 * pair['difference']:+.1f} points",
            f"{pair['p_value']:.2g}",
        )
    return table
