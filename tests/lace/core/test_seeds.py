"""Any integer is a seed, everywhere: negative ones and those above 2**64 too."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch

from lace.alignment.config import TrainConfig
from lace.core.draws import Draws, generator, seed64
from lace.core.limits import check_numbers
from sim_envs.config.axes import Axes, RoomAxis
from sim_envs.config.scene import SceneConfig

ROOT = Path(__file__).parents[3]
FILES = [
    path
    for package in ("lace", "assets", "policies", "sim_envs", "real_bridge")
    for path in sorted((ROOT / package).rglob("*.py"))
]
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
SEEDS = (-1, -(2**63) - 5, 0, 2**63, 2**64 + 7, 10**400)


def without_seed64(tree: ast.AST) -> list[int]:
    """Lines in which NumPy or torch is given a seed that is neither a constant nor the answer of `seed64`."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("default_rng", "manual_seed", "SeedSequence", "RandomState", "manual_seed_all")
        and "seed64" not in ast.unparse(node)
        and not all(isinstance(argument, ast.Constant) for argument in node.args)
    ]


def limited_seeds(tree: ast.AST) -> list[int]:
    """Lines of fields that hold a seed and refuse some integers."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id.rpartition("_")[2] in ("seed", "seeds")
        and "int" in ast.unparse(node.annotation)
        and "Within" in ast.unparse(node.annotation)
    ]


ALLOWED = {
    "assets/humans/sleeve.py": "numbers of its own, no user's seed",
    "policies/fit.py": "hashes the 64-bit seed with step and rank before",
}


@pytest.mark.parametrize("law", [without_seed64, limited_seeds])
def test_no_file_takes_only_some_seeds(law):
    found = {file: lines for file, tree in TREES.items() if (lines := law(tree)) and file not in ALLOWED}
    assert not found


def test_the_laws_find_what_they_forbid():
    bad = "def f(seed):\n    np.random.default_rng([seed, 1])\nclass A:\n    seed: Annotated[int, Within(0)] = 0"
    assert without_seed64(ast.parse(bad)) == [2] and limited_seeds(ast.parse(bad)) == [4]


@pytest.mark.parametrize("seed", SEEDS)
def test_any_integer_is_a_seed(seed):
    check_numbers(SceneConfig(seed=seed, axes=Axes(room=RoomAxis(seed=seed))))
    check_numbers(TrainConfig(seed=seed))
    same = seed % 2**64
    assert generator(seed, 3).random() == generator(same, 3).random() == generator(seed + 2**64, 3).random()
    assert Draws(seed, [0]).unit("a")[0, 0] == Draws(same, [0]).unit("a")[0, 0]
    draw = [torch.rand(1, generator=torch.Generator().manual_seed(seed64(s))) for s in (seed, same)]
    assert draw[0] == draw[1]


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**63 - 1])
def test_usual_seeds_are_taken_as_they_are(seed):
    assert seed64(seed) == seed
    assert generator(seed, 5).random() == np.random.default_rng([seed, 5]).random()


def test_different_seeds_draw_differently():
    assert len({float(Draws(seed, [0]).unit("a")[0, 0]) for seed in (-1, 0, 1, 2**63, 2**64 + 7)}) == 5
