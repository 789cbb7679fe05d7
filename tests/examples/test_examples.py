"""Every file of examples/ runs as its docstring says, and stays short."""

import runpy
import sys

import pytest

from tests import ROOT
from tests.synthetic import make_dataset

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(monkeypatch, name: str, *args: object, start: str = "__main__") -> dict:
    """Runs an example as a user does, in this process; its names."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, args)])
    return runpy.run_path(str(ROOT / "examples" / name), run_name=start)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_short_and_say_how_to_run_them(path):
    text = path.read_text()
    assert len(text.splitlines()) < 50
    assert f"python examples/{path.name}" in text.split('"""')[1]


def test_reading_a_dataset(monkeypatch, tmp_path, capsys):
    folder = tmp_path / "frames"
    make_dataset(folder)
    run(monkeypatch, "read_dataset.py", folder)
    said = capsys.readouterr().out
    assert "thumb tip at" in said and "pandas: " in said and "torch: images (4, 3," in said


def test_the_environment_steps(monkeypatch, capsys):
    main = run(monkeypatch, "gym_env.py", start="example")["main"]
    main(steps=2, preset="clean", observations=("state",), physics="mujoco")
    assert "sum of rewards" in capsys.readouterr().out
