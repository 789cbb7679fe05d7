"""Small synthetic frames with consistent labels: a coloured disc as the robot, a square as the target."""

import json
from pathlib import Path

import numpy as np

from lace.core import keypoints
from lace.core.camera import PinholeCamera, intrinsics
from lace.core.frames import FrameRecord, Segment
from lace.core.geometry import look_at
from lace.core.keypoints import Visibility, keypoint_box
from lace.data.dataset import META_NAME, SHARDS_NAME
from lace.data.schema import constants_of, encode_frame, to_json
from lace.data.shards import shard_name, write_shard

SEGMENTS = (
    Segment(1, "room/wall", "room", "room"),
    Segment(2, "robot/arm", "robot", "robot"),
    Segment(3, "robot/hand", "robot", "robot"),
    Segment(4, "target", "target", "target"),
)
HUMAN_SEGMENTS = tuple(
    Segment(s.id, s.name.replace("robot", "human"), "human", "human") if s.semantic == "robot" else s for s in SEGMENTS
)
WALL_M, ROBOT_M, TARGET_M = 3.0, 1.0, 0.8
"""Depth of each thing [m]."""
PRESENT = 17
"""The last four keypoints (little finger) are absent, as on the LEAP Hand."""


def make_frame(index: int = 0, size: int = 96, seed: int = 0, human: bool = False) -> FrameRecord:
    """A consistent record of `size` x `size` pixels, different for every (index, seed); of a robot or of a human."""
    rng = np.random.default_rng([seed, index])
    pixels = np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5), -1)
    centre, radius = size * rng.uniform(0.4, 0.6, 2), size * 0.3
    image = np.clip(rng.normal(110, 25, (size, size, 3)), 0, 255).astype(np.uint8)
    segmentation = np.ones((size, size), np.uint8)
    depth = np.full((size, size), WALL_M, np.float32)
    disc = np.linalg.norm(pixels - centre, axis=-1) < radius
    segmentation[disc] = np.where(pixels[disc][:, 1] > centre[1], 2, 3)
    depth[disc], image[disc] = ROBOT_M, (image[disc] // 2 + [110, 60, 20]).astype(np.uint8)
    corner = (np.array(centre) + radius * 0.3).astype(int)
    square = (slice(corner[1], corner[1] + size // 8), slice(corner[0], corner[0] + size // 8))
    segmentation[square], depth[square], image[square] = 4, TARGET_M, [30, 160, 40]
    record = FrameRecord(
        image=image,
        embodiment="human_synthetic" if human else "synthetic",
        index=index,
        seed=seed,
        source="synthetic",
        preset="test",
        room=("lab", "kitchen")[index % 2],
        segmentation=segmentation,
        segments=HUMAN_SEGMENTS if human else SEGMENTS,
        depth_m=depth,
        keypoints_uv=np.full((keypoints.COUNT, 2), np.nan, np.float32),
        visibility=np.zeros(keypoints.COUNT, np.uint8),
        joint_names=("shoulder", "elbow"),
        joint_positions=rng.uniform(-1, 1, 2).astype(np.float32),
        link_names=("arm", "hand"),
        T_world_link=np.tile(np.eye(4, dtype=np.float32), (2, 1, 1)),
        objects=[{"name": "doll_green", "family": "doll", "role": "target", "scale": 1.0}],
        draws={"light.intensity": float(rng.uniform(0, 2)), "camera.position": rng.uniform(-1, 1, 3), "shadows": True},
    )
    _place_keypoints(record, rng, centre, radius)
    record.boxes = _boxes(record)
    return record


def _place_keypoints(record: FrameRecord, rng: np.random.Generator, centre: np.ndarray, radius: float) -> None:
    """World keypoints on the disc (number 16 left of the image), projected; visibility from the segmentation."""
    size = len(record.image)
    camera = PinholeCamera(intrinsics(0.9, size, size), look_at([1.5, 0.4, 1.1], [0, 0, 0.2]), size, size)
    angle, reach = rng.uniform(0, 2 * np.pi, PRESENT), radius * 0.9 * np.sqrt(rng.uniform(0, 1, PRESENT))
    uv = centre + np.stack([np.cos(angle), np.sin(angle)], -1) * reach[:, None]
    uv[-1] = (-5.0, size / 2)
    record.K, record.T_world_cam = camera.K, camera.T_world_cam
    record.keypoints_world = np.full((keypoints.COUNT, 3), np.nan, np.float32)
    record.keypoints_world[:PRESENT] = camera.unproject(uv, np.full(PRESENT, ROBOT_M))
    record.keypoints_uv[:PRESENT] = camera.project(record.keypoints_world[:PRESENT])[0]
    for k in range(PRESENT):
        u, v = np.floor(record.keypoints_uv[k]).astype(int)
        if not (0 <= u < size and 0 <= v < size):
            record.visibility[k] = Visibility.OUT_OF_VIEW
            continue
        hidden = record.segmentation[v, u] == 4
        record.visibility[k] = Visibility.OCCLUDED if hidden else Visibility.VISIBLE


def _boxes(record: FrameRecord) -> dict[str, np.ndarray]:
    masks = {
        "embodiment@segmentation": record.mask(semantic=record.segments[1].semantic),
        "hand@segmentation": record.mask(name=record.segments[2].name),
        "target@segmentation": record.mask(semantic="target"),
    }
    boxes = {}
    for name, mask in masks.items():
        rows, columns = np.nonzero(mask)
        boxes[name] = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32)
    return boxes | {"embodiment@keypoints": keypoint_box(record.keypoints_uv, record.visibility)}


def make_dataset(
    folder: Path, frames: int = 6, per_shard: int = 4, size: int = 96, seed: int = 0, human: bool = False
) -> Path:
    """A finished dataset folder of `frames` synthetic frames; returns the folder."""
    records = [make_frame(i, size, seed, human) for i in range(frames)]
    for number, start in enumerate(range(0, frames, per_shard)):
        rows = [encode_frame(record) for record in records[start : start + per_shard]]
        path = Path(folder) / SHARDS_NAME / shard_name(number)
        write_shard(path, rows, constants_of(records[0]), {"marker_error_px": 0.2})
    facts = {"frames": frames, "seed": 0, "preset": "test", "embodiment": "synthetic"}
    (Path(folder) / META_NAME).write_text(json.dumps(json.loads(to_json(facts))))
    return Path(folder)
