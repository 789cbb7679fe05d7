"""The table of success: rows, rates, pairs and the evaluation scenes; no simulator runs here."""

import json
from pathlib import Path

import pytest

from lace.cli.main import main as lace
from policies.tables.policy import Cell
from policies.trials.records import TrialRecord
from sim_envs.study.success import SuccessTableConfig, _telling, lines, pairs, rows, simulation, values

CONFIG = SuccessTableConfig(study=Path("study"), out=Path("out"), seeds=(0, 1), trials=4, demonstrations=(9,))
CELLS = [Cell(regime, name, seed, count) for regime, name, count in rows(CONFIG) for seed in (0, 1)]


def trials(results):
    """Trials of each policy from (result of base, of the others), equal for every regime, count and seed."""
    return {
        cell: [
            TrialRecord(number, {}, {"policy": {"result": base if cell.variant == "base" else ours}}, "commit")
            for number, (base, ours) in enumerate(results)
        ]
        for cell in CELLS
    }


RESULTS = trials([("safety_stop", "success"), ("localisation", "success"), ("success", "success"), ("slip", "slip")])


def test_the_control_is_tried_in_zero_alone():
    wanted = rows(CONFIG)
    assert ("zero", "shuffled", None) in wanted and ("co", "shuffled", None) not in wanted
    assert [row for row in wanted if row[0] == "few"] == [("few", "base", None), ("few", "lab", None)]
    assert [row for row in wanted if row[2] == 9] == [("zero", "base", 9), ("zero", "lab", 9)]


def test_rates_and_failures_by_hand():
    found = {tuple(line[1:4]): line for line in lines("in_domain", RESULTS, CONFIG)}
    base, ours = found["zero", "all", "base"], found["zero", "all", "LACE (lab)"]
    assert base[4].startswith("25.0 %") and base[4].endswith("2 of 8") and base[5:8] == ["2", "2", "2"]
    assert ours[4].startswith("75.0 %") and ours[5:8] == ["0", "0", "2"]
    assert base[8] == "25.0 to 25.0" and (base[9], ours[9]) == ("5 % of 20", "60 % of 20")
    assert found["zero", "9", "base"][9] == ""


def test_pairs_are_on_the_same_trials_seed_by_seed():
    cells = [cells for _key, _seed, _pair, cells in pairs("in_domain", RESULTS, CONFIG)]
    zero = [line for line in cells if line[1:4] == ["zero", "all", "LACE (lab) - base"]]
    assert [line[4] for line in zero] == ["0", "1"]
    # Two trials only LACE wins, none only base: exact two-sided p = 2 / 4.
    assert zero[0][5:] == ["+50.0 points", "2", "0", "0.5"]
    row = next(
        row for row in values("in_domain", RESULTS, CONFIG) if row["regime"] == "zero" and row["variant"] == "lab"
    )
    assert row["success by seed"] == [0.75, 0.75] and row["against base, by seed"][1]["p_value"] == 0.5


def test_a_gained_and_a_lost_trial_are_filmed_for_both():
    chosen = _telling(RESULTS, ("base", "lab"))
    assert _telling(RESULTS, ("base",)) == {}
    assert chosen == {Cell("zero", "base", 0): (0, 3), Cell("zero", "lab", 0): (0, 3)}


@pytest.mark.parametrize(("cameras", "setups"), [(0, 0), (2, 2)])
def test_trials_are_seen_by_the_study_s_cameras(tmp_path, cameras, setups):
    (tmp_path / "study.json").write_text(json.dumps({"config": {"cameras": cameras, "image_size": 64}}))
    config = SuccessTableConfig(study=tmp_path, out=tmp_path / "out")
    near, far = (simulation(setting, Path("a/policy"), config) for setting in ("in_domain", "ood_env"))
    assert near.axes.camera == far.axes.camera and near.axes.camera.setups == setups
    assert (near.axes.clutter.count, far.axes.clutter.count) == ((0, 0), (1, 1))
    assert (near.width, near.seed, near.trials) == (64, far.seed, 300) and near.out != far.out


def test_an_unknown_setting_is_refused(tmp_path, capsys):
    command = ["tables", "success", "--study", str(tmp_path), "--out", str(tmp_path / "out"), "--settings", "moon"]
    assert lace(command) == 2
    assert "moon" in capsys.readouterr().err
