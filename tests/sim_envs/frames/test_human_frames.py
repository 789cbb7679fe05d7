"""Frames of the simulated human: skinning against numpy, keypoints and masks against the drawn mesh."""

import numpy as np
import pytest

from assets.humans.skinned import PARTS, skin_mesh
from lace.core.geometry import apply, axis_angle, invert
from lace.core.keypoints import FINGERTIPS, Visibility
from lace.data.verify import check_frames
from sim_envs.bodies.human.arm import SHOULDER, shoulder_of
from sim_envs.frames.labels import at_pixels
from sim_envs.scenes.randomization import grasp_points
from sim_envs.scenes.workspace import GRASP_BOX


@pytest.fixture(scope="module")
def human(tmp_path_factory):
    """A simulated human at 224x224 without shadows, 16 scenes at once."""
    from sim_envs.config.scene import SceneConfig, with_preset
    from sim_envs.frames.source import SimulatedFrames

    config = SceneConfig(embodiment="human_right", width=224, height=224, shadows=False)
    return SimulatedFrames(with_preset(config, "randomized"))


@pytest.fixture(scope="module")
def scenes(human):
    """Scenes 0 to 15 of seed 0, loaded into the renderer."""
    batch = human.compose(np.arange(human.worlds), np.zeros(human.worlds, int))
    human.apply(batch)
    return batch


def drawn_vertices(human, worn) -> np.ndarray:
    """(worlds, V, 3) [m], in the wrist's frame, read from the device."""
    return worn.points.numpy().reshape(human.worlds, worn.vertices, 3)


def test_warp_skinning_agrees_with_numpy(human, scenes):
    """Two implementations of skinning: Warp's, split into parts, and the hand's own."""
    hand, pose = human.body.hand, scenes.pose
    expected, _bones, _points = hand.pose(pose.q, pose.shape)
    drawn = drawn_vertices(human, human.body._skin)
    number = {tuple(row): i for i, row in enumerate(np.round(hand.linear_shape()[0], 7).tolist())}
    order = [number[tuple(row)] for row in np.round(skin_mesh(hand).mean[0], 7).tolist()]
    assert np.abs(drawn - expected[:, order]).max() < 1e-5
    normals = human.body._skin.normals.numpy().reshape(drawn.shape)
    assert ((normals * hand.normals(expected)[:, order]).sum(-1) > 0.999).mean() > 0.999


def test_every_draw_of_the_hand_and_the_arm_is_what_the_frame_holds(human, scenes):
    draws, pose, body = scenes.draws, scenes.pose, human.body
    entry = draws["hand.bank_entry"]
    assert np.array_equal(pose.q, body.bank.q[entry]) and np.array_equal(pose.shape, body.bank.shape[entry])
    turn, inward, down, roll = (np.deg2rad(draws[f"arm.{k}_deg"]) for k in ("yaw", "inward", "down", "roll"))
    R_turn = axis_angle([0, 0, 1], turn)
    R = R_turn @ axis_angle([0, 0, 1], inward) @ axis_angle([0, 1, 0], down) @ axis_angle([1, 0, 0], roll)
    assert np.allclose(pose.T_world_link[:, 0, :3, :3], R, atol=1e-6)
    low, high = GRASP_BOX
    held = grasp_points(body.palm(pose), tuple(body.embodiment.grasp_point))
    place = low + (high - low) * draws["arm.place"]
    assert np.allclose((R_turn.swapaxes(1, 2) @ held[..., None])[..., 0], place, atol=1e-6)
    assert (draws["arm.place"][:, 2] > 1).any() or np.ptp(draws["arm.place"][:, 2]) > 0.3
    elbow, upper = pose.T_world_link[:, 0, :3, 3], shoulder_of(pose.T_world_link[:, -1], body._heads(pose.known_shape))
    towards = SHOULDER[0] + (SHOULDER[1] - SHOULDER[0]) * draws["arm.shoulder"] - elbow
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    assert np.allclose((upper - elbow) / np.linalg.norm(upper - elbow, axis=1, keepdims=True), towards, atol=1e-6)


def test_every_draw_of_skin_and_sleeve_is_what_the_frame_holds(human, scenes):
    draws, table, body = scenes.draws, scenes.table, human.body
    sleeve, skin = human.layout.body.start, slice(human.layout.body.start + 1, human.layout.body.stop)
    tone = body._tones[draws["skin.tone"], draws["skin.look"]]
    assert (table.texture[:, skin] == tone[:, None]).all()
    colour = draws["skin.light"][:, None] * (1 + draws["skin.warmth"][:, None] * np.array([0.03, 0, -0.04]))
    assert np.allclose(table.colour[:, skin], colour[:, None], atol=1e-6)
    assert (table.texture[:, sleeve] == body._cloths[draws["sleeve.cloth"], draws["sleeve.look"]]).all()
    assert np.allclose(table.colour[:, sleeve], draws["sleeve.colour"], atol=1e-6)
    assert np.array_equal(scenes.pose.extra["cut"], draws["sleeve.cut"])


def test_every_world_has_a_shape_a_pose_and_a_sleeve_of_its_own(human, scenes):
    drawn = drawn_vertices(human, human.body._skin)
    assert all(np.abs(drawn[i] - drawn[j]).max() > 1e-3 for i in range(16) for j in range(i))
    assert len(np.unique(scenes.pose.extra["cut"])) > 3
    assert len(np.unique(scenes.table.texture[:, human.layout.body.stop - 1])) > 3


def test_keypoints_lie_on_the_mesh_that_is_drawn(human, scenes):
    """Tips are within 1 mm of a drawn vertex; joints are inside the hand, no deeper than their radius in the table."""
    pose = scenes.pose
    local = apply(invert(human.body.palm(pose)), pose.keypoints_world)
    nearest = np.linalg.norm(local[:, :, None] - drawn_vertices(human, human.body._skin)[:, None], axis=-1).min(-1)
    assert nearest[:, FINGERTIPS].max() < 1e-3
    radii = np.array([row.radius for row in human.embodiment.keypoints])
    assert (nearest < radii + 0.004).mean() > 0.99


def test_visible_keypoints_lie_on_the_hands_mask(human, scenes):
    import warp as wp

    _rgb, segment, depth = human.draw(scenes)
    uv, visibility = human.keypoint_labels(scenes, segment)
    ids = at_pixels(wp.to_torch(segment), uv).numpy()
    low, high = human.layout.body_ids
    seen = visibility == Visibility.VISIBLE
    assert seen.sum() > 100 and ((ids >= low) & (ids <= high))[seen].all()
    errors = human.marker_errors_px(scenes)
    assert len(errors) > 50 and errors.max() < 0.5
    names = {segment.id: segment.name for segment in human.layout.segments}
    assert {names[i] for i in np.unique(ids[seen])} >= {f"human/{part}" for part in PARTS[1:]}
    human.apply(scenes)


def test_frames_pass_the_checks_of_any_dataset_and_say_whose_hand_they_show(human):
    records = human.frames(0, np.arange(16))
    assert check_frames(records) == []
    record = records[0]
    assert record.embodiment == "human_right" and len(record.joint_positions) == len(record.joint_names) == 24
    assert record.T_world_link.shape == (len(record.link_names), 4, 4)
    assert {segment.semantic for segment in record.segments} == {"human", "target", "distractor", "table", "room"}
    again = human.frames(0, np.array([9, 5, 2]))[1]
    assert np.array_equal(records[5].image, again.image) and np.array_equal(records[5].segmentation, again.segmentation)


def test_rays_hit_the_deformed_skin_that_is_drawn(human, scenes):
    """Shadows and keypoints use the bounding volumes, images the vertices: both have the same hand in every world."""
    human.apply(scenes)
    _rgb, segment, depth = human.draw(scenes)
    segment, depth = segment.numpy(), depth.numpy()
    low, high = human.layout.body_ids
    rng, uv = np.random.default_rng(0), np.zeros((human.worlds, 300, 2))
    for world in range(human.worlds):
        rows, columns = np.nonzero((segment[world] >= low) & (segment[world] <= high))
        chosen = rng.integers(0, len(rows), 300)
        uv[world] = np.stack([columns[chosen], rows[chosen]], 1) + 0.5
    hit, distance = (rows.numpy() for rows in human.renderer.probe(human.view(scenes), uv))
    x, y = uv[..., 0].astype(int), uv[..., 1].astype(int)
    worlds = np.arange(human.worlds)[:, None]
    same = hit == segment[worlds, y, x]
    assert same.mean() > 0.995
    assert np.abs(distance - depth[worlds, y, x])[same].max() < 1e-3


def test_deforming_all_worlds_refits_each_garment_once(human, scenes, monkeypatch):
    """No loop over worlds: all skins are in one mesh, all sleeves in another."""
    import warp as wp

    refitted, refit = [], wp.Mesh.refit
    monkeypatch.setattr(wp.Mesh, "refit", lambda mesh: refitted.append(mesh) or refit(mesh))
    human.body.deform(scenes.pose)
    assert len(refitted) == 2 and human.worlds == 16
