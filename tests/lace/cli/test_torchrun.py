"""`torchrun` with two processes on gloo gives the result of one, up to rounding: gradient sums have another order."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests import ROOT
from tests.demonstrations import make_demonstrations
from tests.synthetic import make_dataset

pytestmark = pytest.mark.slow
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "lace.cli")
ALONE = (sys.executable, "-m", "lace.cli")
TINY = ("--backbone", "tiny", "--device", "cpu", "--image-size", "64")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {
        f"{path.name}:{key}": value for path in folder.glob("*.safetensors") for key, value in load_file(path).items()
    }


def both(words: list[str], tmp_path: Path, result: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Weights that one process and two have written."""
    found = []
    for name, program in {"one": ALONE, "two": TORCHRUN}.items():
        command, environment = [*program, *words, "--out", str(tmp_path / name)], os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=800)
        assert done.returncode == 0, done.stdout + done.stderr
        found.append(weights(tmp_path / name / result))
    return found[0], found[1]


def assert_same_result(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> None:
    assert one and one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(
            two[name], value, atol=2e-4, rtol=1e-3, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_finetune(tmp_path):
    for seed, name in enumerate(("robot", "human")):
        make_dataset(tmp_path / name, frames=6, size=64, seed=seed, human=name == "human")
    data = ["--robot", str(tmp_path / "robot"), "--human", str(tmp_path / "human"), "--augmented", "8"]
    words = ["finetune", *data, *TINY, "--iterations", "3", "--batch", "4"]
    one, two = both(words, tmp_path, "backbone")
    assert_same_result(one, two)
    assert (tmp_path / "two" / "report.html").is_file()


def test_policy_training(tmp_path):
    make_demonstrations(tmp_path / "human", 2, human=True)
    steps = ["--head", "probe", "--fit.iterations", "3", "--fit.batch", "4"]
    one, two = both(["policy", "train", "--human", str(tmp_path / "human"), *TINY, *steps], tmp_path, "policy")
    assert_same_result(one, two)
