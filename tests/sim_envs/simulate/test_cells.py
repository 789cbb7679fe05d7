"""`lace simulate` with the real simulated cell: few trials, small images."""

import json
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest

from lace.core.errors import InvalidValueError
from lace.core.files import publish_bytes
from policies.outcome import Phase, Result
from policies.trials.records import BLOCK, film_path, frame_path, read_block
from sim_envs.config.axes import ClutterAxis, HandAxis
from sim_envs.config.presets import PRESETS
from sim_envs.simulate import command, film, film_files, opening
from sim_envs.simulate.cells import CellTrials
from sim_envs.simulate.config import SimulateConfig

TRIALS, SIZE = BLOCK + 2, 128
POLICIES = ("oracle", "frozen")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    clean = PRESETS["clean"]
    room = replace(clean.room, layouts=1)
    axes = replace(clean, hand=HandAxis(poses=64), room=room, clutter=ClutterAxis(count=(0, 1), families=("apple",)))
    out = tmp_path_factory.mktemp("simulate") / "two"
    return SimulateConfig(
        out=out, policy=POLICIES, trials=TRIALS, seed=3, width=SIZE, height=SIZE, workers=2, axes=axes
    )


@pytest.fixture(scope="module")
def folder(config):
    """Output of a run in two processes."""
    assert command.main(config) == 0
    return config.out


@pytest.fixture(scope="module")
def trials(folder):
    return read_block(folder, 0) + read_block(folder, 1)


def test_neither_the_process_nor_the_order_changes_a_trial(config, folder, trials):
    maker = CellTrials(config)
    for numbers in ([TRIALS - 1, 2], [5]):
        for trial, jpeg in maker.run(numbers):
            assert trial.line() == trials[trial.trial].line()
            assert jpeg == frame_path(folder, trial.trial).read_bytes()
    maker.close()


def test_trials_through_a_camera_of_one_s_own(config, tmp_path):
    pose = [[0, -0.96, 0.28, 0.1], [-1, 0, 0, 0.02], [0, -0.28, -0.96, 1.1], [0, 0, 0, 1]]
    lens = {"K": [[612, 0, 320], [0, 612, 240], [0, 0, 1]], "distortion": [-0.2, 0.05], "width": 640, "height": 480}
    file = tmp_path / "front.json"
    file.write_text(json.dumps(lens | {"T_base_cam": pose}))
    axes = replace(config.axes, camera=PRESETS[config.preset].camera)
    seen = replace(config, out=tmp_path / "out", policy=("oracle",), trials=2, workers=1, camera=file, axes=axes)
    assert command.main(replace(seen, width=160, height=120, film=(0,))) == 0
    assert max(iio.imread(film_path(seen.out, 0, "oracle")).shape[1:]) == film.LONG_SIDE_PX
    rows = json.loads((tmp_path / "out" / "results.json").read_text())["breakdown"]["oracle"]
    assert not any(row["name"] == "camera distance [m]" for row in rows)
    pose[0][2], pose[2][2], pose[0][1], pose[2][1] = 0.8, -0.6, -0.6, -0.8  # over the table, and away from it
    file.write_text(json.dumps(lens | {"T_base_cam": pose}))
    with pytest.raises(InvalidValueError, match="sees no place of the workspace"):
        command.main(replace(seen, out=tmp_path / "other", width=160, height=120))


def test_the_oracle_grasps_and_frozen_does_not(folder):
    policies = json.loads((folder / "results.json").read_text())["policies"]
    assert policies["oracle"]["success"]["successes"] >= 0.8 * TRIALS
    assert policies["oracle"]["hit_rate"]["both"]["value"] == 1
    assert policies["frozen"]["success"]["successes"] == 0


def test_all_policies_meet_the_same_trial(trials):
    for trial in trials:
        truth = np.concatenate([trial.scene["truth"]["end_effector"], trial.scene["truth"]["target"]])
        seen = {name: outcome["predicted"] for name, outcome in trial.outcomes.items()}
        points = {name: np.concatenate([p["end_effector"], p["target"]]) for name, p in seen.items()}
        assert points["oracle"] == pytest.approx(truth, abs=1e-4)
        assert points["frozen"] == pytest.approx(SIZE / 2)


def test_a_success_is_a_lift(trials):
    for trial in trials:
        for outcome in trial.outcomes.values():
            won = outcome["result"] == Result.SUCCESS
            assert won == (outcome["reason"] == "")
            assert not won or (outcome["phase"] == Phase.DONE and outcome["lifted_mm"] > 50)


def test_a_film_shows_what_was_recorded_and_changes_no_result(config, folder, monkeypatch):
    monkeypatch.setattr(film, "LONG_SIDE_PX", SIZE)
    monkeypatch.setattr(film, "EVERY", 4)
    before = (folder / "results.json").read_bytes()
    assert command.main(replace(config, film=(0,), workers=1)) == 0
    assert (folder / "results.json").read_bytes() == before
    pictures = iio.imread(film_path(folder, 0, "oracle"))
    assert pictures.shape[1:] == (SIZE, SIZE, 3)
    assert len(pictures) > 15
    first = iio.imread(folder / "frames" / "frame-00000.jpg").astype(float)
    near, far = (np.abs(pictures[i].astype(float) - first).mean() for i in (0, len(pictures) // 2))
    assert near < far
    report = (folder / "report.html").read_text()
    assert "data:video/mp4" in report and "deepest overlap" in report
    overlaps = json.loads(film_path(folder, 0, "oracle").with_suffix(".json").read_text())
    for kinds in overlaps.values():
        assert 0 < kinds["robot and target"] < 6, "it holds the target, and no finger passes through [mm]"
    monkeypatch.setattr(opening, "opened_cell", None)
    assert command.main(replace(config, film=(0,), workers=1)) == 0, "what is there opens no simulator"


def test_a_film_is_the_same_by_the_cell_that_ran_the_trial_and_by_a_new_one(config, tmp_path, monkeypatch):
    monkeypatch.setattr(film, "LONG_SIDE_PX", SIZE)
    monkeypatch.setattr(film, "EVERY", 12)
    opened = []
    monkeypatch.setattr(opening, "opened_cell", lambda config: opened.append(CellTrials(config)) or opened[-1])
    odd = {"width": SIZE + 1, "height": SIZE - 18}  # no film of even sides has its shape
    one = replace(config, out=tmp_path / "one", policy=("oracle",), trials=1, workers=1, film=(0,), **odd)
    path, films = film_path(one.out, 0, "oracle"), []
    for _ in range(2):
        assert command.main(one) == 0
        films.append([path.with_suffix(kind).read_bytes() for kind in (".mp4", ".png", ".json")])
        path.unlink()
    assert films[0] == films[1] and len(opened) == 2


def test_a_film_that_is_there_is_whole_however_soon_it_was_killed(tmp_path, monkeypatch):
    images, written = np.zeros((12, 32, 32, 3), np.uint8), []
    path = tmp_path / "film.mp4"

    def killed(file, content):
        if len(written) == survived:
            raise KeyboardInterrupt
        written.append(file)
        publish_bytes(file, content)

    monkeypatch.setattr(film_files, "publish_bytes", killed)
    for survived in range(3):  # noqa: B007 read by `killed`
        written.clear()
        with pytest.raises(KeyboardInterrupt):
            film_files.publish(path, b"film", images, {})
        assert not path.exists()
    survived = 3
    written.clear()
    film_files.publish(path, b"film", images, {})
    assert path.exists() and path.with_suffix(".json").exists() and path.with_suffix(".png").exists()
