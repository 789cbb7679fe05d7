"""The GPU check: every stage runs at its smallest size on a CPU, one JSON, a stage that fails is named."""

import argparse
import json
import subprocess
import sys

import pytest

from benchmarks import cuda
from tests import ROOT

TINY = argparse.Namespace(device="cpu", tiny=True)


def test_all_stages_fit_eight_minutes_in_their_order():
    assert list(cuda.STAGES) == list(cuda.LIMITS_S) == ["pictures", "frames", "grasps", "lace", "policy"]
    assert sum(cuda.LIMITS_S.values()) <= 480


def test_lace_is_measured_on_a_cpu():
    found = cuda.lace(TINY)
    assert found["steps_per_s"] > 0 and found["cosine_with_fp32"] == pytest.approx(1, abs=1e-6)
    assert found["share_of_bound"] > 0 and found["peak_GiB"] > 0.01


def test_policy_training_is_measured_on_a_cpu():
    assert cuda.policy(TINY)["Fit on stored features"] > 0


@pytest.mark.slow
def test_every_stage_runs_on_a_cpu_by_the_command(tmp_path):
    words = ["--tiny", "--device", "cpu", "--patience", "20", "--out", str(tmp_path / "cuda.json")]
    command = [sys.executable, "-m", "benchmarks.cuda", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3000, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    stages = json.loads((tmp_path / "cuda.json").read_text())["stages"]
    assert list(stages) == list(cuda.STAGES) and "lace: {" in done.stdout
    assert stages["pictures"]["segments_equal"] == 1 and stages["pictures"]["colour_levels_mean"] == 0
    assert stages["frames"]["end_to_end_frames_per_s"] > 0 and "4" in stages["frames"]["by_worlds"]
    assert stages["grasps"]["trials"] >= 1 and set(stages["grasps"]["held"]) == {"mujoco", "isaac"}


@pytest.mark.parametrize(
    ("program", "patience", "told"),
    [("echo started; exit 3", "1", "it ended with code 3"), ("exec sleep 60", "0.005", "longer than 100 s")],
)
def test_a_stage_that_fails_or_hangs_is_named_and_written(tmp_path, monkeypatch, capsys, program, patience, told):
    stage = tmp_path / "stage"
    stage.write_text(f"#!/bin/sh\n{program}\n")
    stage.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stage))
    out = tmp_path / "x.json"
    monkeypatch.setattr(sys, "argv", ["cuda", "--stages", "lace", "--patience", patience, "--out", str(out)])
    assert cuda.main() == 1 and "failed: lace" in capsys.readouterr().out
    found = json.loads(out.read_text())["stages"]["lace"]
    assert found["error"] == told and not found["good"]
