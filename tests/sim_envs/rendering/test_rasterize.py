"""The rasteriser against ray casting: the same surfaces at the same depth in every pixel; its parts by hand."""

import numpy as np
import pytest
import warp as wp

from sim_envs.rendering.rasterize import BOX_FACES, CHUNK, box_triangle, edges_of, work_items


@pytest.fixture(scope="module")
def drawn_and_cast(source, batch):
    """Segments and depth (worlds, height, width) as rasterised, and by a ray through every pixel's centre."""
    width, height = source.config.width, source.config.height
    source.renderer.apply(batch.table)
    view = source.view(batch)
    _rgb, segment, depth = source.renderer.draw(view, width, height, shadows=False, antialias=True)
    rows, columns = np.mgrid[:height, :width] + 0.5
    uv = np.tile(np.stack([columns, rows], -1).reshape(1, -1, 2), (source.worlds, 1, 1))
    met, met_depth = source.renderer.probe(view, uv)
    shape = (source.worlds, height, width)
    return segment.numpy(), depth.numpy(), met.numpy().reshape(shape), met_depth.numpy().reshape(shape)


def test_the_same_things_are_seen_as_by_rays(drawn_and_cast):
    segment, _depth, met, _met_depth = drawn_and_cast
    same = (segment == met).mean((1, 2))
    assert same.min() > 0.999 and same.mean() > 0.9998
    assert len(np.unique(met)) > 20  # robot links, things, table, room


def test_at_the_same_depth_as_by_rays(drawn_and_cast):
    segment, depth, met, met_depth = drawn_and_cast
    gap = np.abs(depth - met_depth)[(segment == met) & (met > 0)]
    assert np.mean(gap < 1e-4) > 0.9995
    assert np.median(gap) < 1e-6


def test_antialiasing_smooths_edges_and_leaves_labels_alone(source, batch):
    width, height = source.config.width, source.config.height
    source.renderer.apply(batch.table)
    view = source.view(batch)
    rgb, segment, depth = source.renderer.draw(view, width, height, shadows=False, antialias=False, count=2)
    finer, same_segment, same_depth = source.renderer.draw(view, width, height, shadows=False, antialias=True, count=2)
    assert np.array_equal(segment.numpy(), same_segment.numpy())
    assert np.array_equal(depth.numpy(), same_depth.numpy())
    gap = np.abs(rgb.numpy().astype(int) - finer.numpy()).max(-1)
    assert np.median(gap) <= 3 < np.quantile(gap, 0.99)


def test_parts_of_a_picture_do_not_depend_on_the_number_of_worlds_drawn(source, batch):
    source.renderer.apply(batch.table)
    size, view = (source.config.width, source.config.height), source.view(batch)
    some = source.renderer.draw(view, *size, shadows=True, count=3)[0].numpy()
    assert np.array_equal(some, source.renderer.draw(view, *size, shadows=True)[0].numpy()[:3])


def test_items_cover_every_face_of_every_shown_slot_once():
    source = np.array([[-1, 0, 1], [1, -3, 0]])
    parked = np.array([[False, False, False], [False, False, True]])
    items = work_items(source, parked, np.array([CHUNK, 2 * CHUNK + 1]))
    assert items["slot"].tolist() == [0, 1, 2, 2, 2, 3, 3, 3, 4]
    assert items["first"].tolist() == [0, 0, 0, CHUNK, 2 * CHUNK, 0, CHUNK, 2 * CHUNK, 0]
    assert items["count"].tolist() == [BOX_FACES, CHUNK, CHUNK, CHUNK, 1, CHUNK, CHUNK, 1, BOX_FACES]


@wp.kernel(enable_backward=False)
def weigh(
    a: wp.vec3f,
    b: wp.vec3f,
    c: wp.vec3f,
    rays: wp.array[wp.vec3f],
    out: wp.array2d[wp.float32],
):
    i = wp.tid()
    edges = edges_of(a, b, c)
    total = wp.dot(edges.total, rays[i])
    out[i, 0] = wp.dot(edges.b, rays[i]) / total
    out[i, 1] = wp.dot(edges.c, rays[i]) / total
    out[i, 2] = edges.volume / total


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1)], ids=["front", "back"])
def test_weights_and_depth_are_those_of_the_point_on_the_triangle(order):
    """One corner is behind the camera: nothing is clipped."""
    corners = np.array([[-0.5, -0.4, 1.0], [2.0, 0.1, 3.0], [0.2, 0.9, -0.5]])[list(order)]
    weights = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8], [0.34, 0.33, 0.33]])
    points = weights @ corners
    ahead = points[:, 2] > 0
    rays = wp.array(points[ahead] / points[ahead, 2:], dtype=wp.vec3f, device="cpu")
    out = wp.zeros((len(rays), 3), dtype=wp.float32, device="cpu")
    wp.launch(weigh, dim=len(rays), inputs=[*map(wp.vec3f, corners), rays], outputs=[out], device="cpu")
    expected = np.column_stack([weights[:, 1:], points[:, 2]])[ahead]
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-4, atol=1e-5)


@wp.kernel(enable_backward=False)
def unfold(half: wp.vec3f, out: wp.array2d[wp.vec3f]):
    face = wp.tid()
    a, b, c, normal = box_triangle(half, face)
    out[face, 0] = a
    out[face, 1] = b
    out[face, 2] = c
    out[face, 3] = normal


def test_a_boxs_triangles_cover_its_sides_once():
    half = np.array([1.0, 2.0, 3.0])
    out = wp.zeros((BOX_FACES, 4), dtype=wp.vec3f, device="cpu")
    wp.launch(unfold, dim=BOX_FACES, inputs=[wp.vec3f(half)], outputs=[out], device="cpu")
    a, b, c, normal = np.moveaxis(out.numpy(), 1, 0)
    across = np.cross(b - a, c - a)
    area = np.linalg.norm(across, axis=1) / 2
    assert area.sum() == pytest.approx(8 * (1 * 2 + 2 * 3 + 3 * 1))
    assert np.allclose(np.abs((across * normal).sum(1)), 2 * area)  # flat on their side
    assert np.allclose((a * normal).sum(1), np.abs(normal) @ half)  # which faces outwards
    middles = {tuple(np.round((p + q + r) / 3, 6)) for p, q, r in zip(a, b, c, strict=True)}
    assert len(middles) == BOX_FACES
