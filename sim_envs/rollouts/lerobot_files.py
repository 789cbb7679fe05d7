"""LeRobotDataset v3 by the lerobot library: writing one, joining several. Nothing here is crash-safe by itself."""

import json
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import av.logging
import numpy as np
from lerobot.datasets.aggregate import aggregate_datasets
from lerobot.datasets.lerobot_dataset import LeRobotDataset

from lace.core.embodiment import Embodiment
from lace.core.geometry import Array, quat_wxyz_from_rotation
from lace.data.schema import to_json
from sim_envs.rollouts.config import RolloutsConfig
from sim_envs.rollouts.episode import Episode, facts

CAMERA = "observation.images.front"
EPISODE_FACTS = "meta/lace_episodes.jsonl"
"""One line of JSON an episode: success, reason, camera, objects, every draw."""
STATS = "meta/stats.json"
POSE = ("x", "y", "z", "qw", "qx", "qy", "qz")


def features_of(embodiment: Embodiment, config: RolloutsConfig) -> dict[str, dict[str, Any]]:
    """The columns of the dataset, as lerobot describes them."""
    joints = {"dtype": "float32", "shape": (len(embodiment.joints),), "names": list(embodiment.joint_names)}
    flag = {"dtype": "bool", "shape": (1,), "names": None}
    image = {"shape": (config.height, config.width, 3), "names": ["height", "width", "channels"]}
    return {
        CAMERA: image | {"dtype": "video" if config.video else "image"},
        "observation.state": joints,
        "observation.environment_state": {"dtype": "float32", "shape": (len(POSE),), "names": list(POSE)},
        "action": dict(joints),
        "next.reward": {"dtype": "float32", "shape": (1,), "names": None},
        "next.done": flag,
        "next.success": dict(flag),
    }


@contextmanager
def quiet() -> Generator[None]:
    """The library's bars and its encoder's settings are not for our users; errors still are."""
    os.environ.setdefault("SVT_LOG", "1")
    av.logging.set_libav_level(av.logging.ERROR)
    with redirect_stderr(StringIO()):
        yield


class DatasetWriter:
    """Writes one dataset of finished episodes into a new folder; whole after `close`."""

    def __init__(self, root: Path, embodiment: Embodiment, config: RolloutsConfig):
        self._root, self._facts = root, []
        self._dataset = LeRobotDataset.create(
            "local/rollouts",
            config.fps,
            features_of(embodiment, config),
            root,
            robot_type=embodiment.name,
            use_videos=config.video,
            video_backend="pyav",
        )

    def add(self, episode: Episode, images: Array) -> None:
        """One episode with its pictures (f, height, width, 3) uint8."""
        target, last = episode.T_world_object[:, 0], len(images) - 1
        pose = np.concatenate([target[:, :3, 3], quat_wxyz_from_rotation(target[:, :3, :3])], 1)
        task = f"pick up the {episode.trial.record.objects[0]['object'].replace('_', ' ')}"
        for k, image in enumerate(images):
            won = episode.outcome.success and k == last
            self._dataset.add_frame(
                {
                    CAMERA: image,
                    "observation.state": episode.joint_positions[k].astype(np.float32),
                    "observation.environment_state": pose[k].astype(np.float32),
                    "action": episode.actions[k].astype(np.float32),
                    "next.reward": np.array([won], np.float32),
                    "next.done": np.array([k == last]),
                    "next.success": np.array([won]),
                    "task": task,
                }
            )
        with quiet():
            self._dataset.save_episode(parallel_encoding=False)
        self._facts.append(facts(episode))

    def close(self) -> None:
        """Writes what is still open."""
        with quiet():
            self._dataset.finalize()
        _sort_stats(self._root)
        write_facts(self._root, self._facts)


def write_facts(root: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Writes EPISODE_FACTS; rows are numbered as the dataset numbers its episodes."""
    lines = [
        to_json({"episode_index": i} | {k: v for k, v in row.items() if k != "episode_index"})
        for i, row in enumerate(rows)
    ]
    (root / EPISODE_FACTS).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_facts(root: Path) -> list[dict[str, Any]]:
    """Facts of the episodes of a dataset, in order."""
    return [json.loads(line) for line in (root / EPISODE_FACTS).read_text(encoding="utf-8").splitlines()]


def join(roots: Sequence[Path], out: Path) -> None:
    """One dataset in the new folder `out` of the episodes of all `roots`, in their order."""
    with quiet():
        aggregate_datasets([f"local/{root.name}" for root in roots], "local/rollouts", list(roots), out)
    _sort_stats(out)
    write_facts(out, [row for root in roots for row in read_facts(root)])


def _sort_stats(root: Path) -> None:
    """Gives the statistics an order; the library's own is that of a set, which differs from process to process."""
    path = root / STATS
    if path.is_file():
        content = json.dumps(dict(sorted(json.loads(path.read_text(encoding="utf-8")).items())), indent=4)
        path.write_text(content, encoding="utf-8")
