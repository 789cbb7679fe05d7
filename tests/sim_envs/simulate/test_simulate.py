"""`lace simulate` on made-up trials: pairing, resuming, stopping, summary, report."""

import json
import multiprocessing
import re
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lace.core.errors import DatasetError, InvalidValueError, UnknownNameError
from lace.measure.rates import exact_rate
from policies.outcome import Outcome, Phase, Result
from policies.trials.records import BLOCK, TrialRecord, block_path, frame_path, missing_blocks, plain
from sim_envs.simulate import command
from sim_envs.simulate.config import SequentialConfig, SimulateConfig
from sim_envs.simulate.factors import FACTORS, breakdown, split
from sim_envs.simulate.report import write_report
from sim_envs.simulate.results import summarise
from sim_envs.simulate.run import opened_folder, run
from sim_envs.simulate.stopping import answers
from sim_envs.simulate.sweep import sweep_figure
from tests.browser import Browser, find_browser
from tests.simulated_trials import COMMIT, MadeUp, is_running, record, run_and_die

POLICIES = ("oracle", "noise:12", "frozen")


def config_of(folder: Path, **changes) -> SimulateConfig:
    return replace(SimulateConfig(out=folder, policy=POLICIES, trials=3 * BLOCK + 5, seed=4), **changes)


def simulated(config: SimulateConfig, build=MadeUp) -> dict[str, bytes]:
    """Runs and reports; returns every file of the folder by name."""
    with opened_folder(config) as origin:
        trials = run(config, build, lambda _trials: None)
        results = summarise(trials, config, origin)
        (config.out / "results.json").write_text(json.dumps(results))
        write_report(config.out, results, trials)
    files = {
        path.relative_to(config.out).as_posix(): path.read_bytes() for path in config.out.rglob("*") if path.is_file()
    }
    return files


def test_every_trial_is_recorded_once_for_every_policy(tmp_path):
    config = config_of(tmp_path)
    simulated(config)
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["n"] == config.trials
    for name in POLICIES:
        row = results["policies"][name]
        ended = row["success"]["successes"] + sum(rate["successes"] for rate in row["failures"].values())
        assert ended == config.trials == sum(row["phases"].values())
    wins = [record(4, n, POLICIES).success("oracle") for n in range(config.trials)]
    rate = exact_rate(sum(wins), len(wins))
    assert results["policies"]["oracle"]["success"] == {
        "value": rate.value,
        "successes": sum(wins),
        "n": len(wins),
        "low": rate.low,
        "high": rate.high,
    }


def test_the_number_of_processes_changes_no_byte(tmp_path):
    one, two = simulated(config_of(tmp_path / "one")), simulated(config_of(tmp_path / "two", workers=2))
    assert one == two


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_leaves_no_process_and_resumes_to_the_same_bytes(tmp_path, workers):
    whole = simulated(config_of(tmp_path / "whole"))
    config = config_of(tmp_path / "killed", workers=workers)
    with opened_folder(config):
        pass
    process = multiprocessing.get_context("spawn").Process(target=run_and_die, args=(config,))
    process.start()
    process.join(600)
    assert process.exitcode == -signal.SIGKILL
    killer = int((tmp_path / "killer").read_text())
    end = time.monotonic() + 20
    while is_running(killer):
        assert time.monotonic() < end, "a worker outlived its killed parent"
        time.sleep(0.1)
    assert 0 < len(missing_blocks(config.out, config.trials)) < 4
    (config.out / "frames" / "frame-00000.jpg.1.part").write_bytes(b"half")
    seen = []
    with opened_folder(config):
        run(replace(config, workers=1), MadeUp, lambda trials: seen.append(len(trials)))
    assert sum(seen) == config.trials
    assert simulated(config) == whole


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 5}, "seed"),
        ({"trials": 7}, "trials"),
        ({"policy": ("oracle",)}, "policy"),
        ({"preset": "office"}, "preset"),
    ],
)
def test_a_folder_of_another_run_is_refused(tmp_path, changes, named):
    before = simulated(config_of(tmp_path))
    with pytest.raises(DatasetError, match=f"other .*{named}.*\n.*\n.*another --out"):
        simulated(config_of(tmp_path, **changes))
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "holiday.txt").write_text("sun")
    with pytest.raises(DatasetError, match="not a simulation"):
        simulated(config_of(tmp_path))
    assert (tmp_path / "holiday.txt").read_text() == "sun"


def test_a_damaged_block_is_named(tmp_path):
    config = config_of(tmp_path)
    simulated(config)
    path = block_path(tmp_path, 1)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DatasetError, match=re.escape(str(path))):
        simulated(config)
    path.unlink()
    simulated(config)


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"trials": 0}, InvalidValueError, "at least 1"),
        ({"workers": 0}, InvalidValueError, "at least 1"),
        ({"policy": ("oracel",)}, UnknownNameError, "use 'oracle'"),
        ({"policy": ("noise:x",)}, InvalidValueError, "noise:8"),
        ({"policy": ()}, InvalidValueError, "one or more"),
        ({"policy": ("oracle", "oracle")}, InvalidValueError, "different"),
        ({"sweep": "nois"}, UnknownNameError, "use 'noise'"),
        ({"film": (500,)}, InvalidValueError, "trial numbers from 0 to"),
    ],
)
def test_impossible_options_are_refused_before_anything_is_written(tmp_path, changes, error, text):
    with pytest.raises(error, match=text):
        command.main(config_of(tmp_path / "out", **changes))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", [0, 1, -0.5])
def test_a_threshold_is_a_share(value):
    with pytest.raises(InvalidValueError, match="sequential.threshold.*\n.*0 to 1"):
        config_of(Path("x"), sequential=SequentialConfig(threshold=value))


def test_a_clear_difference_ends_the_run_early_and_alike_in_any_number_of_processes(tmp_path):
    changes = {"policy": ("noise:4", "frozen"), "trials": 400, "sequential": SequentialConfig(on=True, threshold=0.4)}
    one, two = (simulated(config_of(tmp_path / str(n), **changes, workers=n)) for n in (1, 2))
    assert one == two
    results = json.loads(one["results.json"])
    assert results["n"] < 200
    assert results["n"] % BLOCK == 0
    found = {row["question"]: row["answer"] for row in results["sequential"]["questions"]}
    assert found == {
        "is noise:4 above 0.4": "above",
        "is frozen above 0.4": "below",
        "is noise:4 or frozen better": "noise:4",
    }
    assert not frame_path(tmp_path / "2", results["n"]).exists()


def test_an_open_question_runs_to_the_end(tmp_path):
    changes = {"policy": ("oracle",), "sequential": SequentialConfig(on=True, threshold=0.79)}
    results = json.loads(simulated(config_of(tmp_path, **changes))["results.json"])
    assert results["n"] == results["asked_for"]
    assert results["sequential"]["questions"][0]["decided_after"] is None


def test_answers_do_not_change_with_more_trials():
    trials = [record(1, n, ("oracle", "frozen")) for n in range(120)]
    config = SequentialConfig(on=True, threshold=0.5)
    late = answers(trials, ("oracle", "frozen"), config)
    decided = max(answer.decided_after for answer in late)
    assert answers(trials[:decided], ("oracle", "frozen"), config) == late
    assert None in [answer.decided_after for answer in answers(trials[: decided - 1], ("oracle", "frozen"), config)]


def test_sequential_stopping_is_rarely_wrong():
    """Two independent policies of equal rate: the share of runs that declare one better stays under alpha."""
    rng, wrong, runs = np.random.default_rng(8), 0, 300
    template = record(0, 0, ("oracle", "frozen"))
    config = SequentialConfig(on=True, threshold=0.5, alpha=0.2)
    for _ in range(runs):
        outcomes = np.where(rng.random((80, 2)) < 0.5, "success", "slip")
        trials = [replace(template, outcomes={"a": {"result": a}, "b": {"result": b}}) for a, b in outcomes]
        wrong += any(answer.decided_after for answer in answers(trials, ("a", "b"), config))
    assert 0 < wrong / runs <= 0.2


def test_groups_cover_every_trial_once():
    rng = np.random.default_rng(0)
    for values in (rng.random(50), rng.integers(0, 5, 50), rng.choice(["lab", "office"], 50)):
        groups = split(list(values))
        assert sorted(np.concatenate(list(groups.values()))) == list(range(50))
    assert [len(rows) for rows in split(list(rng.random(50))).values()] == [17, 17, 16]
    assert split([0.5] * 10) == {}


def test_the_breakdown_finds_the_clutter():
    trials = [record(2, n, POLICIES) for n in range(300)]
    telling = breakdown(trials, "oracle")[0]
    assert telling["name"] == "distractors on the table"
    assert telling["p_value"] < 0.01
    assert [group["label"] for group in telling["groups"]] == ["0", "1", "2", "3", "4"]
    assert telling["groups"][0]["value"] > telling["groups"][4]["value"]
    assert sum(group["n"] for group in telling["groups"]) == 300


@pytest.mark.parametrize("name", FACTORS)
def test_every_factor_reads_a_scene(name):
    value = FACTORS[name].value(record(0, 1, POLICIES).scene)
    assert isinstance(value, (float, int, str)) or (value, name) == (None, "camera of the file")


def test_what_one_scene_does_not_have_is_left_out():
    trials = [record(2, n, POLICIES) for n in range(60)]
    del trials[7].scene["draws"]["camera.distance_m"]
    names = {entry["name"] for entry in breakdown(trials, "oracle")}
    assert "camera distance [m]" not in names and "camera azimuth [deg]" in names


def test_hits_are_counted_in_the_boxes(tmp_path):
    results = json.loads(simulated(config_of(tmp_path))["results.json"])
    rates = {name: row["hit_rate"]["both"]["value"] for name, row in results["policies"].items()}
    assert rates["oracle"] == 1
    assert 0 < rates["noise:12"] < 1


def test_what_most_failures_say_is_told_once(tmp_path):
    def ended(*reasons):
        won = Outcome(Result.SUCCESS, Phase.DONE, "")
        lost = [Outcome(Result.SAFETY_STOP, Phase.PREDICT, reason) for reason in reasons]
        return [TrialRecord(i, {}, {"mine": plain(outcome)}, COMMIT) for i, outcome in enumerate([won, *lost])]

    raised = [f"asking the policy: ValueError: row {i}" for i in range(3)]
    assert command.commonest_failure(ended(*raised, "other"), "mine") == f"mine, 3 of 4 failures: {raised[0]}"
    assert command.commonest_failure(ended("one thing", "another", "a third"), "mine") == ""
    assert command.commonest_failure(ended(), "mine") == ""


def test_the_sweep_draws_every_policy(tmp_path):
    config = config_of(tmp_path, sweep="noise", trials=2 * BLOCK)
    results = json.loads(simulated(config)["results.json"])
    assert list(results["policies"]) == list(config.policies)
    assert sweep_figure(results).startswith(b"\x89PNG")


def test_the_report_stands_alone_and_shows_its_pictures(tmp_path):
    browser = find_browser()
    if browser is None:
        pytest.skip("no browser here")
    page = simulated(config_of(tmp_path))["report.html"].decode()
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "noise:12" in page
    with Browser(browser, tmp_path / "profile") as tab:
        tab.call("Page.navigate", url=(tmp_path / "report.html").as_uri())
        tab.until("document.readyState === 'complete' && document.querySelectorAll('.frame').length > 3")
        wide = tab.run("[...document.querySelectorAll('.fill')].map(e => e.getBoundingClientRect().width)")
        assert max(wide[:3]) > 200
        assert tab.run("getComputedStyle(document.querySelector('.frame')).backgroundImage").startswith(
            'url("data:image/jpeg'
        )
