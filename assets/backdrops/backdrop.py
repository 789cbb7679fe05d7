"""The `Backdrop` protocol, and the reader for each kind of file."""

from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import warp as wp

from assets.backdrops.panorama import PANORAMA_SUFFIXES, Panorama
from assets.backdrops.photos import PhotoFolder
from assets.backdrops.splats import SplatCloud
from lace.core.camera import PinholeCamera
from lace.core.errors import InvalidValueError


@runtime_checkable
class Backdrop(Protocol):
    """A background image source for rendered scenes."""

    device: str
    """Device that it renders on: "cpu" or "cuda:0"."""
    working_bytes: int
    """Upper bound on device memory besides the output images, for any number of worlds [bytes]."""

    def render(self, camera: PinholeCamera, draw: np.ndarray, out: wp.array) -> None:
        """Renders into `out`. Each image is independent of the other images in the batch.

        Args:
            camera: A batch of at least n: K (worlds, 3, 3), T_world_cam (worlds, 4, 4).
            draw: Uniform random numbers in [0, 1) (worlds, 3).
            out: (n, height, width, 3) uint8 sRGB on the device, for the first n worlds.
        """
        ...


def open_backdrop(path: str | Path, device: str = "cpu") -> Backdrop:
    """The backdrop at `path`: a folder of photos, a panorama, or a Gaussian-splat .ply.

    Raises:
        InvalidValueError: `path` does not exist or is of no supported type.
    """
    path = Path(path)
    expected = f"a folder of photos, a panorama ({', '.join(PANORAMA_SUFFIXES)}) or a 3D Gaussian splat (.ply)"
    if path.is_dir():
        return PhotoFolder(path, device)
    if not path.exists():
        raise InvalidValueError(
            f"opening the backdrop {path}", "there is no such file or folder", expected, "check the path"
        )
    if path.suffix.lower() == ".ply":
        return SplatCloud(path, device)
    if path.suffix.lower() in PANORAMA_SUFFIXES:
        return Panorama(path, device)
    raise InvalidValueError(
        f"opening the backdrop {path}", f"the suffix {path.suffix!r} is not known", expected, "convert the file"
    )
