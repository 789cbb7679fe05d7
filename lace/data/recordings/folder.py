"""Our own recording format: a folder that can be read at any moment while it is being written.

recording.json (what and where), images/000000.jpg and so on, images.jsonl and states.jsonl (a line each). A line is
written when its image is on the disk; a last line that a killed program left unfinished is not read.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lace.core.camera import PinholeCamera
from lace.core.errors import DatasetError
from lace.core.files import publish_bytes, reading
from lace.data.recordings.recording import Recording
from lace.data.schema import encode_image

HEAD, IMAGES, STATES = "recording.json", "images.jsonl", "states.jsonl"
QUALITY = 97
"""JPEG quality."""


class RecordingWriter:
    """Writes one recording; use as a context."""

    def __init__(self, folder: Path, joint_names: Sequence[str], camera: PinholeCamera, facts: Mapping[str, Any]):
        """Opens a recording.

        Args:
            folder: New or empty; DatasetError otherwise.
            joint_names: Of the states.
            camera: Of the images.
            facts: What else to keep ("embodiment", "calibration", the options).
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DatasetError(
                f"recording to {folder}", "something is there already", "a new folder", "choose another --out"
            )
        (folder / "images").mkdir(parents=True, exist_ok=True)
        lens = {"K": camera.K.tolist(), "T_base_cam": camera.T_world_cam.tolist()}
        size = {"width": camera.width, "height": camera.height}
        head = {"joint_names": list(joint_names), "camera": lens | size, "facts": dict(facts)}
        publish_bytes(folder / HEAD, json.dumps(head, indent=1).encode())
        self.folder, self.images, self.states = folder, 0, 0

    def __enter__(self) -> "RecordingWriter":
        self._images = (self.folder / IMAGES).open("a", buffering=1, encoding="utf-8")
        self._states = (self.folder / STATES).open("a", buffering=1, encoding="utf-8")
        return self

    def __exit__(self, *_error: object) -> None:
        self._images.close()
        self._states.close()

    def add_image(self, stamp_s: float, image: np.ndarray) -> None:
        """An RGB image (height, width, 3) uint8."""
        name = f"images/{self.images:06d}.jpg"
        (self.folder / name).write_bytes(encode_image(image, "jpg", QUALITY))
        self._images.write(json.dumps({"stamp_s": stamp_s, "file": name}) + "\n")
        self.images += 1

    def add_state(self, stamp_s: float, joint_positions: np.ndarray) -> None:
        """Joint angles (joints,) [rad]."""
        q = [round(float(x), 7) for x in joint_positions]
        self._states.write(json.dumps({"stamp_s": stamp_s, "joint_positions": q}) + "\n")
        self.states += 1


def read_folder(folder: Path) -> Recording:
    """A recording that `RecordingWriter` wrote; DatasetError where it is none."""
    with _reading(folder):
        head = json.loads((folder / HEAD).read_text(encoding="utf-8"))
        camera = head["camera"]
        view = PinholeCamera(np.array(camera["K"]), np.array(camera["T_base_cam"]), camera["width"], camera["height"])
        images, states = _lines(folder / IMAGES), _lines(folder / STATES)
        return Recording(
            folder.name, tuple(head["joint_names"]), np.array([row["stamp_s"] for row in images], float),
            partial(_read, [folder / row["file"] for row in images]),
            np.array([row["stamp_s"] for row in states], float),
            np.array([row["joint_positions"] for row in states], float).reshape(len(states), -1), view,
        )  # fmt: skip


def _reading(folder: Path) -> AbstractContextManager[None]:
    expected, step = "a folder of `lace bridge record`", "give the folder that holds recording.json"
    return reading(folder, expected, step, doing=f"reading the recording {folder}")


def read_facts(folder: Path) -> dict[str, Any]:
    """Further facts that the recorder stored."""
    with _reading(folder):
        return dict(json.loads((folder / HEAD).read_text(encoding="utf-8"))["facts"])


def _lines(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]  # what follows the last end of line is unfinished


def _read(paths: list[Path], number: int) -> np.ndarray:
    image = cv2.imread(str(paths[number]), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError("reading a recording", f"{paths[number]} is no image", "a JPEG file", "record again")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
