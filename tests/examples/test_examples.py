"""Every file of examples/ runs as its docstring says and is short."""

import runpy
import sys
from functools import partial

import pytest

from assets.robots import ROBOTS
from lace.data.dataset import FrameDataset
from policies import POLICIES
from sim_envs.bodies.registry import BODIES
from sim_envs.bodies.robot.body import RobotBody
from tests import ROOT
from tests.synthetic import make_dataset

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(monkeypatch, name: str, *args: object, start: str = "__main__") -> dict:
    """Runs an example as a user does, in this process; returns its global names."""
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


def test_generating_frames(monkeypatch, tmp_path, capsys):
    main = run(monkeypatch, "generate_frames.py", start="example")["main"]
    assert len(main(tmp_path / "frames", frames=3, size=64, preset="clean")) == 3
    assert "frame 0 shows xarm7_leap in the studio" in capsys.readouterr().out


def test_a_custom_embodiment(monkeypatch, tmp_path):
    monkeypatch.setattr(ROBOTS, "_items", dict(ROBOTS._items))  # the example's registrations are removed after the test
    example = run(monkeypatch, "custom_embodiment.py", start="example")
    monkeypatch.setattr(BODIES, "_items", BODIES._items | {"rod": partial(RobotBody, "rod")})
    assert example["main"](tmp_path / "rod", frames=2, size=64) == 0
    assert FrameDataset(tmp_path / "rod")[0].embodiment == "rod"


def test_a_custom_policy(monkeypatch, tmp_path):
    monkeypatch.setattr(POLICIES, "_items", dict(POLICIES._items))
    results = run(monkeypatch, "custom_policy.py", start="example")["main"](tmp_path / "green", trials=2)
    assert set(results["policies"]) == {"green", "oracle"}


def test_filming_a_trial(monkeypatch, tmp_path):
    films = run(monkeypatch, "film_trial.py", start="example")["main"](tmp_path / "film")
    assert len(films) == 1 and films[0].stat().st_size > 10_000


def test_aligning_and_evaluating(monkeypatch, tmp_path):
    robot, human = tmp_path / "robot", tmp_path / "human"
    make_dataset(robot)
    make_dataset(human, seed=1, human=True)
    align = run(monkeypatch, "align_two_folders.py", start="example")["main"]
    backbone = align(robot, human, tmp_path / "lace", backbone="tiny", steps=2)
    make_dataset(robot := tmp_path / "robot_test", seed=2)
    make_dataset(human := tmp_path / "human_test", seed=3, human=True)
    evaluate = run(monkeypatch, "evaluate_alignment.py", start="example")["main"]
    assert evaluate(robot, human, tmp_path / "evaluated", str(backbone), images=4, size=64)


def test_the_environment_steps(monkeypatch, capsys):
    main = run(monkeypatch, "gym_env.py", start="example")["main"]
    main(steps=2, preset="clean", observations=("state",), physics="mujoco")
    assert "sum of rewards" in capsys.readouterr().out
