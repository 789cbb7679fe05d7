"""Image files, and the crop around a hand with its labels."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from lace.core.counting import counted
from lace.core.errors import InvalidValueError
from lace.core.files import file_content, is_lfs_pointer, walk
from lace.core.frames import FrameRecord
from lace.core.keypoints import Visibility, keypoint_box
from lace.data.imports.writing import SkipFrame

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
CROP_SCALE = 2.0
"""Side of the crop over the longer side of the hand's box: the hand fills a quarter of the image. Our choice; the
paper's crops are random."""


def image_files(folder: str | Path) -> list[Path]:
    """Image files below `folder`, linked folders included, sorted; InvalidValueError if there is none."""
    files = sorted(path for path in walk(folder) if path.suffix.lower() in SUFFIXES)
    if not files:
        from lace.data.imports.film import SUFFIXES as VIDEOS  # which imports the video decoder

        got, then = "there are none" if Path(folder).is_dir() else "there is no such folder", "check the path"
        videos = [path for path in walk(folder) if path.suffix.lower() in VIDEOS]
        if videos:
            got, then = (
                f"there are none, but {counted(len(videos), 'video')}",
                f"take frames of them: lace import video {folder}",
            )
        raise InvalidValueError(f"looking for images in {folder}", got, f"files ending in {', '.join(SUFFIXES)}", then)
    return files


def read_image(path: str | Path, labelled_size: tuple[int, int] | None = None) -> np.ndarray:
    """RGB (height, width, 3) uint8, upright: rotated as the file's EXIF orientation says, as every viewer shows it.

    Args:
        path: Image file.
        labelled_size: (width, height) [px] that the labels were made in, if known. A photograph that was labelled
            as stored, without its rotation, is then returned as stored.

    Raises:
        SkipFrame: The file is missing or unreadable, or the labels fit neither way round.
    """
    content = _read(Path(path))
    upright = _decoded(content, cv2.IMREAD_COLOR, path)
    if labelled_size is None:
        return upright
    stored = _decoded(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION, path)
    return _labelled(upright, stored, labelled_size)


def _labelled(upright: np.ndarray, stored: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Whichever of the two images the labels of `size` were made on."""
    fits = [image for image in (upright, stored) if image.shape[1::-1] == size]
    if not fits:
        wide, high = upright.shape[1::-1]
        raise SkipFrame("another size than the labels say", f"the file is {wide}x{high}, labels {size[0]}x{size[1]}")
    if len(fits) == 2 and not np.array_equal(upright, stored):
        raise SkipFrame("rotated by EXIF", "its size does not tell whether it was labelled upright")
    return fits[0]


def _read(path: Path) -> bytes:
    try:
        content = file_content(path)
    except FileNotFoundError as error:
        raise SkipFrame("missing image", path.name) from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise SkipFrame("unreadable image", f"{path.name[:80]}: {getattr(error, 'strerror', None) or error}") from error
    if is_lfs_pointer(content):
        raise SkipFrame("Git LFS pointer instead of an image", f"{path.name}: run `git lfs pull`")
    return content


def _decoded(content: bytes, flags: int, path: str | Path) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(content or b"\0", np.uint8), flags)
    except cv2.error as error:  # more pixels than OpenCV accepts
        raise SkipFrame("unreadable image", f"{Path(path).name}: {error.err}") from error
    if image is None:
        raise SkipFrame("unreadable image", Path(path).name)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def settle(record: FrameRecord) -> FrameRecord:
    """The record with OUT_OF_VIEW where a present keypoint lies outside the image, and with its keypoint box."""
    height, width = record.image.shape[:2]
    uv, visibility = record.keypoints_uv.astype(np.float32), record.visibility.astype(np.uint8)
    inside = ((uv >= 0) & (uv < (width, height))).all(1)
    visibility[(visibility >= Visibility.OCCLUDED) & ~inside] = Visibility.OUT_OF_VIEW
    uv[visibility == Visibility.ABSENT] = np.nan
    boxes = {**record.boxes, "embodiment@keypoints": keypoint_box(uv, visibility)}
    return replace(record, keypoints_uv=uv, visibility=visibility, boxes=boxes)


def crop_square(record: FrameRecord, box: np.ndarray, scale: float = CROP_SCALE) -> FrameRecord:
    """A square around the centre of a box, moved and shrunk to stay inside the image.

    Args:
        record: A frame without camera, segmentation and depth (a photograph); its labels are moved too.
        box: xyxy (4,) [px].
        scale: Side of the square over the box's longer side.
    """
    height, width = record.image.shape[:2]
    side = int(np.clip(round(float((box[2:] - box[:2]).max()) * scale), min(16, height, width), min(height, width)))
    corner = np.round((box[:2] + box[2:]) / 2 - side / 2)
    x, y = np.clip(corner, 0, (width - side, height - side)).astype(int)
    image = np.ascontiguousarray(record.image[y : y + side, x : x + side])
    return settle(replace(record, image=image, keypoints_uv=record.keypoints_uv - np.array([x, y], np.float32)))


def resize(record: FrameRecord, size: int) -> FrameRecord:
    """The frame scaled so that its longer side is `size` px; each axis has its own whole-pixel ratio."""
    height, width = record.image.shape[:2]
    ratio = size / max(height, width)
    new = max(1, round(width * ratio)), max(1, round(height * ratio))
    way = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
    uv = record.keypoints_uv * (np.array(new) / (width, height))
    return settle(replace(record, image=cv2.resize(record.image, new, interpolation=way), keypoints_uv=uv))
