"""The GPU check: every stage runs at its smallest size on a CPU, one JSON, a stage that fails is named."""

import json
import subprocess
import sys

import pytest

from benchmarks import cuda
from tests import ROOT


def check(*words, timeout=1500):
    command = [sys.executable, "-m", "benchmarks.cuda", "--tiny", "--patience", "20", *map(str, words)]
    command += ["--device", "cpu"] * ("--device" not in words)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


def test_all_stages_fit_eight_minutes_in_their_order():
    assert list(cuda.STAGES) == list(cuda.LIMITS_S) == ["pictures", "frames", "grasps", "lace", "policy"]
    assert sum(cuda.LIMITS_S.values()) <= 480


def test_learning_stages_run_on_a_cpu(tmp_path):
    done = check("--out", tmp_path / "cuda.json", "--stages", "lace", "policy")
    assert done.returncode == 0, done.stdout + done.stderr
    stages = json.loads((tmp_path / "cuda.json").read_text())["stages"]
    assert stages["lace"]["steps_per_s"] > 0 and stages["lace"]["cosine_with_fp32"] == pytest.approx(1, abs=1e-6)
    assert 0 < stages["lace"]["share_of_bound"] and stages["lace"]["peak_GiB"] > 0.01
    assert stages["policy"]["Fit on stored features"] > 0 and "lace: {" in done.stdout


@pytest.mark.slow
def test_simulation_stages_run_on_a_cpu(tmp_path):
    done = check("--out", tmp_path / "cuda.json", "--stages", "pictures", "frames", "grasps", timeout=3000)
    assert done.returncode == 0, done.stdout + done.stderr
    stages = json.loads((tmp_path / "cuda.json").read_text())["stages"]
    assert stages["pictures"]["segments_equal"] == 1 and stages["pictures"]["colour_levels_mean"] == 0
    assert stages["frames"]["end_to_end_frames_per_s"] > 0 and "4" in stages["frames"]["by_worlds"]
    assert stages["grasps"]["trials"] >= 1 and set(stages["grasps"]["held"]) == {"mujoco", "isaac"}


def test_a_stage_that_fails_is_named_and_written(tmp_path):
    done = check("--device", "nothing", "--stages", "lace", "--out", tmp_path / "x.json")
    assert done.returncode == 1 and "failed: lace" in done.stdout
    assert "code 1" in json.loads((tmp_path / "x.json").read_text())["stages"]["lace"]["error"]
