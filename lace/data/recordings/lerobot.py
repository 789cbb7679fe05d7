"""A recording from one episode of a LeRobot dataset (v3), read by the lerobot library itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.errors import DatasetError, InvalidValueError
from lace.data.camera_file import CalibratedCamera
from lace.data.imports.lerobot import VIDEO_READER, choose_camera, require_folder
from lace.data.recordings.columns import renamed
from lace.data.recordings.recording import Recording

STATE = "observation.state"


def read_episode(
    folder: Path, episode: int, lens: CalibratedCamera, joints: Mapping[str, str], camera: str | None = None
) -> Recording:
    """One episode.

    Args:
        folder: Dataset folder.
        episode: Which one; InvalidValueError if there is none such.
        lens: The camera.
        joints: {name in observation.state: the robot's joint}; names that are the same may be left out.
        camera: Image key; None where there is only one.

    Raises:
        DatasetError: It is no LeRobot dataset, one of an older version, or its states have no names.
    """
    info = require_folder(folder)
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    total = int(info["total_episodes"])
    if not 0 <= episode < total:
        raise InvalidValueError(
            f"reading {folder}", f"episode {episode}", f"one from 0 to {total - 1}", "give another --episode"
        )
    dataset = LeRobotDataset(
        f"local/{folder.resolve().name}", root=folder, episodes=[episode], video_backend=VIDEO_READER
    )
    key = choose_camera(dataset.meta.camera_keys, camera)
    names = _state_names(folder, info)
    rows = dataset.hf_dataset.select_columns(["timestamp", STATE]).with_format("numpy")[:]
    stamps = np.asarray(rows["timestamp"], float).ravel()
    states = np.stack(list(rows[STATE])).astype(float)

    def image(number: int) -> np.ndarray:
        pixels = dataset[number][key].numpy().transpose(1, 2, 0)  # (3, height, width) float in [0, 1]
        return lens.rectified(np.ascontiguousarray((pixels * 255).round().clip(0, 255).astype(np.uint8)))

    name = f"{folder.name}/{episode}"
    return Recording(name, renamed(names, joints), stamps, image, stamps, states, lens.camera)


def _state_names(folder: Path, info: dict[str, Any]) -> list[str]:
    feature = info.get("features", {}).get(STATE, {})
    names = feature.get("names")
    if isinstance(names, dict) and len(names) == 1:  # {"motors": [...]}, as older robots write it
        names = next(iter(names.values()))
    if not isinstance(names, list) or len(names) != int(np.prod(feature.get("shape", [0]))):
        raise DatasetError(
            f"reading {folder}", f"{STATE} has no names", "a name for each joint", "write them into meta/info.json"
        )
    return [str(name) for name in names]
