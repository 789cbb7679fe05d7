"""A recording from an MCAP file: images and joint states as JSON messages or as ROS 2 ones, by the mcap library.

JSON topics: images {"data": base64, "format": "jpeg" | "png"} (Foxglove's CompressedImage), joint states
{"name": [...], "position": [...]}. ROS 2 topics: sensor_msgs/CompressedImage, sensor_msgs/Image (rgb8, bgr8),
sensor_msgs/JointState; those need the package mcap-ros2-support.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lace.core.errors import DatasetError, InvalidValueError
from lace.data.camera_file import CalibratedCamera
from lace.data.recordings.columns import renamed
from lace.data.recordings.recording import Recording

NANO = 1e-9


def read_mcap(
    path: Path, lens: CalibratedCamera, joints: Mapping[str, str], images: str | None = None, states: str | None = None
) -> Recording:
    """The whole file.

    Args:
        path: The file.
        lens: The camera.
        joints: {joint name in the file: the robot's}; names that are the same may be left out.
        images: Topic of the images; None where one topic alone carries images.
        states: Topic of the joint states, likewise.

    Raises:
        DatasetError: The file is damaged or an encoding cannot be read.
        InvalidValueError: A topic has to be chosen.
    """
    if find_spec("mcap") is None:
        raise DatasetError(
            f"reading {path}", "the package mcap is not installed", "it", "install lace-testbed[recordings]"
        )
    topics = _topics(path)
    picture, state = _chosen(topics, images, "image", "--images"), _chosen(topics, states, "joint", "--states")
    stamps: dict[str, list[float]] = {picture: [], state: []}
    stored: list[bytes | np.ndarray] = []
    names: list[str] = []
    positions: list[list[float]] = []
    for topic, stamp, message in _messages(path, [picture, state]):
        stamps[topic].append(stamp)
        if topic == picture:
            stored.append(_image_bytes(path, message))
        else:
            names = names or list(_field(message, "name"))
            positions.append(list(_field(message, "position")))

    def image(number: int) -> np.ndarray:
        one = stored[number]
        if isinstance(one, bytes):
            decoded = cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR)
            if decoded is None:
                raise DatasetError(
                    f"reading {path}", f"image {number} does not decode", "JPEG or PNG", "record it again"
                )
            one = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
        return lens.rectified(one)

    angles = np.array(positions, float).reshape(len(positions), -1)
    return Recording(
        path.stem,
        renamed(names, joints),
        np.array(stamps[picture]),
        image,
        np.array(stamps[state]),
        angles,
        lens.camera,
    )


def _topics(path: Path) -> dict[str, str]:
    """Name of the schema of each topic."""
    from mcap.reader import make_reader

    with _DamageNamed(path), path.open("rb") as stream:
        summary = make_reader(stream).get_summary()
        if summary is None:
            raise DatasetError(
                f"reading {path}", "it has no summary", "a finished MCAP file", "run `mcap recover` on it"
            )
        schemas = summary.schemas
        return {c.topic: schemas[c.schema_id].name if c.schema_id in schemas else "" for c in summary.channels.values()}


def _chosen(topics: Mapping[str, str], wanted: str | None, kind: str, option: str) -> str:
    if wanted is not None and wanted in topics:
        return wanted
    fitting = [topic for topic, schema in topics.items() if kind in schema.lower() or kind in topic.lower()]
    if wanted is None and len(fitting) == 1:
        return fitting[0]
    raise InvalidValueError(
        f"choosing the topic of the {kind}s",
        repr(wanted) if wanted else f"{len(fitting)} topics could be it",
        f"one of {', '.join(topics)}",
        f"give {option} TOPIC",
    )


def _messages(path: Path, topics: list[str]) -> Iterator[tuple[str, float, Any]]:
    """(topic, stamp [s], message) in order of time; the stamp is the message's own where it has one."""
    from mcap.reader import make_reader

    decoders: dict[int, Any] = {}
    with _DamageNamed(path), path.open("rb") as stream:
        for schema, channel, message in make_reader(stream).iter_messages(topics=topics):
            if channel.id not in decoders:
                decoders[channel.id] = _decoder(path, channel.message_encoding, schema)
            decoded = decoders[channel.id](message.data)
            yield channel.topic, _stamp(decoded, message.log_time), decoded


def _decoder(path: Path, encoding: str, schema: Any):
    if encoding == "json":
        return json.loads
    if encoding == "cdr":
        try:
            from mcap_ros2.decoder import DecoderFactory
        except ImportError as error:
            raise DatasetError(
                f"reading {path}", "ROS 2 messages, and the package mcap-ros2-support is not installed", "that package",
                "install lace-testbed[recordings]",
            ) from error  # fmt: skip
        return DecoderFactory().decoder_for("cdr", schema)
    raise DatasetError(
        f"reading {path}", f"messages encoded as {encoding!r}", "json or cdr (ROS 2)", "convert the file"
    )


def _stamp(message: Any, log_time: int) -> float:
    """The header's stamp, or Foxglove's timestamp, else when the message was logged [s]."""
    header = _field(message, "header", None)
    stamp = _field(header, "stamp", None) if header is not None else _field(message, "timestamp", None)
    if stamp is None:
        return log_time * NANO
    seconds = _field(stamp, "sec", 0)
    return float(seconds) + float(_field(stamp, "nanosec", _field(stamp, "nsec", 0))) * NANO


_MISSING = object()


def _field(message: Any, name: str, default: Any = _MISSING) -> Any:
    value = message.get(name, default) if isinstance(message, dict) else getattr(message, name, default)
    if value is _MISSING:
        raise DatasetError(
            "reading a message", f"no field {name!r}", "an image or a joint state", "choose another topic"
        )
    return value


def _image_bytes(path: Path, message: Any) -> bytes | np.ndarray:
    """The bytes of an image file, or RGB (height, width, 3) uint8."""
    data = _field(message, "data")
    if isinstance(data, str):
        return base64.b64decode(data)
    encoding = _field(message, "encoding", None)
    if encoding is None:
        return bytes(data)
    if encoding not in ("rgb8", "bgr8"):
        raise DatasetError(f"reading {path}", f"images in {encoding}", "rgb8, bgr8 or compressed", "convert the topic")
    pixels = np.frombuffer(bytes(data), np.uint8).reshape(_field(message, "height"), -1)
    pixels = pixels[:, : 3 * _field(message, "width")].reshape(len(pixels), -1, 3)
    return np.ascontiguousarray(pixels[..., ::-1] if encoding == "bgr8" else pixels)


class _DamageNamed:
    """Turns the mcap library's errors into ours."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        from mcap.exceptions import McapError

        if isinstance(error, (McapError, OSError, json.JSONDecodeError)):
            raise DatasetError(
                f"reading {self.path}",
                str(error) or type(error).__name__,
                "a whole MCAP file",
                "run `mcap recover` on it",
            ) from error
