"""The table of success: rows, rates, pairs and the evaluation scenes; no simulator runs here."""

import json
from pathlib import Path

import pytest

from lace.cli.main import main as lace
from policies.tables.policy import Cell
from policies.trials.records import TrialRecord
from sim_envs.study.success import SuccessTableConfig, lines, pairs, rows, simulation

CONFIG = SuccessTableConfig(study=Path("study"), out=Path("out"), seeds=(0, 1), trials=4)
BUNDLES = {
    Cell(regime, name, seed): Path(f"{regime}-{name}-{seed}")
    for regime in ("zero", "few", "co")
    for name in ("base", "lab", "shuffled")
    for seed in (0, 1)
}


def trials(results):
    """One record per trial: (results of base, of the others) by name of `Result`, equal for every regime and seed."""
    made = []
    for number, (base, ours) in enumerate(results):
        outcomes = {str(path): {"result": base if cell.variant == "base" else ours} for cell, path in BUNDLES.items()}
        made.append(TrialRecord(number, {}, outcomes, "commit"))
    return made


RESULTS = trials([("safety_stop", "success"), ("localisation", "success"), ("success", "success"), ("slip", "slip")])


def test_the_control_is_tried_in_zero_alone():
    wanted = rows(CONFIG)
    assert ("zero", "shuffled") in wanted and ("co", "shuffled") not in wanted
    assert [row for row in wanted if row[0] == "few"] == [("few", "base"), ("few", "lab")]


def test_rates_and_failures_by_hand():
    found = {tuple(line[1:3]): line for line in lines("in_domain", RESULTS, BUNDLES, CONFIG)}
    base, ours = found["zero", "base"], found["zero", "LACE (lab)"]
    assert base[3].startswith("25.0 %") and base[3].endswith("2 of 8") and base[4:7] == ["2", "2", "2"]
    assert ours[3].startswith("75.0 %") and ours[4:7] == ["0", "0", "2"]
    assert base[7] == "25.0 to 25.0" and (base[8], ours[8]) == ("5 % of 20", "60 % of 20")


def test_pairs_are_on_the_same_trials_seed_by_seed():
    found = pairs("in_domain", RESULTS, BUNDLES, CONFIG)
    zero = [line for line in found if line[1] == "zero" and line[2] == "LACE (lab) - base"]
    assert [line[3] for line in zero] == ["0", "1"]
    # Two trials only LACE wins, none only base: exact two-sided p = 2 / 4.
    assert zero[0][4:] == ["+50.0 points", "2", "0", "0.5"]


@pytest.mark.parametrize(("cameras", "setups"), [(0, 0), (2, 2)])
def test_trials_are_seen_by_the_study_s_cameras(tmp_path, cameras, setups):
    (tmp_path / "study.json").write_text(json.dumps({"config": {"cameras": cameras, "image_size": 64}}))
    config = SuccessTableConfig(study=tmp_path, out=tmp_path / "out")
    near, far = (simulation(setting, [Path("a")], config) for setting in ("in_domain", "ood_env"))
    assert near.axes.camera == far.axes.camera and near.axes.camera.setups == setups
    assert (near.axes.clutter.count, far.axes.clutter.count) == ((0, 0), (1, 1))
    assert (near.width, near.seed, near.trials) == (64, far.seed, 300) and near.out != far.out


def test_an_unknown_setting_is_refused(tmp_path, capsys):
    command = ["tables", "success", "--study", str(tmp_path), "--out", str(tmp_path / "out"), "--settings", "moon"]
    assert lace(command) == 2
    assert "moon" in capsys.readouterr().err
