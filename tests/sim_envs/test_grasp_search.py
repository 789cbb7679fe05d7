"""The grasp search: its parameters, and the vertical slide for testing grasps."""

from dataclasses import replace

import numpy as np
import pytest

from assets.grasps import DEFAULT, grasp_for, store
from assets.robots import ROBOTS
from lace.cli.main import main
from lace.core.errors import InvalidValueError
from lace.core.geometry import transform
from lace.core.kinematics import Kinematics
from sim_envs.config.kinds import require_grasping
from sim_envs.config.scene import SceneConfig
from sim_envs.grasp_search.command import ELITE, Candidate, Elite, Search, SearchConfig, retest, shapes_of
from sim_envs.grasp_search.slide import FLANGE_Z, T_palm_of
from sim_envs.grasp_search.space import AXIS_Z, GraspSpace

HANDS = ("xarm7_leap", "xarm7_allegro", "xarm7_shadow")


@pytest.fixture(scope="module")
def search():
    return Search(SearchConfig())


@pytest.fixture(scope="module", params=HANDS)
def space(request):
    return GraspSpace(ROBOTS[request.param](None).embodiment)


def test_a_grasp_round_trips_through_its_parameters(space):
    rng = np.random.default_rng(0)
    for _ in range(20):
        grasp = space.decode(rng.uniform(space.low, space.high), "a")
        again = space.decode(space.encode(grasp), "a")
        assert np.allclose(again.T_table_palm, grasp.T_table_palm, atol=1e-9)
        assert np.allclose(again.open, grasp.open)
        assert np.allclose(again.closed, grasp.closed)


def test_decoded_grasps_keep_joint_limits_and_close(space):
    body = space.embodiment
    grasp = space.decode(space.high, "a")
    low, high = body.limits[body.arm_dof :].T
    assert (grasp.closed >= low).all() and (grasp.closed <= high).all()
    for joint, opened, closed in zip(body.joints[body.arm_dof :], grasp.open, grasp.closed, strict=True):
        if joint.curl.opened != joint.curl.closed and not joint.curl.thumb:
            assert (closed - opened) * (joint.curl.closed - joint.curl.opened) > 0


def test_the_palm_holds_its_grasp_point_over_the_table(space):
    values = np.where(np.isin(space.names, ("x", "y", "z", "tilt", "roll")), 0.0, space.low)
    T = space.decode(values, "a").T_table_palm
    assert np.allclose(T @ [*space.embodiment.grasp_point, 1], [0, 0, AXIS_Z, 1])
    assert np.allclose(T[:3, 0], [0, 0, -1]), "the fingers point down"


def test_a_positive_spread_moves_fingertips_apart(space):
    body, values = space.embodiment, (space.low + space.high) / 2
    kinematics = Kinematics(body)
    widths = []
    for spread in (0.0, 0.15):
        values[space.names.index("spread")] = spread
        joints = np.concatenate([body.home[: body.arm_dof], space.decode(values, "a").open])
        tips = kinematics.keypoints(kinematics.link_poses(joints))
        widths.append(np.linalg.norm(tips[8] - tips[16]))
    assert widths[1] > widths[0] + 0.005


def test_an_arm_without_fingers_is_refused(capsys):
    assert main(["assets", "find-grasp", "dinosaur", "--embodiment", "ur5e_rod"]) == 2
    assert "0 finger joints" in capsys.readouterr().err
    with pytest.raises(InvalidValueError, match="none is stored for 'vx300s'"):
        require_grasping(SceneConfig(embodiment="vx300s"))


def test_a_hand_with_grasps_of_other_targets_names_them(tmp_path):
    store(replace(grasp_for("dinosaur"), embodiment="mine"), tmp_path / "mine.json")
    with pytest.raises(InvalidValueError, match="none is stored for 'mine', which has those of dinosaur"):
        grasp_for("dinosaur_trex", "mine", tmp_path / "mine.json")


def test_the_stored_grasp_lifts_and_an_open_hand_does_not(search):
    grasp = grasp_for("dinosaur")
    assert search.hands[1].is_clear(grasp)
    assert search.successes(grasp, 6, np.random.default_rng(1)) >= 5
    assert search.successes(replace(grasp, closed=grasp.open), 3, np.random.default_rng(1)) == 0


def test_a_hand_in_the_table_or_in_the_doll_is_not_clear(search):
    grasp = grasp_for("dinosaur")
    hand = search.hands[1]
    sunk = replace(grasp, T_table_palm=transform(None, [0, 0, -0.06]) @ grasp.T_table_palm)
    assert not hand.is_clear(sunk)
    into = replace(grasp, T_table_palm=transform(None, [0.05, 0, 0]) @ grasp.T_table_palm)
    assert not hand.is_clear(into)
    assert (grasp.T_table_palm @ T_palm_of(search.robot.embodiment, "link7"))[2, 3] >= FLANGE_Z


def test_a_lucky_candidate_does_not_stay_before_a_proven_one():
    best = Elite()
    for good, trials in ((23, 24), (115, 120), (20, 24)):
        best.add(Candidate(np.zeros(1), good, trials))
    assert [row.good for row in best.rows] == [115, 23, 20]
    assert str(best) == "the best lifts in 115 of 120 trials, number 3 in 20 of 24"
    for _ in range(ELITE):
        best.add(Candidate(np.zeros(1), 24, 24))
    assert len(best.rows) == ELITE and best.bar == 25 / 26


def test_an_entry_to_the_elite_is_tried_and_so_is_the_least_tried_of_it(search, monkeypatch):
    rates = {"good": 22, "lucky": 3, "poor": 0}
    monkeypatch.setattr(search, "decode", lambda values: values)
    monkeypatch.setattr(search, "successes", lambda name, *_args, **_kw: rates[name])
    best, lucky = Elite(), Candidate("lucky", 23, 24)
    best.add(lucky)
    assert not search._enters(Candidate("poor"), best, None) and lucky.trials == 24
    assert search._enters(Candidate("good"), best, None)
    assert [row.values for row in best.rows] == ["good", "lucky"] and (lucky.good, lucky.trials) == (26, 48)


def test_the_default_is_tried_on_several_shapes():
    shapes, mass = shapes_of(DEFAULT)
    assert len({tuple(np.ptp(hulls[0], axis=0).round(4)) for hulls in shapes}) == 3
    assert mass[0] < mass[1]


def test_testing_again_leaves_the_default_grasp_alone_where_a_target_has_none(tmp_path):
    import trimesh

    from assets import grasps

    file = tmp_path / "block.obj"
    trimesh.creation.box((0.05, 0.05, 0.12)).export(file)
    before = grasps._FILE.read_bytes()
    config = SearchConfig(str(file), retest=True, test_trials=2)
    with pytest.raises(InvalidValueError, match=r"find-grasp .*block.obj --embodiment"):
        retest(config)
    store(replace(grasp_for("default"), target=str(file), trials=200, successes=200))
    retest(config)
    assert grasp_for(str(file)).trials == 2 and grasps._FILE.read_bytes() == before


def test_testing_all_grasps_of_a_hand_that_has_none_is_an_error():
    with pytest.raises(InvalidValueError, match="find-grasp default --embodiment ur5e_rod"):
        retest(SearchConfig("all", embodiment="ur5e_rod", retest=True))
