"""The demo is a list of existing commands; it resumes where it was killed, and its report shows their results."""

import json
from dataclasses import replace

import pytest
import tyro

from lace.cli.commands import COMMANDS
from lace.core.errors import DatasetError, InvalidValueError
from lace.reports.report import Text
from policies.trials.summaries import FAILURES
from sim_envs.demo import command, measurement, report
from sim_envs.demo.config import DemoConfig
from sim_envs.demo.grasping import FILMS, GRASPING, TRIED, headline
from sim_envs.demo.policies import trained
from sim_envs.demo.stage import Stage
from sim_envs.demo.stages import STAGES


def a_stage(name: str) -> Stage:
    """A demo stage of one harmless command."""
    return Stage(
        name,
        f"do {name}",
        10.0,
        lambda config: [["data", name, str(config.frames)]],
        lambda config: [Text(name, [f"{name} was done with {config.frames} frames"])],
        reduced=((name, "much", "little"),),
    )


@pytest.fixture
def ran(monkeypatch):
    """The commands that were requested; none of them is executed."""
    found = []

    def call(words):
        found.append(words)
        return 1 if "broken" in words else 0

    monkeypatch.setattr(command, "call", call)
    monkeypatch.setattr(command, "STAGES", (a_stage("first"), a_stage("second")))
    return found


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_every_command_line_is_one_of_ours(stage, tmp_path):
    """The options parse into the command's own configuration."""
    for words in stage.commands(DemoConfig(out=tmp_path)):
        name = next(name for name in COMMANDS if words[: len(name.split())] == name.split())
        chosen = COMMANDS[name]
        from lace.cli.main import _imported

        rest = words[len(name.split()) :]
        defaults = {"default": _imported(chosen.defaults)(rest, *chosen.bound)} if chosen.defaults else {}
        tyro.cli(_imported(chosen.config), args=rest, **defaults)


def test_no_two_datasets_share_a_seed():
    seeds = [
        words[words.index("--seed") + 1]
        for config in (DemoConfig(seed=0), DemoConfig(seed=1))
        for words in STAGES[0].commands(config)
    ]
    assert len(set(seeds)) == len(seeds) == 8


def test_stages_run_in_order_and_once(ran, tmp_path, capsys):
    config = DemoConfig(out=tmp_path / "demo", frames=7)
    assert command.main(config) == command.main(config) == 0
    assert ran == [["data", "first", "7"], ["data", "second", "7"]]
    said = capsys.readouterr().out
    assert "[1/2] do first (about 10 s; 20 s for all that is left)" in said and "[2/2] do second: finished" in said
    page = (config.out / "report.html").read_text()
    for words in ("second was done with 7 frames", "<td>much</td>", "lace data first 7", "does not repeat the paper"):
        assert words in page


def test_a_failed_command_is_named_and_the_next_run_continues_there(ran, tmp_path, monkeypatch):
    config = DemoConfig(out=tmp_path / "demo")
    monkeypatch.setattr(command, "STAGES", (a_stage("first"), a_stage("broken")))
    with pytest.raises(command.DemoError, match=r"`lace data broken 200` ended with code 1"):
        command.main(config)
    assert "first was done" in (config.out / "report.html").read_text()
    with pytest.raises(command.DemoError):
        command.main(config)
    assert [words[1] for words in ran] == ["first", "broken", "broken"]


def test_another_demo_in_the_same_folder_is_refused(ran, tmp_path):
    config = DemoConfig(out=tmp_path / "demo")
    command.main(config)
    with pytest.raises(DatasetError, match="frames"):
        command.main(replace(config, frames=9))


def test_numbers_are_checked():
    with pytest.raises(InvalidValueError, match="frames"):
        DemoConfig(frames=0)


def grasps(folder, results):
    """What a simulation leaves: (result before, result after) of each trial."""
    config = DemoConfig(out=folder, trials=len(results))
    names = [trained(config, name) for name in ("base", "lace")]
    out = folder / TRIED / "trials"
    out.mkdir(parents=True)
    rows = [{"trial": n, "outcomes": {name: {"result": r} for name, r in zip(names, row, strict=True)}}
            for n, row in enumerate(results)]  # fmt: skip
    (out / "trials-00000.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    wins = [[row[k] == "success" for row in results] for k in (0, 1)]
    policies = {
        name: {
            "success": {"successes": sum(won), "n": len(won), "value": sum(won) / len(won), "low": 0, "high": 1},
            "failures": {kind.value: {"successes": 0} for kind in FAILURES},
        }
        for name, won in zip(names, wins, strict=True)
    }
    pair = {"difference": (sum(wins[1]) - sum(wins[0])) / len(results), "p_value": 0.25}
    content = {"n": len(results), "policies": policies, "pairs": [pair]}
    (folder / TRIED / "results.json").write_text(json.dumps(content))
    return config


def test_the_report_opens_with_how_often_each_policy_grasped(tmp_path):
    results = [("safety_stop", "success"), ("success", "success"), ("slip", "success"), ("success", "slip")]
    said = headline(grasps(tmp_path, results))
    for words in ("Of 4 simulated trials", "2 (50 %)", "3 (75 %)", "+25 points", "p = 0.25"):
        assert words in said
    page = report.write(DemoConfig(out=tmp_path, trials=4), (GRASPING,), [{"seconds": 1.0, "commands": []}])
    text = page.read_text()
    assert text.index("Of 4 simulated trials") < text.index("What is reduced here")


def test_a_gained_and_a_lost_trial_are_filmed_when_the_trials_are_there(tmp_path):
    assert FILMS.commands(DemoConfig(out=tmp_path)) == []
    results = [("success", "success"), ("safety_stop", "success"), ("success", "slip"), ("slip", "slip")]
    (words,) = FILMS.commands(grasps(tmp_path / "demo", results))
    assert words[-3:] == ["--film", "1", "2"]
    none_left = grasps(tmp_path / "best", [("success", "success")])
    assert FILMS.commands(none_left) == [] and FILMS.sections(none_left) == []


def test_the_outcome_is_reported_in_both_directions():
    rows = [{"epe_px": {"value": e}, "part_accuracy": {"value": p}} for e, p in ((80.4, 0.13), (91.2, 0.07))]
    said = measurement.outcome(*rows, 0.1)
    assert "was 80 px" in said and "now 91 px" in said and "13 %" in said and "7 %" in said and "10 %" in said


def test_what_is_measured_is_shown_beside_the_papers(tmp_path):
    value = {"value": 50.0, "low": 40.0, "high": 60.0}
    pairs = {pair: {"epe_px": value, "part_accuracy": value} for pair in measurement.PAIRS}
    folder = tmp_path / measurement.MEASURED
    folder.mkdir()
    for name in ("correspondence_human-robot", "joint_pca_of_hand_patches", "feature_drift"):
        (folder / f"{name}.png").write_bytes(b"png")
    found = {"before": {"pairs": pairs}, "pairs": pairs, "trivial": {"robot": {"chance": 0.1}}}
    (folder / "correspondence.json").write_text(json.dumps(found))
    grid = next(s for s in measurement.MEASUREMENT.sections(DemoConfig(out=tmp_path)) if s.kind == "grid")
    assert grid.rows[0] == [
        "human-robot", "50.0 [40.0, 60.0]", "50.0 [40.0, 60.0]", "87.0 to 19.4", "50.00 [40.00, 60.00]",
        "50.00 [40.00, 60.00]",
    ]  # fmt: skip
