"""Rollouts as a LeRobot dataset: sampling, crash safety, resuming, and one real demonstration."""

import json
import multiprocessing
import os
import signal
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from lerobot.datasets.lerobot_dataset import LeRobotDataset

from lace.cli import main as cli
from lace.core.errors import DatasetError, InvalidValueError
from lace.data.verify import verify_dataset
from policies.outcome import Outcome, Phase, Result
from sim_envs.rollouts.config import RolloutsConfig
from sim_envs.rollouts.episode import Episode, sampled
from sim_envs.rollouts.folder import join_steps, joined_parts
from sim_envs.rollouts.lerobot_files import STATS, read_facts
from sim_envs.rollouts.run import run
from tests.synthetic import make_frame

JOINTS, SIZE = 3, 32


class MadeUp:
    """Implements Demonstrator: every third trial fails; images and states are functions of the trial's number."""

    embodiment = SimpleNamespace(name="made_up", joints=range(JOINTS), joint_names=tuple("abc"))

    def __init__(self, config, deadly=-1):
        self.config, self.deadly = config, deadly

    def episodes(self, trials):
        return [self.episode(number) for number in trials]

    def episode(self, number):
        record = SimpleNamespace(
            index=number,
            seed=0,
            attempt=0,
            room="lab",
            K=np.eye(3),
            T_world_cam=np.eye(4),
            draws={"light.azimuth_deg": number},
            objects=[{"object": "dinosaur", "role": "target"}],
        )
        trial = SimpleNamespace(index=number, record=record, physics=SimpleNamespace(table_z=0.0, objects=()))
        result = Result.SLIP if number % 3 == 2 else Result.SUCCESS
        q = number + np.arange(4 + number)[:, None] * np.ones(JOINTS)
        return Episode(trial, Outcome(result, Phase.DONE, ""), q, q + 1, np.tile(np.eye(4), (len(q), 1, 1, 1)))

    def draw(self, episode, first_index):
        if episode.trial.index == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.full((len(episode.actions), SIZE, SIZE, 3), 10 * episode.trial.index + 20, np.uint8), []

    def close(self):
        pass


class Labelled(MadeUp):
    """Also gives one labelled frame an episode."""

    def draw(self, episode, first_index):
        images, _none = super().draw(episode, first_index)
        frame = make_frame(episode.trial.index)
        return images, [replace(frame, index=first_index, draws=frame.draws | {"sensor.jpeg_quality": 90})]


def config_in(tmp_path, **changes):
    return RolloutsConfig(
        out=tmp_path / "out", trials=7, part_trials=2, width=SIZE, height=SIZE, video=False, **changes
    )


def content(config):
    """All data that lerobot reads from a run's dataset, frame by frame."""
    root = config.out / "dataset"
    dataset = LeRobotDataset("local/rollouts", root=root, video_backend="pyav")
    rows = [{name: np.asarray(value).tolist() for name, value in dataset[i].items()} for i in range(len(dataset))]
    return rows, read_facts(root)


@pytest.mark.parametrize("keep", [False, True])
def test_episodes_are_whole_and_in_order(tmp_path, keep):
    config = config_in(tmp_path, keep_failures=keep)
    counts = run(config, MadeUp)
    assert counts == {Result.SUCCESS: 5, Result.SLIP: 2}
    rows, facts = content(config)
    kept = [number for number in range(7) if keep or number % 3 != 2]
    assert [row["trial"] for row in facts] == kept
    assert [row["episode_index"] for row in facts] == list(range(len(kept)))
    assert len(rows) == sum(4 + number for number in kept)
    for episode, number in enumerate(kept):
        mine = [row for row in rows if row["episode_index"] == episode]
        assert [row["observation.state"][0] for row in mine] == list(range(number, number + 4 + number))
        assert [row["timestamp"] for row in mine] == pytest.approx([k / config.fps for k in range(4 + number)])
        assert np.allclose(np.mean(mine[0]["observation.images.front"]) * 255, 10 * number + 20)
        assert [row["next.done"] for row in mine] == [False] * (3 + number) + [True]
        assert sum(row["next.reward"] for row in mine) == facts[episode]["success"] == (number % 3 != 2)


def run_and_die(config):
    run(config, lambda it: MadeUp(it, deadly=4))


def test_a_killed_run_leaves_a_dataset_that_opens_and_resumes(tmp_path):
    whole, broken = (
        config_in(tmp_path / "whole", keep_failures=True),
        config_in(tmp_path / "broken", keep_failures=True),
    )
    child = multiprocessing.get_context("fork").Process(target=run_and_die, args=(broken,))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    rows, _facts = content(broken)
    assert {row["episode_index"] for row in rows} == {0, 1, 2, 3}
    run(broken, MadeUp)
    run(whole, MadeUp)
    assert content(broken) == content(whole)
    assert not list(broken.out.glob("parts/*.part"))
    assert len(list(broken.out.glob(".dataset-*"))) == 1


def files(config):
    """Bytes of every data file of a run's joined results."""
    roots = (config.out / "dataset", config.out / "frames")
    return {
        path.relative_to(config.out).as_posix(): path.read_bytes()
        for root in roots
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix != ".png"
    }


def test_two_processes_and_parts_give_the_same_bytes(tmp_path):
    alone, paired, divided = (config_in(tmp_path / name, frames=True) for name in ("alone", "paired", "divided"))
    run(alone, Labelled)
    counts = run(replace(paired, workers=2), Labelled)
    assert counts == {Result.SUCCESS: 5, Result.SLIP: 2}
    shares = [run(replace(divided, part=f"{k}/3"), Labelled) for k in (3, 1)]
    assert not (divided.out / "dataset").exists(), "it is joined when no part is missing"
    shares.append(run(replace(divided, part="2/3"), Labelled))
    assert sum(shares, Counter()) == counts
    assert files(alone) and files(alone) == files(paired) == files(divided)
    assert content(alone) == content(paired) == content(divided)
    for root in (alone.out / "dataset", *alone.out.glob("parts/*/dataset")):
        names = list(json.loads((root / STATS).read_text()))
        assert len(names) > 5 and names == sorted(names), "lerobot gives the order of a set"
    report = verify_dataset(alone.out / "frames")
    assert report.n_frames == 5 and not [problem for problem in report.problems if problem.check == "indices"]


def test_joining_takes_steps_that_grow_with_what_is_joined():
    assert list(join_steps(3)) == [1, 2, 3] and list(join_steps(0)) == []
    steps = list(join_steps(1000))
    assert steps[-1] == 1000 and len(steps) < 40 and steps == sorted(set(steps))


def test_a_finished_run_may_be_made_longer(tmp_path):
    config = config_in(tmp_path)
    run(replace(config, trials=4), MadeUp)
    assert joined_parts(config.out) == 2
    run(config, MadeUp)
    assert [row["trial"] for row in content(config)[1]] == [0, 1, 3, 4, 6]


def test_another_configuration_is_refused(tmp_path):
    run(config_in(tmp_path), MadeUp)
    with pytest.raises(DatasetError, match="other values: fps"):
        run(config_in(tmp_path, fps=10), MadeUp)
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "photo.jpg").write_bytes(b"")
    with pytest.raises(DatasetError, match="is not rollouts"):
        run(replace(config_in(tmp_path), out=tmp_path / "else"), MadeUp)


@pytest.mark.parametrize("fps", [5, 60])
def test_a_rate_out_of_range_is_refused(tmp_path, fps):
    with pytest.raises(InvalidValueError, match="10 to 30"):
        config_in(tmp_path, fps=fps)


@pytest.mark.parametrize("fps", [10, 20, 25, 30])
def test_states_and_actions_are_those_of_their_times(fps):
    """A joint that moves with time: states are k / fps to half a step, actions lie one step before the next frame."""
    step, count = 0.004, 500
    times = step * np.arange(1, count + 1)
    start = SimpleNamespace(joint_positions=np.zeros(1), objects=[SimpleNamespace(T_world_object=np.eye(4))])
    motion = SimpleNamespace(
        joint_positions=times[None, :, None], T_world_object=np.tile(np.eye(4), (1, count, 1, 1, 1))
    )
    cell = SimpleNamespace(
        trial=SimpleNamespace(physics=start), motions=[motion], targets=[times[:, None]], timestep_s=step
    )
    episode = sampled(cell, Outcome(Result.SLIP, Phase.DONE, ""), fps)
    frames = np.arange(len(episode.actions))
    assert len(frames) == int(count * step * fps) + 1
    assert np.abs(episode.joint_positions[:, 0] - frames / fps).max() <= step / 2 + 1e-9
    assert np.abs(episode.actions[:-1, 0] - (frames[:-1] + 1) / fps).max() <= step / 2 + 1e-9


def test_a_real_demonstration(tmp_path, capsys):
    out = tmp_path / "out"
    options = [
        "--trials",
        "1",
        "--width",
        "96",
        "--height",
        "96",
        "--fps",
        "10",
        "--preset",
        "clean",
        "--frames",
        "--keep-failures",
    ]
    assert cli.main(["generate", "rollouts", "--out", str(out), *options]) == 0
    assert "1 episodes in" in capsys.readouterr().out
    dataset = LeRobotDataset("local/rollouts", root=out / "dataset", video_backend="pyav")
    frames = [dataset[i] for i in range(len(dataset))]
    facts = read_facts(out / "dataset")[0]
    assert len(frames) > 30
    assert facts["draws"]["camera.distance_m"] > 0 and facts["masses_kg"]["target"] > 0
    if facts["success"]:
        height = [float(frame["observation.environment_state"][2]) for frame in frames]
        assert height[-1] - height[0] > 0.05
    q, action = (np.stack([frame[name].numpy() for frame in frames]) for name in ("observation.state", "action"))
    lag = 1.5 * 200 / 2000  # fastest joint [rad/s] times damping over stiffness
    assert np.abs(action[:-1, :7] - q[1:, :7]).max() < 1.2 * lag, "the arm is where it was told to be"
    report = verify_dataset(out / "frames")
    assert report.n_frames == len(frames) and {problem.check for problem in report.problems} <= {"repeated", "in_view"}
    assert json.loads((out / "rollouts.json").read_text())["config"]["fps"] == 10
