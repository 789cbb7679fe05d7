"""Converts a labelled frame to a row of a Parquet shard and back. Lossy only for JPEG, depth steps and draws."""

import json
import math
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from lace.core import keypoints
from lace.core.errors import DatasetError, InvalidValueError
from lace.core.frames import FrameRecord, Segment

EncodedFrame = dict[str, Any]
"""A row: column name -> Python scalar, bytes, str, flat NumPy array, or None if not known."""

DEPTH_UNIT_M = 0.0002
"""One step of the 16-bit depth image [m]: 0.1 mm rounding error, saturates at 65535 steps = 13.107 m."""
BOX_NAMES = (
    "embodiment@segmentation",
    "hand@segmentation",
    "embodiment@keypoints",
    "target@segmentation",
    "target@owlv2",
)
IMAGE_FORMATS = ("jpg", "png")
METADATA_KEY = b"lace"
_FLOATS, _DOUBLES = pa.list_(pa.float32()), pa.list_(pa.float64())
_FULL_CHROMA_FROM_QUALITY = 90
"""From this JPEG quality on, chroma is kept at full resolution (4:4:4): 0.18 ms more a 224x224 frame, measured."""

# OpenCV 4.14, 224x224, one core: 0.06 ms segmentation, 0.77 ms depth; other strategies, filters and levels are
# slower or larger (level 0 included: 0.81 ms for depth).
_PNG_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT]
_SEGMENTATION_PNG = [*_PNG_FAST, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]
_DEPTH_PNG = [*_PNG_FAST, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]


def box_column(name: str) -> str:
    """Column of a box: "embodiment@segmentation" -> "box_embodiment_segmentation"."""
    return "box_" + name.replace("@", "_")


SCHEMA = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("attempt", pa.int32(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("embodiment", pa.string(), nullable=False),
        pa.field("preset", pa.string(), nullable=False),
        pa.field("room", pa.string(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("image", pa.binary(), nullable=False),
        pa.field("image_format", pa.string(), nullable=False),
        pa.field("segmentation", pa.binary()),
        pa.field("depth", pa.binary()),
        pa.field("keypoints_uv", _FLOATS, nullable=False),
        pa.field("keypoints_world", _FLOATS),
        pa.field("visibility", pa.list_(pa.uint8()), nullable=False),
        pa.field("K", _DOUBLES),
        pa.field("T_world_cam", _DOUBLES),
        pa.field("distortion", _DOUBLES),
        pa.field("joint_positions", _FLOATS),
        pa.field("T_world_link", _FLOATS),
        *(pa.field(box_column(name), _FLOATS) for name in BOX_NAMES),
        pa.field("objects", pa.string(), nullable=False),
        pa.field("draws", pa.string(), nullable=False),
    ]
)
"""Columns of a shard; matrices and point lists are flat, row major. Units as in `FrameRecord`."""
BINARY_COLUMNS = ("image", "segmentation", "depth")


def constants_of(record: FrameRecord) -> dict[str, Any]:
    """Values that all frames of a shard share, stored in its metadata: segments, joint_names, link_names."""
    return {
        "segments": [[s.id, s.name, s.semantic, s.instance] for s in record.segments],
        "joint_names": list(record.joint_names),
        "link_names": list(record.link_names),
    }


def encode_frame(record: FrameRecord, image_format: str = "jpg", quality: int = 95) -> EncodedFrame:
    """The record as a row of `SCHEMA`; the same record gives the same bytes.

    Args:
        record: The frame.
        image_format: "jpg", or "png" without loss.
        quality: JPEG quality, 1 to 100; ignored for PNG.
    """
    height, width = record.image.shape[:2]
    row = {name: getattr(record, name) for name in ("index", "seed", "attempt", "source", "embodiment", "preset")}
    row["seed"] = (record.seed + 2**63) % 2**64 - 2**63  # any integer, modulo 2**64 as `Draws` takes it
    row |= {"room": record.room, "width": width, "height": height, "image_format": image_format}
    row["image"] = encode_image(record.image, image_format, quality)
    row["segmentation"] = None if record.segmentation is None else _png(record.segmentation, _SEGMENTATION_PNG)
    row["depth"] = None if record.depth_m is None else _png(_depth_steps(record.depth_m), _DEPTH_PNG)
    for name in ("keypoints_uv", "keypoints_world", "joint_positions", "T_world_link"):
        row[name] = _flat(getattr(record, name), np.float32)
    row |= {name: _flat(getattr(record, name), np.float64) for name in ("K", "T_world_cam", "distortion")}
    row["visibility"] = _flat(record.visibility, np.uint8)
    row |= {box_column(name): _flat(record.boxes.get(name), np.float32) for name in BOX_NAMES}
    row["objects"], row["draws"] = to_json(record.objects), to_json(record.draws)
    return row


def encode_image(image: np.ndarray, image_format: str = "jpg", quality: int = 95) -> bytes:
    """RGB (height, width, 3) uint8 as the bytes of a JPEG or PNG file."""
    if image_format not in IMAGE_FORMATS:
        raise InvalidValueError(
            "encoding an image", f"format {image_format!r}", f"one of {', '.join(IMAGE_FORMATS)}", "choose one of them"
        )
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    if image_format == "png":
        return _png(bgr, _PNG_FAST)
    full = quality >= _FULL_CHROMA_FROM_QUALITY
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444 if full else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    options = [cv2.IMWRITE_JPEG_QUALITY, int(quality), cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    return cv2.imencode(".jpg", bgr, options)[1].tobytes()


def decode_row(row: Mapping[str, Any], constants: Mapping[str, Any]) -> FrameRecord:
    """The record of a row; `constants` as from `constants_of`. Fields that were not known are None."""
    known = {name: row[column] for name in BOX_NAMES if row.get(column := box_column(name)) is not None}
    segmentation, depth = row["segmentation"], row["depth"]
    return FrameRecord(
        image=cv2.cvtColor(_decoded(row, "image", cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB),
        keypoints_uv=_known(row["keypoints_uv"], (keypoints.COUNT, 2)),
        visibility=_known(row["visibility"], (keypoints.COUNT,), np.uint8),
        keypoints_world=_shaped(row["keypoints_world"], (keypoints.COUNT, 3)),
        K=_shaped(row["K"], (3, 3), np.float64),
        T_world_cam=_shaped(row["T_world_cam"], (4, 4), np.float64),
        distortion=_shaped(row.get("distortion"), (-1,), np.float64),  # not in datasets made before there were lenses
        segmentation=None if segmentation is None else _decoded(row, "segmentation", cv2.IMREAD_UNCHANGED),
        segments=tuple(Segment(*values) for values in constants.get("segments", ())),
        depth_m=None if depth is None else _metres(_decoded(row, "depth", cv2.IMREAD_UNCHANGED)),
        boxes={name: _known(value, (4,)) for name, value in known.items()},
        joint_names=tuple(constants.get("joint_names", ())),
        joint_positions=_shaped(row["joint_positions"], (-1,)),
        link_names=tuple(constants.get("link_names", ())),
        T_world_link=_shaped(row["T_world_link"], (-1, 4, 4)),
        objects=json.loads(row["objects"]),
        draws=json.loads(row["draws"]),
        **{n: row[n] for n in ("embodiment", "index", "seed", "attempt", "source", "preset", "room")},
    )


def to_json(value: Any) -> str:
    """Compact JSON of numpy and python values: floats to 7 significant digits (float32's), not-finite ones as null."""
    return json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _flat(value: np.ndarray | None, dtype: type) -> np.ndarray | None:
    return None if value is None else np.asarray(value, dtype).reshape(-1)


def _known(value: Any, shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
    return np.array(value, dtype).reshape(shape)


def _shaped(value: Any, shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray | None:
    return None if value is None else _known(value, shape, dtype)


def _depth_steps(depth_m: np.ndarray) -> np.ndarray:
    """uint16 steps of DEPTH_UNIT_M; 0 if there is no surface (0 or not finite), 65535 beyond the range."""
    steps = np.multiply(depth_m, np.float32(1 / DEPTH_UNIT_M), dtype=np.float32)
    steps = np.nan_to_num(steps, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return (np.clip(steps, 0, np.iinfo(np.uint16).max, out=steps) + np.float32(0.5)).astype(np.uint16)


def _metres(steps: np.ndarray) -> np.ndarray:
    return steps.astype(np.float32) * np.float32(DEPTH_UNIT_M)


def _png(image: np.ndarray, options: list[int]) -> bytes:
    return cv2.imencode(".png", image, options)[1].tobytes()


def _decoded(row: Mapping[str, Any], column: str, flags: int) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(row[column], np.uint8), flags)
    if image is None or image.shape[:2] != (row["height"], row["width"]):
        raise DatasetError(
            f"decoding the {column} of frame {row['index']}",
            "unreadable bytes" if image is None else f"an image of shape {image.shape}",
            f"an image of {row['width']}x{row['height']} pixels",
            "run `lace data verify` on the dataset, delete the named shard and generate again",
        )
    return image
