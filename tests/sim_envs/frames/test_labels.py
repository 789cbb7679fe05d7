"""Labels of the simulated robot against independent checks: rays and triangles, markers, Newton's public renderer."""

import newton
import numpy as np
import pytest
import warp as wp
from newton.sensors import SensorTiledCamera

from lace.core import keypoints
from lace.core.keypoints import Visibility
from sim_envs.frames import markers
from sim_envs.frames.labels import BEHIND, project
from sim_envs.rendering.raytrace import PINNED_NEWTON
from sim_envs.rendering.renderer import _vec7


def world_triangles(source, batch, world: int, meshes: dict) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (n, 3, 3) [m] of everything drawn in a world, and their segment ids (n,); boxes as 12 triangles."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    sides = np.array([[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]])
    sides = np.concatenate([sides, [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]])
    triangles, ids, table = [], [], batch.table
    for slot in range(source.layout.count):
        number = table.source[world, slot]
        if table.T[world, slot, 2, 3] < -50 or number < -1:
            continue
        vertices, faces = meshes[number] if number >= 0 else (corners, sides)
        T = table.T[world, slot]
        points = (vertices * table.scale[world, slot]) @ T[:3, :3].T + T[:3, 3]
        triangles.append(points[faces])
        ids.append(np.full(len(faces), source.layout.segment_of_slot[slot]))
    return np.concatenate(triangles), np.concatenate(ids)


def first_hit(origin: np.ndarray, direction: np.ndarray, triangles: np.ndarray) -> tuple[float, int]:
    """Distance and index of the nearest front face along a ray (Moeller and Trumbore 1997); infinity, -1 if none."""
    a, ab, ac = triangles[:, 0], triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    p = np.cross(direction, ac)
    det = (ab * p).sum(1)
    with np.errstate(all="ignore"):
        s = origin - a
        u = (s * p).sum(1) / det
        q = np.cross(s, ab)
        v = (q @ direction) / det
        t = (ac * q).sum(1) / det
        hit = (np.abs(det) > 1e-14) & (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 1e-6)
    if not hit.any():
        return np.inf, -1
    t = np.where(hit, t, np.inf)
    return float(t.min()), int(t.argmin())


def test_visibility_agrees_with_a_brute_force_ray_test(source, batch):
    _rgb, segment, _depth = source.draw(batch)
    _uv, z = project(batch.camera, batch.pose.keypoints_world)
    _uv, labels = source.keypoint_labels(batch, segment)
    meshes = {
        number: (mesh.points.numpy().astype(float), mesh.indices.numpy().reshape(-1, 3))
        for number, mesh in enumerate(source.library.meshes)
    }
    agree = []
    for world in range(source.worlds):
        triangles, ids = world_triangles(source, batch, world, meshes)
        origin = batch.camera.T_world_cam[world, :3, 3]
        forward = batch.camera.T_world_cam[world, :3, 2]
        for row in source.embodiment.keypoints:
            k = keypoints.INDEX[row.name]
            if labels[world, k] not in (Visibility.OCCLUDED, Visibility.VISIBLE):
                continue
            way = batch.pose.keypoints_world[world, k] - origin
            way /= np.linalg.norm(way)
            distance, face = first_hit(origin, way, triangles)
            own = face >= 0 and ids[face] in [source.layout.link_segment[link] for link in row.links]
            gap = z[world, k] - distance * (way @ forward)
            expected = own and -BEHIND <= gap <= row.radius
            agree.append(expected == (labels[world, k] == Visibility.VISIBLE))
    assert len(agree) > 150
    assert np.mean(agree) >= 0.99, f"{np.mean(agree):.4f} of {len(agree)} keypoints agree"


def test_markers_are_drawn_where_the_labels_say(source, batch):
    errors = source.marker_errors_px(batch)
    assert len(errors) > 2 * source.worlds
    assert errors.max() < 0.3


@pytest.mark.parametrize("fault", ["link", "label"])
def test_the_marker_test_detects_a_displaced_link_or_label(source, batch, fault):
    """By 5 mm: about two pixels."""
    odd = batch.rows(np.arange(source.worlds))
    if fault == "link":
        odd.table.T[:, source.layout.body, 2, 3] += 5e-3
    else:
        odd.pose.keypoints_world[:, 8, 2] += 5e-3
    assert source.marker_errors_px(odd).max() > 0.5


def test_markers_are_measured_by_their_centroid():
    segment = np.zeros((1, 40, 40), np.uint8)
    segment[0, 15:20, 10:15] = 7
    one = np.ones((1, 1), bool)
    assert markers.errors_px(segment, 7, np.array([[[12.5, 17.5]]]), one) == pytest.approx(0)
    assert markers.errors_px(segment, 7, np.array([[[13.5, 17.5]]]), one) == pytest.approx(1)
    assert markers.errors_px(segment, 8, np.array([[[12.5, 17.5]]]), one) == np.inf
    assert len(markers.errors_px(segment, 7, np.array([[[12.5, 17.5]]]), ~one)) == 0


def test_markers_are_placed_where_they_are_fully_visible_and_apart():
    uv = np.array([[[20, 20], [25, 20], [40, 20], [2, 20], [20, 58], [np.nan, np.nan], [40, 40]]], float)
    depth = np.array([[1, 1, 1, 1, 1, np.nan, -1]])
    assert markers.choose(uv, depth, (60, 60)).tolist() == [[True, False, True, False, False, False, False]]


def test_depth_and_shapes_agree_with_newtons_public_renderer(source, batch):
    """Fails with a clear message if the pinned version changes behaviour that we depend on."""
    assert newton.__version__ == PINNED_NEWTON
    _rgb, _segment, depth = source.draw(batch)
    model = source.renderer.model
    model.shape_source_ptr.assign(np.ascontiguousarray(source.renderer.rows["source"]))
    size = source.config.width
    settings = SensorTiledCamera.RenderConfig(enable_global_world=False, enable_backface_culling=False)
    camera = SensorTiledCamera(model, default_render_config=settings)
    depth_theirs = camera.utils.create_forward_depth_image_output(size, size)
    world, K = 3, batch.camera.K[3]
    pixels = np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5), -1)
    local = np.concatenate([(pixels - K[:2, 2]) / K[0, 0], np.ones((size, size, 1))], -1)
    local /= np.linalg.norm(local, axis=-1, keepdims=True)
    rays = np.zeros((1, size, size, 2, 3), np.float32)
    rays[0, :, :, 1] = local * [1, -1, -1]  # Newton's cameras look along -z with y up
    flipped = batch.camera.T_world_cam.copy()
    flipped[:, :3, 1:3] *= -1
    poses = wp.array(_vec7(flipped)[None], dtype=wp.transformf)
    camera.update(model.state(), poses, wp.array(rays, dtype=wp.vec3f), forward_depth_image=depth_theirs)
    theirs, ours = depth_theirs.numpy()[world, 0], depth.numpy()[world]
    hit = (theirs > 0) & (ours > 0)
    assert hit.mean() > 0.9
    assert np.mean(np.abs(theirs - ours)[hit] < 1e-3) > 0.995


def test_boxes_bound_the_masks(source, batch):
    _rgb, segment, _depth = source.draw(batch)
    boxes, ids = source.labeller.boxes(wp.to_torch(segment)), segment.numpy()
    for world in range(source.worlds):
        rows, columns = np.nonzero(ids[world] == source.layout.target_id)
        box = boxes["target@segmentation"][world]
        if len(rows) == 0:
            assert np.isnan(box).all()
        else:
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_the_same_index_gives_the_same_frame_whatever_its_neighbours(source):
    one = source.frames(0, np.array([5]))[0]
    other = source.frames(0, np.array([9, 5, 2]))[1]
    assert np.array_equal(one.image, other.image) and np.array_equal(one.segmentation, other.segmentation)
    assert np.array_equal(one.keypoints_uv, other.keypoints_uv, equal_nan=True)
    again = source.frames(0, np.array([5]), np.array([1]))[0]
    assert not np.array_equal(one.image, again.image)
