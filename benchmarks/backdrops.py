"""Milliseconds per image of each kind of backdrop: our kernels and numpy with OpenCV, measured in one run.

    uv run python -m benchmarks.backdrops --worlds 16 --image-size 224

The inputs are generated: photographs of 12 megapixels, a panorama of 4096 x 2048, Gaussians on the walls of a
room. Photographs are timed on first read and from the device cache.
"""

import argparse
import tempfile
import time
from pathlib import Path

import sim_envs.rendering.warp_start  # noqa: F401  # isort: skip  (before Warp is used, which starts it)

import cv2
import numpy as np
import warp as wp
from rich.console import Console
from rich.table import Table

from assets.backdrops.panorama import Panorama
from assets.backdrops.photos import PhotoFolder
from assets.backdrops.splat_file import read_splats
from assets.backdrops.splats import SplatCloud
from lace.core.camera import PinholeCamera, intrinsics
from lace.core.geometry import look_at
from tests import reference_backdrops as reference
from tests.assets.test_backdrops import write_splats

PHOTOS, PHOTO_SIZE, PANORAMA_SIZE = 6, (4000, 3000), (4096, 2048)


def picture(size: tuple[int, int], seed: int) -> np.ndarray:
    """Boxes of any colour, and noise."""
    rng = np.random.default_rng(seed)
    image = np.full((size[1], size[0], 3), rng.integers(60, 200, 3), np.uint8)
    for _ in range(40):
        corner = rng.integers(0, size)
        cv2.rectangle(
            image, corner.tolist(), (corner + np.array(size) // 8).tolist(), rng.integers(0, 256, 3).tolist(), -1
        )
    return image + rng.integers(0, 6, image.shape, np.uint8)


def room(path: Path, count: int) -> Path:
    """A 3DGS file of small flat Gaussians on the walls of a room of 8 x 6 x 3 m."""
    rng = np.random.default_rng(0)
    axis, centres = rng.integers(0, 3, count), rng.uniform(-1, 1, (count, 3))
    centres[np.arange(count), axis] = rng.choice([-1, 1], count)
    scales = np.log(0.022 * rng.uniform(0.5, 1.6, (count, 3)) * np.sqrt(1e5 / count))
    scales[np.arange(count), axis] = np.log(0.004)
    return write_splats(path, centres * (4, 3, 1.5), rng.random((count, 3)), scales, None, rng.uniform(1, 6, count))


def cameras(worlds: int, size: int) -> PinholeCamera:
    """Random viewing directions from near the middle."""
    rng = np.random.default_rng(1)
    K = np.tile(intrinsics(np.deg2rad(43), size, size), (worlds, 1, 1))
    eyes = rng.normal(0, 0.3, (worlds, 3)) + (0, 0, 0.6)
    return PinholeCamera(K, look_at(eyes, eyes + rng.normal(size=(worlds, 3)) * (1, 1, 0.4)), size, size)


def remapped(image: np.ndarray, camera: PinholeCamera, turns: np.ndarray) -> np.ndarray:
    """A panorama by OpenCV, which rounds positions to 1/32 pixel: faster than the reference in the tests."""
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    uv = np.broadcast_to(np.stack([x, y], -1).reshape(-1, 2), (len(turns), x.size, 2))
    ways = camera.unproject(uv, np.ones(uv.shape[:2])) - camera.T_world_cam[:, None, :3, 3]
    wide, (rows, columns), seen = np.concatenate([image[:, -1:], image, image[:, :1]], 1), image.shape[:2], []
    for way, turn in zip(ways.reshape(-1, camera.height, camera.width, 3), turns, strict=True):
        u = (0.5 - np.arctan2(way[..., 1], way[..., 0]) / (2 * np.pi) + turn) % 1.0 * columns + 0.5
        v = (0.5 - np.arctan2(way[..., 2], np.hypot(way[..., 0], way[..., 1])) / np.pi) * rows - 0.5
        maps = u.astype(np.float32), np.clip(v, 0, rows - 1).astype(np.float32)
        seen.append(cv2.remap(wide, *maps, cv2.INTER_LINEAR))
    return np.stack(seen)


def best_ms(step, worlds: int, repetitions: int) -> float:
    """Milliseconds per image, the best of several repetitions."""
    seconds = []
    for _ in range(repetitions):
        started = time.perf_counter()
        step()
        wp.synchronize()
        seconds.append(time.perf_counter() - started)
    return 1e3 * min(seconds) / worlds


def measure(folder: Path, worlds: int, size: int, repetitions: int) -> list[tuple[str, float, float]]:
    """Rows of (what, ours, numpy and OpenCV) [ms per image]."""
    for i in range(PHOTOS):
        cv2.imwrite(str(folder / f"{i}.jpg"), picture(PHOTO_SIZE, i))
    cv2.imwrite(str(folder / "around.png"), picture(PANORAMA_SIZE, 9))
    (folder / "photos").mkdir()
    for path in folder.glob("*.jpg"):
        path.rename(folder / "photos" / path.name)
    camera, draw = cameras(worlds, size), np.random.default_rng(2).random((worlds, 3))
    out = wp.empty((worlds, size, size, 3), dtype=wp.uint8, device="cpu")
    photos, around = PhotoFolder(folder / "photos"), Panorama(folder / "around.png")
    clouds = {count: room(folder / f"{count}.ply", count) for count in (20_000, 100_000)}
    PhotoFolder(folder / "photos").render(camera, draw, out)  # compiles
    old = best_ms(lambda: reference.photos(photos, (size, size), draw), worlds, 1)
    rows = [
        ("photographs, first use", best_ms(lambda: photos.render(camera, draw, out), worlds, 1), old),
        ("photographs, cached", best_ms(lambda: photos.render(camera, draw, out), worlds, repetitions), old),
    ]
    around.render(camera, draw, out)
    image = around.image.numpy()
    old = best_ms(lambda: remapped(image, camera, draw[:, 0]), worlds, repetitions)
    rows.append(("panorama", best_ms(lambda: around.render(camera, draw, out), worlds, repetitions), old))
    for count, path in clouds.items():
        cloud, splats = SplatCloud(path), read_splats(path)
        cloud.render(camera, draw, out)
        old = best_ms(lambda splats=splats: reference.splats(splats, camera, draw[:, 0]), worlds, 1)
        rows.append(
            (f"splats, {count:,}", best_ms(lambda c=cloud: c.render(camera, draw, out), worlds, repetitions), old)
        )
    return rows


def main() -> None:
    """Prints the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--worlds", type=int, default=16)
    options.add_argument("--image-size", type=int, default=224)
    options.add_argument("--repetitions", type=int, default=5)
    given = options.parse_args()
    table = Table(
        "backdrop", "kernels [ms]", "numpy, OpenCV [ms]", "ratio", title=f"{given.worlds} worlds, {given.image_size} px"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, ours, old in measure(Path(folder), given.worlds, given.image_size, given.repetitions):
            table.add_row(name, f"{ours:.1f}", f"{old:.1f}", f"{old / ours:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
