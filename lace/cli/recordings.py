"""`lace import recording`: labelled frames from a robot's recording, by forward kinematics and rendering."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from tyro.conf import Positional

from lace.cli.imports import note, run
from lace.core.errors import DatasetError, InvalidValueError
from lace.core.limits import Within, check_numbers
from lace.data.camera_file import read_camera
from lace.data.recordings.columns import parse_joints
from lace.data.recordings.folder import HEAD, read_folder
from lace.data.recordings.lag import estimate_lag
from lace.data.recordings.lerobot import read_episode
from lace.data.recordings.mcap import read_mcap
from lace.data.recordings.recording import Recording
from lace.data.show import save_contact_sheet


@dataclass(frozen=True)
class RecordingConfig:
    """Labels a recording of a real robot: keypoints by forward kinematics, visibility by rendering."""

    source: Positional[Path]
    """Folder of `lace bridge record`, folder of a LeRobot dataset (v3), or MCAP file."""
    out: Path
    """Dataset folder to write; the same command resumes an interrupted import."""
    embodiment: str = "xarm7_leap"
    """Which robot."""
    calibration: Path | None = None
    """Camera file (K, distortion, T_base_cam, width, height); our own recordings bring theirs."""
    frames: Annotated[int, Within(0)] = 50
    """How many, spread evenly; 0 takes every image."""
    lag: str = "auto"
    """How late the images are against the joints [s], or auto: estimated, and used where it may be believed."""
    joint: tuple[str, ...] = ()
    """THEIRS=ours for each joint whose name differs."""
    episode: Annotated[int, Within(0)] = 0
    """Of a LeRobot dataset."""
    camera: str | None = None
    """Image key of a LeRobot dataset, where there are several."""
    images: str | None = None
    """Topic of the images in an MCAP file, where it is not clear."""
    states: str | None = None
    """Topic of the joint states in an MCAP file, where it is not clear."""
    degrees: bool = False
    """The joint angles are in degrees."""
    assets: Path | None = None
    """Your own robot description files instead of the pinned wheels."""

    def __post_init__(self):
        check_numbers(self)


def recording(config: RecordingConfig) -> int:
    """`lace import recording`."""
    lag_s = _fixed_lag(config.lag)
    found = _read(config)
    if config.degrees:
        found = replace(found, joint_positions=np.deg2rad(found.joint_positions))
    return label(found, config.out, config.embodiment, config.frames, lag_s, config.assets)


def label(
    found: Recording, out: Path, embodiment: str, frames: int, lag_s: float | None, assets: Path | None = None
) -> int:
    """Labels `found`; `lag_s` None estimates it. Prints what was done, draws the labels into `out`."""
    from sim_envs.frames.recorded import RobotLabeller, candidates

    labeller = RobotLabeller(embodiment, found.camera.width, found.camera.height, assets)
    found = found.in_order_of(labeller.embodiment)
    estimate = estimate_lag(found, labeller.kinematics)
    used = lag_s if lag_s is not None else estimate.lag_s if estimate.trusted else 0.0
    note(f"{estimate.describe()}; used: {1000 * used:.0f} ms")
    facts = {
        "source": "recording", "recording": found.name, "embodiment": embodiment, "lag_s": round(used, 4),
        "frames_wanted": frames,
    }  # fmt: skip
    code = run(out, candidates(found, labeller, used, frames), facts)
    if code == 0:
        sheet = save_contact_sheet(out, out / "labels.png")
        note(f"labels drawn over the images: {sheet}; look at them before you train on them")
    return code


def _fixed_lag(text: str) -> float | None:
    if text == "auto":
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < 5:
        raise InvalidValueError("reading --lag", repr(text), "auto, or seconds between -5 and 5", "write --lag auto")
    return value


def _read(config: RecordingConfig) -> Recording:
    """By the reader for what the source is."""
    source, names = config.source, parse_joints(config.joint)
    if (source / HEAD).is_file():
        return read_folder(source)
    is_mcap, is_lerobot = source.suffix == ".mcap" and source.is_file(), (source / "meta" / "info.json").is_file()
    if not (is_mcap or is_lerobot):
        raise DatasetError(
            f"importing {source}",
            "it is none of the known recordings",
            "a folder of `lace bridge record`, a LeRobot dataset with meta/info.json, or an .mcap file",
            "check the path; convert rosbags (.bag, .db3) with `mcap convert`",
        )
    if config.calibration is None:
        raise InvalidValueError(
            f"importing {source}",
            "no calibration",
            "--calibration FILE: where the camera is, and its lens",
            "calibrate with `lace bridge calibrate`, or write the file by hand (docs/bridge/recording.md)",
        )
    lens = read_camera(config.calibration)
    if is_mcap:
        return read_mcap(source, lens, names, config.images, config.states)
    return read_episode(source, config.episode, lens, names, config.camera)
