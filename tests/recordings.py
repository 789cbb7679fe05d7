"""Synthetic recordings for tests: a swinging robot, drawn as bright spots at its keypoints, in every format read."""

import json
from pathlib import Path

import numpy as np

from assets.robots import ROBOTS
from lace.core.camera import PinholeCamera, intrinsics
from lace.core.geometry import Array, look_at
from lace.core.kinematics import Kinematics
from lace.data.recordings.recording import Recording
from lace.data.schema import encode_image

BODY = ROBOTS["xarm7_leap"](None).embodiment
KINEMATICS = Kinematics(BODY)
WIDTH, HEIGHT = 224, 168
CAMERA = PinholeCamera(
    intrinsics(np.deg2rad(50), WIDTH, HEIGHT), look_at([1.2, 0.3, 0.6], [0.35, 0, 0.35]), WIDTH, HEIGHT
)


def swing(stamps_s: Array) -> Array:
    """Joint angles (n, joints) [rad] of a motion that accelerates and decelerates."""
    q = np.tile(BODY.home, (len(stamps_s), 1))
    q[:, 0] += 0.35 * np.sin(2.1 * stamps_s) + 0.2 * np.sin(5.3 * stamps_s)
    q[:, 3] += 0.15 * np.sin(3.7 * stamps_s)
    return q


def spots(q: Array) -> np.ndarray:
    """RGB (HEIGHT, WIDTH, 3) uint8 with a soft spot at each keypoint of joints (joints,)."""
    uv, _depth = CAMERA.project(KINEMATICS.keypoints(KINEMATICS.link_poses(q))[BODY.present])
    v, u = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    light = sum(np.exp(-((u - x) ** 2 + (v - y) ** 2) / 18) for x, y in uv)
    return np.repeat(np.clip(40 + 160 * light, 0, 255).astype(np.uint8)[..., None], 3, 2)


def made_up(lag_s: float = 0.0, seconds: float = 4.0) -> Recording:
    """Images at 20 Hz, states at 50 Hz; an image shows the joints at `lag_s` before its time stamp."""
    images, states = np.arange(0.2, seconds - 0.2, 0.05), np.arange(0, seconds, 0.02)
    return Recording(
        "made_up",
        BODY.joint_names,
        images,
        lambda i: spots(swing(images[i : i + 1] - lag_s)[0]),
        states,
        swing(states),
        CAMERA,
    )


def lens_file(path: Path) -> Path:
    """The calibration file of CAMERA."""
    row = {
        "K": CAMERA.K.tolist(),
        "distortion": [],
        "T_base_cam": CAMERA.T_world_cam.tolist(),
        "width": WIDTH,
        "height": HEIGHT,
    }
    path.write_text(json.dumps(row))
    return path


def as_mcap(recording: Recording, path: Path, encoding: str = "json", names: dict[str, str] | None = None) -> Path:
    """The recording as an MCAP file of JSON messages; `names` renames joints (ours -> theirs)."""
    import base64

    from mcap.writer import Writer

    theirs = [(names or {}).get(name, name) for name in recording.joint_names]
    with path.open("wb") as stream:
        writer = Writer(stream)
        writer.start()
        channels = {}
        for topic, schema in (
            ("/camera/image", "foxglove.CompressedImage"),
            ("/joint_states", "sensor_msgs/JointState"),
        ):
            schema_id = writer.register_schema(schema, "jsonschema", b"{}")
            channels[topic] = writer.register_channel(topic, encoding, schema_id)

        def add(topic: str, stamp: float, message: dict) -> None:
            at = int(stamp * 1e9)
            message["timestamp"] = {"sec": at // 10**9, "nsec": at % 10**9}
            late = at + 30_000_000  # logged later than stamped
            writer.add_message(channels[topic], late, json.dumps(message).encode(), late)

        for i, stamp in enumerate(recording.image_stamps_s):
            data = base64.b64encode(encode_image(recording.image(i), "png")).decode()
            add("/camera/image", stamp, {"data": data, "format": "png"})
        for stamp, q in zip(recording.state_stamps_s, recording.joint_positions, strict=True):
            add("/joint_states", stamp, {"name": theirs, "position": q.tolist()})
        writer.finish()
    return path


HEADER = "std_msgs/Header header\n"
DEFINITIONS = """
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""


def as_ros2(recording: Recording, path: Path) -> Path:
    """The recording as ROS 2 messages: a raw image topic and a JointState topic."""
    from mcap_ros2.writer import Writer

    image_fields = "uint32 height\nuint32 width\nstring encoding\nuint8 is_bigendian\nuint32 step\nuint8[] data"
    with path.open("wb") as stream:
        writer = Writer(stream)
        images = writer.register_msgdef("sensor_msgs/msg/Image", HEADER + image_fields + DEFINITIONS)
        states = writer.register_msgdef(
            "sensor_msgs/msg/JointState", HEADER + "string[] name\nfloat64[] position" + DEFINITIONS
        )

        def add(topic: str, schema, stamp: float, fields: dict) -> None:
            at = round(stamp * 1e9)
            header = {"stamp": {"sec": at // 10**9, "nanosec": at % 10**9}, "frame_id": "base"}
            writer.write_message(topic, schema, {"header": header} | fields, at)

        for i, stamp in enumerate(recording.image_stamps_s):
            data = recording.image(i)[..., ::-1].tobytes()
            size = {"height": HEIGHT, "width": WIDTH, "encoding": "bgr8", "is_bigendian": 0, "step": 3 * WIDTH}
            add("/camera/image_raw", images, stamp, size | {"data": data})
        for stamp, q in zip(recording.state_stamps_s, recording.joint_positions, strict=True):
            add("/joint_states", states, stamp, {"name": list(recording.joint_names), "position": q.tolist()})
        writer.finish()
    return path


def as_lerobot(recording: Recording, folder: Path, fps: int = 20) -> Path:
    """The recording as a LeRobot dataset: one row per image, with the joints at its time."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    names = list(recording.joint_names)
    features = {
        "observation.state": {"dtype": "float32", "shape": (len(names),), "names": names},
        "observation.images.front": {
            "dtype": "image", "shape": (HEIGHT, WIDTH, 3), "names": ["height", "width", "channels"]
        },
    }  # fmt: skip
    dataset = LeRobotDataset.create("local/made_up", fps=fps, features=features, root=folder, use_videos=False)
    for i, q in enumerate(recording.joints_at(recording.image_stamps_s)):
        image = recording.image(i)
        dataset.add_frame(
            {"observation.state": q.astype(np.float32), "observation.images.front": image, "task": "swing"}
        )
    dataset.save_episode()
    if hasattr(dataset, "finalize"):
        dataset.finalize()
    return folder
