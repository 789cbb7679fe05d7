"""Backdrops: each kind shows its file's content in the camera's direction and reports clearly what it cannot show."""

import cv2
import numpy as np
import pytest
import warp as wp

from assets.backdrops import Backdrop, open_backdrop
from assets.backdrops.panorama import Panorama
from assets.backdrops.photos import PhotoFolder
from assets.backdrops.pictures import tone_map
from assets.backdrops.splat_file import SH_C0
from assets.backdrops.splats import SplatCloud
from lace.core.camera import PinholeCamera, intrinsics
from lace.core.errors import InvalidValueError
from lace.core.geometry import look_at
from tests.reference_backdrops import composite

SIZE = (48, 32)


def render(backdrop, cameras, draw, worlds=None):
    """Pictures (worlds, height, width, 3), by default of all cameras."""
    out = wp.zeros((worlds or len(cameras.K), cameras.height, cameras.width, 3), dtype=wp.uint8, device="cpu")
    backdrop.render(cameras, np.asarray(draw), out)
    return out.numpy()


def camera(targets, fov=0.9):
    """Cameras at the origin facing each of `targets`."""
    targets = np.atleast_2d(np.asarray(targets, float))
    K = np.tile(intrinsics(fov, *SIZE), (len(targets), 1, 1))
    return PinholeCamera(K, look_at(np.zeros_like(targets), targets), *SIZE)


def write_splats(path, centres, colours, scale=-4.0, quats=None, opacity=6.0, fields=None):
    """A 3DGS .ply file, by default of round, nearly opaque Gaussians; `fields` omits all other properties."""
    names = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2"]
    names += ["rot_0", "rot_1", "rot_2", "rot_3"]
    n = len(centres)
    quats = np.tile((1, 0, 0, 0), (n, 1)) if quats is None else quats
    shape = np.c_[np.broadcast_to(opacity, n), np.broadcast_to(scale, (n, 3)), quats]
    rows = np.c_[centres, (np.array(colours) - 0.5) / SH_C0, shape].astype("<f4")
    keep = [i for i, name in enumerate(names) if fields is None or name in fields]
    header = "ply\nformat binary_little_endian 1.0\n" + f"element vertex {n}\n"
    header += "".join(f"property float {names[i]}\n" for i in keep) + "end_header\n"
    path.write_bytes(header.encode() + np.ascontiguousarray(rows[:, keep]).tobytes())
    return path


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, value in (("a.png", 40), ("b.jpg", 200)):
        cv2.imwrite(str(folder / name), np.full((50, 70, 3), value, np.uint8))
    panorama = tmp_path / "around.png"
    cv2.imwrite(str(panorama), np.random.default_rng(0).integers(0, 255, (32, 64, 3), np.uint8))
    rng = np.random.default_rng(1)
    splat = write_splats(tmp_path / "lab.ply", rng.normal(size=(50, 3)), rng.random((50, 3)))
    return folder, panorama, splat


def test_every_backdrop_keeps_the_protocol(sources):
    for path, kind in zip(sources, (PhotoFolder, Panorama, SplatCloud), strict=True):
        backdrop = open_backdrop(path)
        assert isinstance(backdrop, kind) and isinstance(backdrop, Backdrop)
        cameras = camera([(1, 0, 0), (0, 1, 0), (1, 1, -0.3)])
        draw = np.random.default_rng(0).random((3, 3))
        images = render(backdrop, cameras, draw)
        assert images.shape == (3, SIZE[1], SIZE[0], 3) and images.dtype == np.uint8
        np.testing.assert_array_equal(images, render(backdrop, cameras, draw))


def test_photo_draw_picks_the_photo(sources):
    images = render(PhotoFolder(sources[0]), camera([(1, 0, 0)] * 2), [[0.1, 0.5, 0.9], [0.9, 0.0, 0.0]])
    assert abs(int(images[0].mean()) - 40) <= 1 and abs(int(images[1].mean()) - 200) <= 1


def test_photo_crop_keeps_the_aspect(tmp_path):
    y, x = np.mgrid[0:200, 0:400]
    cv2.imwrite(str(tmp_path / "ramp.png"), np.stack([x // 2, y, 0 * x], -1).astype(np.uint8)[..., ::-1])
    image = render(PhotoFolder(tmp_path), camera((1, 0, 0)), [[0.5, 0.3, 0.3]])[0].astype(float)
    per_x, per_y = np.diff(image[..., 0], axis=1).mean(), np.diff(image[..., 1], axis=0).mean()
    assert per_y / per_x == pytest.approx(2, rel=0.1)


def test_unreadable_photo_is_named(tmp_path):
    (tmp_path / "broken.jpg").write_text("no picture")
    with pytest.raises(InvalidValueError, match="broken.jpg"):
        render(PhotoFolder(tmp_path), camera((1, 0, 0)), np.zeros((1, 3)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.mkdir(), "holds no image"),
        (lambda path: None, "no such file or folder"),
        (lambda path: path.write_text("x"), "suffix"),
    ],
)
def test_open_says_what_is_wrong(tmp_path, make, message):
    path = tmp_path / "thing.xyz"
    make(path)
    with pytest.raises(InvalidValueError, match=message):
        open_backdrop(path)


@pytest.mark.parametrize(("azimuth", "column"), [(0.0, 32), (90.0, 16), (-90.0, 48), (45.0, 24)])
def test_panorama_shows_what_lies_in_that_direction(tmp_path, azimuth, column):
    image = np.zeros((32, 64, 3), np.uint8)
    image[:, column - 1 : column + 1] = (0, 0, 255)
    cv2.imwrite(str(tmp_path / "p.png"), image)
    a = np.radians(azimuth)
    seen = render(Panorama(tmp_path / "p.png"), camera((np.cos(a), np.sin(a), 0), 0.6), np.zeros((1, 3)))[0]
    profile = seen[..., 0].astype(float).mean(0)
    assert profile @ (np.arange(SIZE[0]) + 0.5) / profile.sum() == pytest.approx(SIZE[0] / 2, abs=0.5)
    assert seen[..., 1:].max() == 0


def test_panorama_up_is_row_zero_and_yaw_turns_it(tmp_path):
    image = np.zeros((32, 64, 3), np.uint8)
    image[:16] = 250
    cv2.imwrite(str(tmp_path / "p.png"), image)
    seen = render(Panorama(tmp_path / "p.png"), camera((1, 0, 0)), np.zeros((1, 3)))[0]
    assert seen[:14].min() > 240 and seen[-14:].max() < 10
    image[:, :32], image[:, 32:] = 250, 0
    cv2.imwrite(str(tmp_path / "p.png"), image)
    cameras = camera([(0, 1, 0)] * 2, 0.5)
    seen = render(Panorama(tmp_path / "p.png"), cameras, [[0.0, 0, 0], [0.5, 0, 0]])
    assert seen[0].min() > 240 and seen[1].max() < 10


def test_hdr_panorama_is_tone_mapped(tmp_path):
    light = np.random.default_rng(0).lognormal(0, 1.5, (16, 32, 3)).astype(np.float32) * 50
    cv2.imwrite(str(tmp_path / "sky.hdr"), light)
    image = Panorama(tmp_path / "sky.hdr").image.numpy()
    assert image.dtype == np.uint8 and 80 < np.median(image) < 170
    rising = tone_map(np.linspace(0, 20, 50)[:, None] * np.ones(3))
    assert (np.diff(rising[:, 0].astype(int)) >= 0).all()


def test_splat_colour_and_place(tmp_path):
    """Six balls on the axes of a z-up file: a camera facing one has that ball's colour at the image centre."""
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    colours = np.random.default_rng(0).uniform(0.1, 0.9, (6, 3))
    cloud = SplatCloud(write_splats(tmp_path / "s.ply", axes, colours, scale=-2.0), up="z", radius_m=2.0)
    eye = np.array([0, 0, 0.8])
    for axis, colour in zip(axes[[0, 1, 3, 4]], colours[[0, 1, 3, 4]], strict=True):
        view = PinholeCamera(intrinsics(0.8, *SIZE)[None], look_at(eye, eye + axis)[None], *SIZE)
        middle = render(cloud, view, np.zeros((1, 3)))[0, SIZE[1] // 2, SIZE[0] // 2]
        np.testing.assert_allclose(middle / 255, colour, atol=0.03)


def test_splats_composite_as_one_by_one():
    """The reference's vectorised composite equals drawing the Gaussians one by one, back to front."""
    rng = np.random.default_rng(3)
    n = 40
    screen, alpha, colours = rng.uniform(0, SIZE, (n, 2)), rng.uniform(0.05, 0.9, n), rng.random((n, 3))
    shape = rng.normal(size=(n, 2, 2)) * 3
    covariance = shape @ shape.swapaxes(1, 2) + np.eye(2)
    behind = np.array([0.2, 0.4, 0.6])
    got = composite(screen, covariance, colours, alpha, SIZE, behind)
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]] + 0.5
    want = np.tile(behind, (SIZE[1], SIZE[0], 1))
    for k in reversed(range(n)):
        d = np.stack([x, y], -1) - screen[k]
        a = alpha[k] * np.exp(-0.5 * np.einsum("hwi,ij,hwj->hw", d, np.linalg.inv(covariance[k]), d))
        a = np.where(a >= 1 / 255, np.minimum(a, 0.99), 0)[..., None]
        want = want * (1 - a) + a * colours[k]
    assert np.abs(got / 255 - want).max() < 0.01


def test_splat_without_colours_is_refused(tmp_path):
    path = write_splats(tmp_path / "bare.ply", np.eye(3), np.eye(3), fields=("x", "y", "z", "opacity"))
    with pytest.raises(InvalidValueError, match="f_dc_0"):
        SplatCloud(path)


@pytest.mark.parametrize("content", [b"hello", b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n"])
def test_other_ply_files_are_refused(tmp_path, content):
    (tmp_path / "odd.ply").write_bytes(content)
    with pytest.raises(InvalidValueError, match="odd.ply"):
        SplatCloud(tmp_path / "odd.ply")


def test_cut_off_splat_is_refused(tmp_path):
    path = write_splats(tmp_path / "cut.ply", np.eye(3), np.eye(3))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InvalidValueError, match="ends early"):
        SplatCloud(path)
