"""Properties of backdrops: rotation, order, opacity, batches; and agreement with a per-world numpy version."""

import cv2
import numpy as np
import pytest

from assets.backdrops import open_backdrop, photos, splats
from assets.backdrops.panorama import Panorama
from assets.backdrops.photos import PhotoFolder, shrunk
from assets.backdrops.splat_file import read_splats
from assets.backdrops.splats import SplatCloud
from lace.core.camera import PinholeCamera, intrinsics
from lace.core.geometry import axis_angle, look_at
from tests import reference_backdrops as reference
from tests.assets.test_backdrops import render, write_splats
from tests.sim_envs.rendering.test_memory import peak_bytes

SIZE = (52, 37)
N = 5


def cameras(n=N, seed=0):
    """Cameras at random poses near the origin, with principal points off centre."""
    rng = np.random.default_rng(seed)
    K = intrinsics(rng.uniform(0.5, 1.2, n), *SIZE, (0.5 + rng.uniform(-0.1, 0.1, (n, 2))) * SIZE)
    eyes = rng.normal(0, 0.3, (n, 3)) + (0, 0, 0.5)
    return PinholeCamera(K, look_at(eyes, eyes + rng.normal(size=(n, 3)) * (1, 1, 0.4)), *SIZE)


def turned(camera, turns):
    """The cameras' viewing directions, rotated about z by `turns` (n,); their positions are kept."""
    T = camera.T_world_cam.copy()
    R = axis_angle([0, 0, 1], 2 * np.pi * np.asarray(turns))
    T[:, :3, :3], T[:, :3, 3] = R @ T[:, :3, :3], (R @ T[:, :3, 3, None])[..., 0]
    return PinholeCamera(camera.K, T, *SIZE)


def difference(a, b):
    return np.abs(a.astype(int) - b)


def scene(path, n=400, seed=0, opacity=None, order=None):
    """A cloud of flat Gaussians of all sizes and opacities."""
    rng = np.random.default_rng(seed)
    centres, colours, scales = rng.normal(size=(n, 3)), rng.random((n, 3)), rng.uniform(-4, -1, (n, 3))
    quats, opacities = rng.normal(size=(n, 4)), rng.uniform(-4, 4, n) if opacity is None else np.full(n, opacity)
    order = np.arange(n) if order is None else order
    return write_splats(path, centres[order], colours[order], scales[order], quats[order], opacities[order])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photographs of noise over a gradient, with sizes below, near and far above the image size."""
    path, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(4)
    for i, (rows, columns) in enumerate([(30, 20), (60, 64), (95, 240), (700, 400)]):
        ramp = np.linspace(0, 150, columns)[None, :, None] + np.zeros((rows, 1, 3))
        cv2.imwrite(str(path / f"{i}.png"), (ramp + rng.uniform(0, 100, (rows, columns, 3))).astype(np.uint8))
    return path


@pytest.fixture(scope="module")
def around(tmp_path_factory):
    path = tmp_path_factory.mktemp("around") / "p.png"
    cv2.imwrite(str(path), np.random.default_rng(5).integers(0, 256, (32, 64, 3)).astype(np.uint8))
    return path


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    return scene(tmp_path_factory.mktemp("cloud") / "c.ply")


def test_photos_agree_with_opencv(folder):
    draw = np.random.default_rng(0).random((40, 3))
    backdrop = PhotoFolder(folder)
    many = PinholeCamera(np.tile(np.eye(3), (40, 1, 1)), np.tile(np.eye(4), (40, 1, 1)), *SIZE)
    off = difference(render(backdrop, many, draw), reference.photos(backdrop, SIZE, draw))
    assert off.max() <= 1 and off.mean() < 0.1


def test_large_photos_are_reduced_without_loss_in_any_crop():
    photo = np.random.default_rng(0).integers(0, 256, (700, 400, 3)).astype(np.uint8)
    small = shrunk(photo, SIZE)
    assert 0.6 * min(small.shape[1] / SIZE[0], small.shape[0] / SIZE[1]) >= 1
    assert abs(small.mean() - photo.mean()) < 0.5
    assert shrunk(photo[:60, :80], SIZE).shape == (60, 80, 3)


def test_photo_cache_stays_within_its_memory(folder, monkeypatch):
    read, draw = [], np.array([[0.1, 0, 0], [0.4, 0, 0], [0.4, 0.5, 0.5]])
    monkeypatch.setattr(photos, "read_photo", lambda path, real=photos.read_photo: read.append(path.name) or real(path))
    backdrop = PhotoFolder(folder)
    for _ in range(3):
        render(backdrop, cameras(3), draw)
    assert sorted(read) == ["0.png", "1.png"], "each is read once, however often it is seen"
    monkeypatch.setattr(photos, "KEPT_BYTES", 1)
    render(backdrop, cameras(1), np.array([[0.6, 0, 0]]))
    render(backdrop, cameras(3), draw)
    assert sorted(read) == ["0.png", "0.png", "1.png", "1.png", "2.png"], "beyond it the oldest go"


def test_panorama_agrees_with_numpy(around):
    camera, turns = cameras(), np.random.default_rng(1).random(N)
    backdrop = Panorama(around)
    got = render(backdrop, camera, np.stack([turns] * 3, 1))
    assert difference(got, reference.panorama(backdrop.image.numpy(), camera, turns)).max() <= 1


def test_splats_agree_with_numpy(cloud):
    camera, turns = cameras(), np.random.default_rng(2).random(N)
    got = render(SplatCloud(cloud), camera, np.stack([turns] * 3, 1))
    want = reference.splats(read_splats(cloud), camera, turns)
    assert difference(got, want).max() <= 1 and want.std() > 15


def test_a_camera_amid_large_thin_gaussians_agrees_with_numpy(tmp_path):
    """Needles and sheets that fill the view, where float32 is least accurate."""
    rng = np.random.default_rng(7)
    scales = np.log(rng.choice([0.0005, 0.02, 0.8], (60, 3)))
    path = write_splats(
        tmp_path / "c.ply", rng.normal(size=(60, 3)), rng.random((60, 3)), scales, rng.normal(size=(60, 4))
    )
    off = difference(
        render(SplatCloud(path), cameras(), np.zeros((N, 3))),
        reference.splats(read_splats(path), cameras(), np.zeros(N)),
    )
    assert (off <= 1).mean() > 0.999 and off.max() <= 4


@pytest.mark.parametrize("name", ["around", "cloud"])
def test_a_whole_turn_changes_nothing(name, request):
    backdrop, draw = open_backdrop(request.getfixturevalue(name)), np.random.default_rng(3).random((N, 3))
    once = render(backdrop, cameras(), draw)
    assert difference(once, render(backdrop, cameras(), draw + (1, 0, 0))).max() <= 1
    assert difference(once, render(backdrop, turned(cameras(), np.ones(N)), draw)).max() <= 1


@pytest.mark.parametrize("name", ["around", "cloud"])
def test_turning_the_camera_is_turning_the_backdrop_the_other_way(name, request):
    backdrop, turns = open_backdrop(request.getfixturevalue(name)), np.random.default_rng(3).random(N)
    draw = np.stack([turns, 0 * turns, 0 * turns], 1)
    away = render(backdrop, turned(cameras(), -turns), np.zeros((N, 3)))
    assert difference(render(backdrop, cameras(), draw), away).max() <= 1


def test_rolling_the_panorama_is_turning_it(around, tmp_path):
    image = cv2.imread(str(around))
    cv2.imwrite(str(tmp_path / "p.png"), np.roll(image, -16, 1))
    quarter = np.tile([0.25, 0, 0], (N, 1))
    rolled = render(Panorama(tmp_path / "p.png"), cameras(), 0 * quarter)
    assert difference(render(Panorama(around), cameras(), quarter), rolled).max() <= 1


def test_the_order_of_gaussians_in_the_file_has_no_effect(cloud, tmp_path):
    shuffled = scene(tmp_path / "c.ply", order=np.random.default_rng(9).permutation(400))
    draw = np.random.default_rng(3).random((N, 3))
    assert (
        difference(render(SplatCloud(cloud), cameras(), draw), render(SplatCloud(shuffled), cameras(), draw)).max() <= 1
    )


@pytest.mark.parametrize(("opacity", "shown"), [(-30.0, 0.0), (30.0, 0.99)])
def test_the_limits_of_opacity(tmp_path, opacity, shown):
    """A sheet across the view: a transparent one shows what is behind it, an opaque one hides all but 1 % of it."""
    far = np.array([[9.0, 0, 0], [-9.0, 0, 0]])
    centres = np.concatenate([np.zeros((1, 3)), far])
    path = write_splats(
        tmp_path / "c.ply",
        centres,
        [(1, 0, 0), (0, 1, 0.5), (0, 0, 0.25)],
        np.log([[4, 4, 1e-3], *[[1e-3] * 3] * 2]),
        None,
        np.array([opacity, 6, 6]),
    )
    backdrop = SplatCloud(path, up="z", radius_m=9.0)
    above = PinholeCamera(
        intrinsics(0.3, *SIZE)[None], look_at(np.array([[0, 0.01, 3.0]]), np.array([[0, 0, 0.8]])), *SIZE
    )
    middle = render(backdrop, above, np.zeros((1, 3)))[0, SIZE[1] // 2, SIZE[0] // 2]
    sheet = np.array([1, 0, 0])
    np.testing.assert_allclose(middle / 255, shown * sheet + (1 - shown) * backdrop.behind, atol=0.02)


@pytest.mark.parametrize("name", ["folder", "around", "cloud"])
def test_a_picture_does_not_depend_on_its_batch(name, request, monkeypatch):
    """As one of a batch, as the first of it, alone, and when memory allows only a few at a time."""
    backdrop, draw = open_backdrop(request.getfixturevalue(name)), np.random.default_rng(8).random((16, 3))
    many = cameras(16)
    together = render(backdrop, many, draw)
    np.testing.assert_array_equal(render(backdrop, many, draw, worlds=3), together[:3])
    for i in (0, 7, 15):
        one = PinholeCamera(many.K[i : i + 1], many.T_world_cam[i : i + 1], *SIZE)
        np.testing.assert_array_equal(render(backdrop, one, draw[i : i + 1])[0], together[i])
    monkeypatch.setattr(splats, "PAIRS_AT_ONCE", 1000)
    monkeypatch.setattr(splats, "COUNTED_AT_ONCE", 400 * 5)
    monkeypatch.setattr(photos, "WORLDS_AT_ONCE", 3)
    np.testing.assert_array_equal(render(backdrop, many, draw), together)


def test_the_memory_for_splats_is_bounded_whatever_the_number_of_worlds(tmp_path, monkeypatch):
    """Worlds are counted four at a time and then drawn in halves; the tile lists need memory in addition."""
    path = scene(tmp_path / "c.ply", n=20_000)
    monkeypatch.setattr(splats, "COUNTED_AT_ONCE", 20_000 * 4)
    monkeypatch.setattr(splats, "PAIRS_AT_ONCE", 100_000)
    backdrop, draw = SplatCloud(path), np.random.default_rng(8).random((14, 3))
    render(backdrop, cameras(14), draw)
    for worlds in (7, 14):
        taken = peak_bytes(lambda worlds=worlds: render(backdrop, cameras(14), draw, worlds))
        assert 0.4 * backdrop.working_bytes < taken < 1.01 * backdrop.working_bytes


def test_a_cloud_out_of_view_shows_its_mean_colour(tmp_path):
    path = write_splats(tmp_path / "c.ply", np.full((1, 3), 5.0), [(0.2, 0.4, 0.6)])
    eye = np.array([[0, 0, 0.8]])
    away = PinholeCamera(intrinsics(0.8, *SIZE)[None], look_at(eye, eye + (0, 0.1, 5)), *SIZE)
    backdrop = SplatCloud(path)
    backdrop.cloud.centres.fill_((0.0, 0.0, -9.0))
    assert difference(render(backdrop, away, np.zeros((1, 3)))[0], np.array([51, 102, 153])).max() <= 1
