"""The data of a policy study: datasets, their seeds and their cameras."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lace.core.errors import InvalidValueError
from sim_envs.config.generate import GenerateConfig
from sim_envs.config.presets import PRESETS
from sim_envs.scenes.randomization import SceneDraws, draw_camera
from sim_envs.study.parts import StudyConfig, parts, study_camera

STUDY = StudyConfig(out=Path("study"))


def made(config=STUDY):
    return {folder: (kind, one) for folder, kind, one in parts(config)}


def test_the_paper_s_datasets_are_there():
    found = made()
    assert [one.demonstrations for _kind, one in list(found.values())[:6]] == [100, 100, 50, 24, 24, 24]
    assert all(one.demonstration_frames == 50 for _kind, one in list(found.values())[:6])
    assert {folder for folder in found if folder.startswith("align/")} == {
        f"align/{room}/{kind}" for room in ("lab", "kitchen", "office") for kind in ("robot", "human")
    }
    assert found["align/office/robot"][1].preset == "office"
    kinds = {folder: kind for folder, (kind, _one) in found.items()}
    assert kinds["human/ood_env"] == "human" and kinds["test/ood_env"] == "robot"


def test_only_the_settings_differ():
    found = {folder: one.axes for folder, (_kind, one) in made().items()}
    counts = {folder: axes.clutter.count for folder, axes in found.items()}
    assert counts["human/in_domain"] == counts["robot/in_domain"] == counts["test/in_domain"] == (0, 0)
    assert counts["human/ood_env"] == counts["test/ood_env"] == (1, 1)
    assert "dinosaur" not in found["test/ood_obj"].target.names and len(found["test/ood_obj"].target.names) >= 8
    assert found["test/in_domain"].target.names == ("dinosaur",)


def test_no_two_datasets_share_a_seed_and_another_study_shares_none():
    first = [one.seed for _kind, one in made().values()]
    other = [one.seed for _kind, one in made(replace(STUDY, seed=1)).values()]
    assert len(set(first + other)) == len(first) + len(other)


def test_single_frames_have_a_scene_each():
    one = made(replace(STUDY, each=1, human=30))["human/in_domain"][1]
    assert (one.demonstrations, one.frames, one.motion_frames) == (0, 15, 0)


@pytest.mark.parametrize("name", ["human", "robot", "each", "cameras"])
def test_impossible_numbers_are_refused(name):
    with pytest.raises(InvalidValueError, match=name):
        replace(STUDY, **{name: -1})


def cameras(setups, seed, n=40):
    axes = replace(PRESETS["lab"], camera=study_camera(PRESETS["lab"].camera, setups))
    config = GenerateConfig(out=Path("x"), width=224, height=224, axes=axes)
    draws = SceneDraws.of(axes, seed, np.arange(n), np.zeros(n, int)).camera
    focus = np.random.default_rng(seed).uniform(0, 1, (n, 3))
    return draw_camera(draws, focus, config), draws.draws.record


def test_one_camera_stands_still_in_all_datasets():
    (a, _), (b, _) = cameras(1, 3), cameras(1, 4)
    assert np.ptp(a.T_world_cam, axis=0).max() == np.ptp(a.K, axis=0).max() == 0
    np.testing.assert_array_equal(a.T_world_cam[0], b.T_world_cam[0])
    np.testing.assert_array_equal(a.K[0], b.K[0])


def test_several_cameras_take_turns_and_the_scene_says_which():
    camera, record = cameras(3, 3)
    assert len(np.unique(camera.T_world_cam.round(9), axis=0)) == len(np.unique(record["camera.setup"])) == 3
    assert {"camera.distance_m", "camera.azimuth_deg"} <= set(record)
    uv, depth = camera.project(np.tile([0.46, 0.0, 0.05], (40, 1, 1)))
    assert (depth > 0).all() and (np.abs(uv - 112) < 40).all()


def test_without_set_ups_every_scene_has_a_camera_of_its_own():
    camera, _ = cameras(0, 3)
    assert len(np.unique(camera.T_world_cam.round(9), axis=0)) == 40
