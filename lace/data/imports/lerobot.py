"""Frames of one episode of a LeRobot dataset (v3), read by the lerobot library; without labels."""

import json
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lace.core.counting import counted, evenly
from lace.core.errors import DatasetError, InvalidValueError, LaceError, UnknownNameError
from lace.core.files import require_no_pointer, walk
from lace.core.frames import FrameRecord
from lace.core.hub import kept_out
from lace.core.keypoints import COUNT
from lace.data.imports.writing import Candidate, SkipFrame

VIDEO_READER = "pyav"
"""Named, since lerobot otherwise takes what loads on this machine, and prints pages where torchcodec does not."""
VERSION = "v3."
"""What the format version of a dataset begins with."""


def candidates(name: str, episode: int, frames: int, embodiment: str, camera: str | None = None) -> list[Candidate]:
    """`frames` frames spread evenly over an episode; all keypoints are ABSENT until they are labelled.

    Args:
        name: Hub name, or a folder that holds meta/info.json; for a folder no network is used.
        episode: Episode number.
        frames: How many; fewer where the episode is shorter.
        embodiment: Name the frames get.
        camera: Image key ("observation.images.front"); None where there is only one.

    Raises:
        DatasetError: The folder is not a LeRobot dataset v3, or its data or videos are missing or damaged.
        InvalidValueError: There is no such episode, or the camera is not named where there are several.
        UnknownNameError: There is no such camera.
    """
    local = Path(name).is_dir()
    if local:
        require_folder(Path(name))
    where = {"repo_id": f"local/{Path(name).resolve().name}", "root": name} if local else {"repo_id": name}
    with kept_out() if local else nullcontext(), _errors_named(name, local):
        from lerobot.datasets.lerobot_dataset import LeRobotDataset, LeRobotDatasetMetadata

        meta = LeRobotDatasetMetadata(**where)
        if not 0 <= episode < meta.total_episodes or frames < 1:
            raise InvalidValueError(
                f"reading {name}",
                f"episode {episode}, {counted(frames, 'frame')}",
                f"an episode from 0 to {meta.total_episodes - 1} and at least one frame",
                "give another --episode or --frames",
            )
        key = choose_camera(meta.camera_keys, camera)
        dataset = LeRobotDataset(**where, episodes=[episode], video_backend=VIDEO_READER)
        chosen = evenly(len(dataset), frames)
        files = [meta.get_data_file_path(episode)]
        files += [meta.get_video_file_path(episode, key)] if key in meta.video_keys else []
    sources = tuple(Path(meta.root) / file for file in ("meta/info.json", *files))
    return [
        Candidate(
            f"{episode}/{i}",
            partial(_load, dataset, i, key, embodiment, f"lerobot/{where['repo_id']}/{episode}/{i}"),
            sources=sources,
        )
        for i in chosen
    ]


def require_folder(folder: Path) -> dict[str, Any]:
    """Content of meta/info.json; DatasetError unless `folder` is a LeRobot dataset v3 with its data and videos."""
    path = folder / "meta" / "info.json"
    doing, expected = f"opening {folder}", "a LeRobot dataset v3 with meta/, data/ and, if it has videos, videos/"
    if not path.is_file():
        raise DatasetError(doing, "it has no meta/info.json", expected, "give the folder above its meta")
    try:
        info = json.loads(path.read_bytes())
        version, features = info["codebase_version"], info["features"].values()
        has_video = any(feature["dtype"] == "video" for feature in features)
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        require_no_pointer(path, doing)
        raise DatasetError(
            doing, f"its meta/info.json is damaged ({error!r})", expected, "copy the dataset again"
        ) from error
    if not str(version).startswith(VERSION):
        raise DatasetError(
            doing,
            f"its format is {version}",
            f"format {VERSION}x",
            "convert a copy with LeRobot's own tool: `python -m lerobot.scripts.convert_dataset_v21_to_v30 --repo-id="
            f"local/{folder.name} --root={folder} --push-to-hub=false` (v2.1), then import that",
        )
    for below in ("data", "videos") if has_video else ("data",):
        if next(walk(folder / below), None) is None:
            raise DatasetError(doing, f"{below}/ is missing or empty", expected, "copy the whole dataset")
    for file in walk(folder):
        require_no_pointer(file, doing)
    return info


@contextmanager
def _errors_named(name: str, local: bool) -> Generator[None]:
    """What lerobot and its readers raise, as DatasetError; ours and Ctrl-C pass."""
    try:
        yield
    except LaceError:
        raise
    except Exception as error:  # damaged files and the network raise whatever the libraries below lerobot have
        reason = (str(error).strip().splitlines() or [""])[0]
        raise DatasetError(
            f"opening {name}",
            f"lerobot cannot read it: {type(error).__name__} {reason}".strip()[:300],
            "a whole LeRobot dataset v3",
            "copy it again, whole" if local else "check the name and the network, or give a folder",
        ) from error


def choose_camera(keys: list[str], wanted: str | None) -> str:
    """The wanted image key of a dataset, or its only one; an error where there is no such key, or several."""
    if wanted is not None and wanted not in keys:
        raise UnknownNameError("camera", wanted, keys)
    if wanted is None and len(keys) != 1:
        raise InvalidValueError(
            "choosing the camera",
            f"{counted(len(keys), 'camera')} ({', '.join(keys)})",
            "exactly one",
            "give --camera NAME",
        )
    return wanted or keys[0]


def _load(dataset: Any, number: int, key: str, embodiment: str, source: str) -> FrameRecord:
    try:
        image = dataset[number][key].numpy()  # (3, height, width) float in [0, 1]
    except Exception as error:  # video decoders raise errors of their own
        raise SkipFrame("the frame cannot be decoded", str(error)[:200]) from error
    pixels = np.ascontiguousarray((image.transpose(1, 2, 0) * 255).round().clip(0, 255).astype(np.uint8))
    uv, visibility = np.full((COUNT, 2), np.nan, np.float32), np.zeros(COUNT, np.uint8)
    return FrameRecord(image=pixels, embodiment=embodiment, keypoints_uv=uv, visibility=visibility, source=source)
