"""Every command with --ray gives on a Ray cluster of this machine the bytes that it gives in one process."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.kill_cases import CASES, prepare_case, words_of
from lace.cli.main import main as lace
from lace.core.workers import WORKER_OPTIONS
from tests.demonstrations import make_study

pytestmark = pytest.mark.slow
ray_pool = pytest.importorskip("lace.core.ray_pool")
MADE = {
    "generate robot": "shards/*",
    "generate human": "shards/*",
    "generate rollouts": "parts/*/part.json",
    "generate study": "*/*/shards/*",
    "simulate": "trials/*",
}
"""Command of `kill_cases` -> its results."""


@pytest.fixture(scope="module")
def cluster():
    torch.set_num_threads(1)  # as in Ray's workers: sums of more threads round differently
    with ray_pool.connected("local", 2):
        yield


def results(out: Path, pattern: str) -> dict[str, bytes]:
    files = {path.relative_to(out).as_posix(): path for path in out.glob(pattern) if path.is_file()}
    return {name: path.read_bytes().replace(bytes(out), b"OUT") for name, path in files.items()}


def same_on_ray(words: list[str], out: Path, pattern: str) -> None:
    """Runs the command in one process and on the cluster; `words` has OUT for its folder."""
    for name, more in {"one": [], "ray": ["--ray", "auto"]}.items():
        folder = str(out / name)
        assert lace([word.replace("OUT", folder) for word in words] + more) == 0
    found = [results(out / name, pattern) for name in ("one", "ray")]
    assert found[0] and found[0].keys() == found[1].keys()
    assert [name for name in found[0] if found[0][name] != found[1][name]] == []


def test_every_option_of_workers_is_one_that_changes_no_result():
    assert set(WORKER_OPTIONS) == {"workers", "ray", "task_cpus", "task_gpus"}


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_in_parts(name, cluster, inputs, tmp_path):
    assert name in CASES
    prepare_case(name, inputs)
    words = [word.replace(str(tmp_path / "x"), "OUT") for word in words_of(name, inputs, tmp_path / "x")]
    same_on_ray(words, tmp_path, MADE[name])


def test_the_tables_of_alignment_by_row(cluster, inputs, tmp_path):
    prepare_case("tables alignment", inputs)
    words = words_of("tables alignment", inputs, tmp_path / "x")
    same_on_ray([word.replace(str(tmp_path / "x"), "OUT") for word in words], tmp_path, "table-1/table.json")


@pytest.mark.parametrize("table", ["probes", "policy"])
def test_the_tables_of_a_study_by_row(table, cluster, tmp_path):
    study = make_study(tmp_path / "study")
    words = ["tables", table, "--study", str(study), "--out", "OUT", "--backbone", "tiny", "--image-size", "64"]
    words += ["--device", "cpu", "--fit.iterations", "3", "--fit.batch", "4", "--variants", "base", "masked"]
    words += ["--head", "probe", "--regimes", "zero"] if table == "policy" else []
    number = {"probes": 2, "policy": 7}[table]
    for name, more in {"one": [], "ray": ["--ray", "auto"]}.items():
        assert lace([word.replace("OUT", str(tmp_path / name)) for word in words] + more) == 0
    found = [json.loads((tmp_path / name / f"table-{number}" / "table.json").read_text()) for name in ("one", "ray")]
    assert found[0]["rows"] == found[1]["rows"]
