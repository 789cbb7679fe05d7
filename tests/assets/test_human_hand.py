"""The human hand: properties of its skeleton, skin and keypoints over random poses and shapes."""

import numpy as np
import pytest

from assets.humans import HUMANS
from assets.humans.hand import DATA, HumanHand
from assets.humans.poses import POSES, Capsules, mixed, random_poses
from assets.humans.skin import TONES, skin_texture
from assets.humans.skin_maps import skin_maps
from assets.shapes import Mesh
from lace.core import keypoints
from lace.core.draws import Draws
from lace.core.embodiment import Embodiment
from lace.core.errors import InvalidValueError
from lace.core.geometry import axis_angle, transform
from lace.core.kinematics import Kinematics
from sim_envs.bodies.object_distance import ObjectDistance


@pytest.fixture(scope="module")
def hand() -> HumanHand:
    return HUMANS["human_right"]()


def _any_poses(hand: HumanHand, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Random angles within the limits (count, 24) and shapes (count, K)."""
    rng = np.random.default_rng(3)
    low, high = hand.limits.T
    return rng.uniform(low, high, (count, 24)), hand.shapes[rng.integers(len(hand.shapes), size=count)]


def test_bones_keep_their_lengths(hand):
    q, shapes = _any_poses(hand, 50)
    _, heads = hand.rest(shapes)
    T = hand.bone_poses(q, heads)
    children = [b for b, parent in enumerate(hand.parents) if parent >= 0]
    parents = hand.parents[children]
    posed = np.linalg.norm(T[:, children][..., :3, 3] - T[:, parents][..., :3, 3], axis=-1)
    np.testing.assert_allclose(posed, np.linalg.norm(heads[:, children] - heads[:, parents], axis=-1), atol=1e-12)


def test_zero_pose_is_straight_and_is_the_rest_mesh(hand):
    shapes = hand.shapes[::20]
    vertices, T, points = hand.pose(np.zeros((len(shapes), 24)), shapes)
    np.testing.assert_allclose(vertices, hand.rest(shapes)[0], atol=1e-6)
    np.testing.assert_allclose(T[:, :, :3, :3], np.broadcast_to(np.eye(3), (len(T), len(hand.bones), 3, 3)), atol=1e-12)
    for f in range(1, 5):
        bones = np.diff(points[:, 1 + 4 * f : 5 + 4 * f], axis=1)
        bones -= (bones @ hand.flexion_axes[f])[..., None] * hand.flexion_axes[f]
        bones /= np.linalg.norm(bones, axis=-1, keepdims=True)
        assert (bones[:, 1:] * bones[:, :-1]).sum(-1).min() > np.cos(np.deg2rad(3))


def test_hinge_tree_gives_the_keypoints_of_the_skin(hand):
    """Two ways to compute the same 21 points: the generic kinematics of the hinge tree, and the posed mesh."""
    q, shapes = _any_poses(hand, 20)
    for i in range(20):
        body = hand.embodiment(shapes[i])
        assert isinstance(body, Embodiment) and body.joint_names == hand.joint_names and body.present.all()
        kinematics = Kinematics(body)
        wrist = transform(axis_angle([0, 0, 1], 0.1 * i), [0.1, 0.2, 0.3])
        _, T, skinned = hand.pose(q[i], shapes[i], wrist)
        links = kinematics.link_poses(q[i], T[0, hand.bone_index["lowerarm01.R"]])
        np.testing.assert_allclose(kinematics.keypoints(links), skinned[0], atol=2e-6)
        np.testing.assert_allclose(T[0, hand.bone_index["wrist.R"]], wrist, atol=1e-12)


def test_tips_are_vertices_and_joints_lie_inside_the_flesh(hand):
    q, shapes = _any_poses(hand, 20)
    vertices, _, points = hand.pose(q, shapes)
    np.testing.assert_allclose(points[:, keypoints.FINGERTIPS], vertices[:, hand.tips], atol=1e-6)
    nearest = np.linalg.norm(points[:, :, None] - vertices[:, None], axis=-1).min(-1)
    assert nearest.max() < 0.03


def test_weights_sum_to_one_and_data_is_small(hand):
    np.testing.assert_allclose(hand.weights.sum(1), 1, atol=1e-5)
    assert hand.weights.min() >= 0 and DATA.stat().st_size < 500_000
    assert hand.uvs.min() >= 0 and hand.uvs.max() <= 1


def test_adult_shapes(hand):
    assert len(hand.shapes) >= 400
    _, _, points = hand.pose(np.zeros((1, 24)), hand.shapes)
    chain = points[:, [0, 9, 10, 11, 12]]
    length = np.linalg.norm(np.diff(chain, axis=1), axis=-1).sum(1)
    assert length.min() > 0.163 and length.max() < 0.217


def test_limits_are_ordered_and_hold_zero(hand):
    low, high = hand.limits.T
    assert len(hand.joint_names) == len(set(hand.joint_names)) == 24
    assert (low <= 0).all() and (high > 0).all() and (high - low < np.pi).all()


def test_right_hand(hand):
    """Back of the hand up, fingers forward: a right hand's thumb points left; flexion is towards the palm."""
    _, _, flat = hand.pose(np.zeros(24), np.zeros_like(hand.shapes[:1]))
    assert flat[0, 4, 1] > flat[0, 20, 1] + 0.05
    bent = np.zeros(24)
    bent[[i for i, name in enumerate(hand.joint_names) if name.endswith("_mcp")]] = 0.8
    _, _, closed = hand.pose(bent, np.zeros_like(hand.shapes[:1]))
    assert (closed[0, [8, 12, 16, 20], 2] < flat[0, [8, 12, 16, 20], 2] - 0.02).all()


def test_wrong_sizes_are_refused(hand):
    with pytest.raises(InvalidValueError, match="joint_names"):
        hand.pose(np.zeros(23), hand.shapes[:1])
    with pytest.raises(InvalidValueError, match=r"hand\.shapes"):
        hand.rest(np.zeros((1, 3)))


def test_licence_lies_beside_the_data():
    text = DATA.with_name("LICENCE.md").read_text()
    assert "CC0" in text and "NAVER" in text and DATA.name in text


def _flesh_depths(hand: HumanHand, q: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Largest depth of a finger's two outer phalanges in the rest of the hand (n,) [m], by winding number."""
    vertices, depths = hand.pose(q, shapes)[0], np.zeros(len(q))
    of_finger = [[hand.bone_index[f"finger{f}-{k}.R"] for k in (1, 2, 3)] for f in range(1, 6)]
    for bones in of_finger:
        rest = hand.faces[~(hand.dense_weights[:, bones].sum(1) > 0.5)[hand.faces].any(1)]
        outer = hand.dense_weights[:, bones[1:]].sum(1) > 0.9
        for i, skin in enumerate(vertices):
            distance = ObjectDistance(Mesh(skin, rest, skin, hand.uvs)).exact(skin[outer])
            depths[i] = max(depths[i], -distance.min())
    return depths


def test_random_blends_do_not_self_penetrate(hand):
    """Of 300 frames' poses, under 1 % self-penetrate by over 3 mm on the mesh; the check detects a known bad pose."""
    capsules, index = Capsules(hand), np.arange(300)
    shapes = hand.shapes[index % len(hand.shapes)]
    q, attempts = random_poses(capsules, 5, index, shapes)
    rate = (_flesh_depths(hand, q, shapes) > 0.003).mean()
    assert rate < 0.01, f"{rate:.3f}"
    assert (q >= hand.limits[:, 0]).all() and (q <= hand.limits[:, 1]).all()
    assert attempts.mean() < 2
    crossed = POSES["flat"].copy()
    crossed[[8, 12]] = np.deg2rad([-15, 15])
    assert _flesh_depths(hand, crossed[None], hand.shapes[:1])[0] > 0.003


def test_random_poses_depend_on_seed_and_index_alone(hand):
    capsules = Capsules(hand)
    many, _ = random_poses(capsules, 5, np.arange(20), hand.shapes[:20])
    one, _ = random_poses(capsules, 5, np.array([7]), hand.shapes[7:8])
    other, _ = random_poses(capsules, 6, np.array([7]), hand.shapes[7:8])
    assert np.array_equal(many[7], one[0]) and not np.array_equal(one, other)


@pytest.mark.parametrize("name", POSES)
def test_library_pose_is_possible(hand, name):
    q = POSES[name]
    assert (q >= hand.limits[:, 0]).all() and (q <= hand.limits[:, 1]).all()
    assert _flesh_depths(hand, q[None], hand.shapes[:1])[0] < 0.003


def test_skin_does_not_tear(hand):
    """Over random poses no edge grows more than fourfold, and only a few shrink to a tenth."""
    index = np.arange(100)
    shapes = hand.shapes[index]
    vertices, _, _ = hand.pose(mixed(hand, Draws(1, index)), shapes)
    a, b = hand.faces[:, [0, 1, 2]].ravel(), hand.faces[:, [1, 2, 0]].ravel()
    rest = hand.rest(shapes)[0]
    ratio = np.linalg.norm(vertices[:, a] - vertices[:, b], axis=-1) / np.linalg.norm(rest[:, a] - rest[:, b], axis=-1)
    assert ratio.max() < 4 and (ratio < 0.1).mean() < 1e-3, (ratio.max(), (ratio < 0.1).mean())


def test_skin_has_nails_creases_a_lighter_palm_and_six_tones(hand):
    assert len(TONES) >= 6
    maps, lightness = skin_maps(hand, 512), []
    nails, creases = maps.nail > 0.8, (maps.crease > 0.8) & (maps.palm > 0.9)
    palm, back = (
        part & (maps.crease < 0.1) & (maps.nail < 0.1) & (maps.hand > 0.9)
        for part in (maps.palm > 0.9, maps.palm < 0.1)
    )
    assert min(nails.sum(), creases.sum(), palm.sum(), back.sum()) > 200
    for tone in TONES.values():
        picture = skin_texture(maps, np.random.default_rng(0), tone)
        again = skin_texture(maps, np.random.default_rng(0), tone)
        assert picture.shape == (512, 512, 3) and picture.dtype == np.uint8 and np.array_equal(picture, again)
        plain = picture[back].mean(0)
        assert np.abs(picture[nails].mean(0) - plain).max() > 8
        assert picture[creases].mean() < picture[palm].mean() - 8
        lightness.append(picture.mean())
        darkest = tone
    assert (np.diff(lightness) < -5).all()
    dark = skin_texture(maps, np.random.default_rng(0), darkest)
    assert dark[palm].mean() > dark[back].mean() + 15, "palms of dark skin are lighter"
