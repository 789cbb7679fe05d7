"""Frames of one episode of a LeRobot dataset (v3), read by the lerobot library itself; they come without labels."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.errors import DatasetError, InvalidValueError, UnknownNameError
from lace.core.frames import FrameRecord
from lace.core.keypoints import COUNT
from lace.data.imports.writing import Candidate


def candidates(name: str, episode: int, frames: int, embodiment: str, camera: str | None = None) -> list[Candidate]:
    """`frames` frames spread evenly over an episode, all keypoints ABSENT until someone labels them.

    Args:
        name: Hub name, or a folder that holds meta/info.json.
        episode: Episode number; InvalidValueError if there is none such.
        frames: How many; fewer where the episode is shorter.
        embodiment: Name the frames get.
        camera: Image key ("observation.images.front"); None where there is only one.
    """
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    local = Path(name).is_dir()
    if local and not (Path(name) / "meta" / "info.json").is_file():
        raise DatasetError(
            f"opening {name}", "it has no meta/info.json", "a LeRobot dataset v3", "give the folder above its meta"
        )
    where = {"repo_id": f"local/{Path(name).resolve().name}", "root": name} if local else {"repo_id": name}
    meta = LeRobotDataset(**where, episodes=[0]).meta
    if not 0 <= episode < meta.total_episodes or frames < 1:
        raise InvalidValueError(
            f"reading {name}",
            f"episode {episode}, {frames} frames",
            f"an episode from 0 to {meta.total_episodes - 1} and at least one frame",
            "give another --episode or --frames",
        )
    dataset = LeRobotDataset(**where, episodes=[episode])
    key = _camera(dataset.meta.camera_keys, camera)
    chosen = np.unique(np.linspace(0, len(dataset) - 1, frames).round().astype(int)).tolist()
    return [
        Candidate(
            f"{episode}/{i}", partial(_load, dataset, i, key, embodiment, f"lerobot/{where['repo_id']}/{episode}/{i}")
        )
        for i in chosen
    ]


def _camera(keys: list[str], wanted: str | None) -> str:
    if wanted is not None and wanted not in keys:
        raise UnknownNameError("camera", wanted, keys)
    if wanted is None and len(keys) != 1:
        raise InvalidValueError(
            "choosing the camera", f"{len(keys)} cameras ({', '.join(keys)})", "exactly one", "give --camera NAME"
        )
    return wanted or keys[0]


def _load(dataset: Any, number: int, key: str, embodiment: str, source: str) -> FrameRecord:
    image = dataset[number][key].numpy()  # (3, height, width) float in [0, 1]
    pixels = np.ascontiguousarray((image.transpose(1, 2, 0) * 255).round().clip(0, 255).astype(np.uint8))
    uv, visibility = np.full((COUNT, 2), np.nan, np.float32), np.zeros(COUNT, np.uint8)
    return FrameRecord(image=pixels, embodiment=embodiment, keypoints_uv=uv, visibility=visibility, source=source)
