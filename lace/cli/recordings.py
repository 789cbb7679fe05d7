"""`lace import recording`: labelled frames from a robot's recording. It joins the data floor with the renderer's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lace.core.errors import DatasetError, InvalidValueError


def recording(
    source: Path,
    /,
    out: Path,
    embodiment: str = "xarm7_leap",
    calibration: Path | None = None,
    frames: int = 50,
    lag: str = "auto",
    joint: tuple[str, ...] = (),
    episode: int = 0,
    camera: str | None = None,
    images: str | None = None,
    states: str | None = None,
    degrees: bool = False,
    assets: Path | None = None,
) -> int:
    """Label a recording of a real robot: keypoints by forward kinematics, visibility by drawing the measured joints.

    Args:
        source: Folder of `lace bridge record`, folder of a LeRobot dataset (v3), or MCAP file.
        out: Dataset folder to write; the same command again goes on where it stopped.
        embodiment: Which robot.
        calibration: Camera file (K, distortion, T_base_cam, width, height); folders of `lace bridge record` bring theirs.
        frames: How many, spread evenly; 0 takes every image.
        lag: How late the images are against the joints [s], or auto: estimated, and used where it may be believed.
        joint: THEIRS=ours for each joint whose name differs.
        episode: Of a LeRobot dataset.
        camera: Image key of a LeRobot dataset, where there are several.
        images: Topic of the images in an MCAP file, where it is not clear.
        states: Topic of the joint states in an MCAP file, where it is not clear.
        degrees: The joint angles are in degrees.
        assets: Your own robot description files instead of the pinned wheels.
    """
    from lace.data.recordings.columns import parse_joints

    fixed_lag = _fixed_lag(lag)
    names = parse_joints(joint)
    reader = _reader(source, calibration)
    found = reader(names, episode=episode, camera=camera, images=images, states=states)
    return label(found, out, embodiment, frames, fixed_lag, degrees=degrees, assets=assets)


def label(
    found: Any, out: Path, embodiment: str, frames: int, lag_s: float | None, *, degrees: bool = False,
    assets: Path | None = None,
) -> int:  # fmt: skip
    """Labels a `Recording`; `lag_s` None estimates it. Prints what was done, draws the labels into `out`."""
    from dataclasses import replace

    import numpy as np

    from lace.cli.imports import note, run
    from lace.data.recordings.lag import estimate_lag
    from lace.data.show import save_contact_sheet
    from sim_envs.frames.recorded import RobotLabeller, candidates

    if degrees:
        found = replace(found, joint_positions=np.deg2rad(found.joint_positions))
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


def _reader(source: Path, calibration: Path | None) -> Callable[..., Any]:
    """The reader for what `source` is; all take the joint names and the options of all, and use their own."""
    from lace.data.recordings.columns import read_lens

    if (source / "recording.json").is_file():
        from lace.data.recordings.folder import read_folder

        return lambda _names, **_options: read_folder(source)
    is_mcap, is_lerobot = source.suffix == ".mcap" and source.is_file(), (source / "meta" / "info.json").is_file()
    if not (is_mcap or is_lerobot):
        raise DatasetError(
            f"importing {source}", "it is none of the known recordings",
            "a folder of `lace bridge record`, a LeRobot dataset with meta/info.json, or an .mcap file",
            "check the path; convert rosbags (.bag, .db3) with `mcap convert`",
        )  # fmt: skip
    if calibration is None:
        raise InvalidValueError(
            f"importing {source}", "no calibration", "--calibration FILE: where the camera is, and its lens",
            "calibrate with `lace bridge calibrate`, or write the file by hand (docs/bridge/recording.md)",
        )  # fmt: skip
    lens = read_lens(calibration)
    if is_mcap:
        from lace.data.recordings.mcap import read_mcap

        return lambda names, images, states, **_options: read_mcap(source, lens, names, images, states)
    from lace.data.recordings.lerobot import read_episode

    return lambda names, episode, camera, **_options: read_episode(source, episode, lens, names, camera)
