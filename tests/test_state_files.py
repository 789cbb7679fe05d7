"""Files that our own commands wrote, damaged: each reader returns or raises a LaceError, and no other error."""

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from assets.grasps import grasp_for, to_json
from lace.alignment import checkpoints
from lace.alignment.config import TrainConfig
from lace.backbones.load import is_stand_in
from lace.core.errors import LaceError
from lace.data.camera_file import read_cameras
from lace.data.dataset import FrameDataset
from lace.data.origins import read_origins
from lace.reports.figures import loss_figure
from lace.reports.recorder import last_row, metrics_up_to
from policies.bundle import read_config
from policies.regimes import require_untrained
from policies.tables.variants import kept
from policies.trials.compare import pairings
from policies.trials.records import block_path, read_block
from real_bridge.arm_lock import ArmLock
from real_bridge.cameras.mount import load_mount
from real_bridge.cameras.replay import ReplayCamera
from real_bridge.cell_log import load_frame, read_log, states
from real_bridge.emulator.command import read_plan
from sim_envs.rollouts.folder import part_path, read_part
from tests.lace.data.test_junk import BYTES, SETTINGS, damaged
from tests.synthetic import make_dataset

SQUARE, RIGID = [[90.0, 0, 48], [0, 90, 36], [0, 0, 1]], np.eye(4).tolist()
CAMERA = {"K": SQUARE, "distortion": [0.0] * 5, "T_base_cam": RIGID, "width": 96, "height": 72}
RESULTS = {"policies": {"oracle": {"success": {"successes": 3, "n": 4}}}}
READING = {"positions": [0.0] * 7, "velocities": [0.0] * 7, "T_base_flange": RIGID, "stamp_s": 0.0}
FRAME = {"number": 1, "stamp_s": 0.0, "facts": {}, "depth": True, "K": SQUARE, "T_base_cam": RIGID}
TRIAL = {"trial": 0, "scene": {}, "outcomes": {"oracle": {"result": "success"}}, "commit": ""}


def in_folder(name: str, read: Callable[[Path], Any]) -> Callable[[bytes | None], Any]:
    """Reads a folder in which `name` has the given content, or is a named pipe (None)."""

    def reader(content: bytes | None) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content) if content is not None else os.mkfifo(path)
            return read(Path(folder))

    return reader


def of_this_identity(folder: Path) -> Any:
    """Finds the file under the name that `kept` gives it."""
    (only,) = folder.iterdir()
    kept(folder / "other", {}, dict)
    (name,) = (path.name for path in (folder / "other").iterdir())
    only.rename(folder / name)
    return kept(folder, {}, dict)


def latch(folder: Path) -> str:
    lock = ArmLock("arm", folder)
    try:
        return lock.reason
    finally:
        lock.close()


def replayed(folder: Path) -> Any:
    cv2.imwrite(str(folder / "a.png"), np.zeros((72, 96, 3), np.uint8))
    return ReplayCamera(str(folder)).newest()


def logged_frame(folder: Path) -> Any:
    cv2.imwrite(str(folder / "frame-1.png"), np.zeros((72, 96, 3), np.uint8))
    return [load_frame(folder, value) for name, value in read_log(folder) if name == "frame"]


JSON_FILES: dict[str, tuple[Any, Callable[[bytes | None], Any]]] = {
    "backbone's config": ({"stand_in_with_random_weights": True}, in_folder("config.json", is_stand_in)),
    "training sources": ({"images": ["a"], "recordings": ["b"]}, in_folder("training_sources.json", read_origins)),
    "metrics": ({"step": 1, "loss": 0.5}, in_folder("metrics.jsonl", lambda f: last_row(f / "metrics.jsonl"))),
    "metrics to cut": (
        {"step": 1, "loss": 0.5}, in_folder("metrics.jsonl", lambda f: metrics_up_to(f / "metrics.jsonl", 2)),
    ),
    "loss curves": ({"step": 1, "loss": 0.5}, in_folder("metrics.jsonl", lambda f: loss_figure(f / "metrics.jsonl"))),
    "part of rollouts": ({"trials": []}, in_folder(str(part_path(Path(), 0) / "part.json"), lambda f: read_part(f, 0))),
    "row of a table": ({"identity": {}, "result": {"a": 1}}, in_folder("row.json", of_this_identity)),
    "policy's manifest": ({"train": [{"digest": "a"}]}, in_folder("manifest.json", lambda f: require_untrained(f, {}))),
    "policy's config": ({"format": 1, "camera": {"focal_px": [1, 2]}}, in_folder("bundle.json", read_config)),
    "trials": (TRIAL, in_folder(str(block_path(Path(), 0)), lambda f: read_block(f, 0))),
    "results": (RESULTS, in_folder("results.json", lambda f: pairings(f, (f,)))),
    "calibration": (CAMERA | {"about": {}, "joint_zeros": {}}, in_folder("c.json", lambda f: load_mount(f / "c.json"))),
    "camera": (CAMERA, in_folder("c.json", lambda f: read_cameras(f / "c.json"))),
    "replayed camera": (CAMERA, in_folder("camera.json", replayed)),
    "faults": ([{"kind": "silent_motor", "motor": 5}], in_folder("f.json", lambda f: read_plan(f / "f.json"))),
    "latch": ({"reason": "a", "when": "b"}, in_folder("arm/latch.json", latch)),
    "grasps": (
        {"own": {"default": to_json(grasp_for("default"))}},
        in_folder("grasps.json", lambda f: grasp_for("default", "own", f / "grasps.json")),
    ),
    "arm's readings in a log": (["arm", READING], in_folder("log.jsonl", lambda f: list(states(f)))),
    "frames in a log": (["frame", FRAME], in_folder("log.jsonl", logged_frame)),
}  # fmt: skip


@pytest.mark.parametrize("name", JSON_FILES)
def test_a_damaged_json_file_is_an_error_that_says_so(name):
    original, read = JSON_FILES[name]

    @SETTINGS
    @given(content=damaged(original).map(lambda value: json.dumps(value).encode() + b"\n") | BYTES)
    def law(content):
        try:
            read(content)
        except LaceError as error:
            assert str(error).strip()

    law()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
BY_LINE = ("metrics", "metrics to cut", "loss curves", "latch")
"""Lines that do not read are left out of metrics; a latch that does not read is a latch."""


@pytest.mark.parametrize("name", [name for name in JSON_FILES if name not in BY_LINE])
def test_a_pointer_of_git_lfs_is_named(name):
    _original, read = JSON_FILES[name]
    with pytest.raises(LaceError, match="git lfs pull"):
        read(POINTER)


@pytest.mark.parametrize("name", ["dataset.json", "shards/shard-00000.parquet"])
def test_a_dataset_of_pointers_is_named(name, tmp_path):
    folder = make_dataset(tmp_path / "data", frames=2)
    (folder / name).write_bytes(POINTER)
    with pytest.raises(LaceError, match="git lfs pull"):
        FrameDataset(folder)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", JSON_FILES)
def test_a_named_pipe_is_not_waited_for(name):
    _original, read = JSON_FILES[name]
    with contextlib.suppress(LaceError):
        read(None)


def checkpoint_bytes(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


CHECKPOINT = checkpoint_bytes({"config": {}, "identity": {}, "state": {"weights": torch.zeros(3)}})


@SETTINGS
@given(
    content=BYTES
    | st.sampled_from([checkpoint_bytes(x) for x in (None, [], {}, {"config": 1, "state": 2}, torch.zeros(2))])
    | st.integers(0, len(CHECKPOINT)).map(lambda end: CHECKPOINT[:end])
    | st.integers(0, len(CHECKPOINT) - 1).map(
        lambda i: CHECKPOINT[:i] + bytes([CHECKPOINT[i] ^ 255]) + CHECKPOINT[i + 1 :]
    )
)
@example(content=b"G")
def test_a_damaged_checkpoint_is_an_error_that_says_so(content):
    read = in_folder(checkpoints.NAME, lambda folder: checkpoints.load(folder, TrainConfig(), {}, torch.device("cpu")))
    with pytest.raises(LaceError, match="remove|the run differs|git lfs pull"):
        read(content)
