"""`lace compare`: measures computed by hand, properties, and the report where no comparison is possible."""

import json

import cv2
import numpy as np
import pytest

from lace.core.errors import DatasetError, InvalidValueError
from policies import make_policy
from policies.outcome import PlanRefused
from policies.policy import Observation
from policies.trials.compare import CompareConfig, main, mmrv


def results(folder, **counts):
    folder.mkdir()
    policies = {name: {"success": {"successes": won, "n": n}} for name, (won, n) in counts.items()}
    (folder / "results.json").write_text(json.dumps({"policies": policies}))
    return folder


def test_a_right_order_violates_no_rank_and_a_wrong_one_by_its_real_gap():
    assert mmrv(np.array([0.2, 0.5, 0.9]), np.array([0.1, 0.3, 0.6])) == 0
    # the simulation swaps the second and third policy, whose true difference is 0.3: (0 + 0.3 + 0.3) / 3
    assert mmrv(np.array([0.2, 0.9, 0.5]), np.array([0.1, 0.3, 0.6])) == pytest.approx(0.2)


def test_folders_of_one_policy_are_pooled_and_intervals_compared(tmp_path, capsys):
    sim = results(tmp_path / "sim", oracle=(90, 100), frozen=(0, 100), unused=(5, 10))
    real = (results(tmp_path / "a", oracle=(8, 10)), results(tmp_path / "b", oracle=(9, 10), frozen=(4, 10)))
    assert main(CompareConfig(sim, real, tmp_path / "out")) == 0
    found = json.loads((tmp_path / "out" / "compare.json").read_text())
    rows = {row["policy"]: row for row in found["policies"]}
    assert set(rows) == {"oracle", "frozen"}
    assert rows["oracle"]["real"]["successes"] == 17
    assert rows["oracle"]["overlap"]
    assert not rows["frozen"]["overlap"]
    assert found["pearson"] == pytest.approx(1)  # two points lie on a line
    assert found["mmrv"] == 0
    assert cv2.imread(str(tmp_path / "out" / "compare.png")).shape[0] > 300
    assert "overlap" in capsys.readouterr().out


def test_nothing_in_common_is_an_error_and_one_policy_has_no_correlation(tmp_path, capsys):
    sim, real = results(tmp_path / "sim", oracle=(9, 10)), results(tmp_path / "real", frozen=(0, 10))
    with pytest.raises(DatasetError, match="a policy that both ran"):
        main(CompareConfig(sim, (real,), tmp_path / "out"))
    assert main(CompareConfig(sim, (sim,), tmp_path / "out")) == 0
    assert "need two policies" in capsys.readouterr().out


def test_the_colour_policy_finds_blobs_and_says_when_there_are_none():
    image = np.full((80, 80, 3), 120, np.uint8)
    cv2.rectangle(image, (10, 20), (19, 29), (40, 160, 60), -1)
    cv2.rectangle(image, (50, 40), (59, 49), (115, 75, 20), -1)  # the hand's orange at half the brightness
    seen = Observation(image, None, np.zeros(2), 0.0, 0.0)
    points = make_policy("colour:28a03c/e69628").predict(seen)
    assert points.target == pytest.approx([15, 25])
    assert points.end_effector == pytest.approx([55, 45])
    with pytest.raises(PlanRefused, match="the target"):
        make_policy("colour:ff0000/e69628").predict(seen)
    with pytest.raises(InvalidValueError, match="hexadecimal"):
        make_policy("colour:red")
