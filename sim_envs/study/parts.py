"""The datasets of a policy study (paper, sec. 5.2 to 5.4, app. A and D), by the folder that each lies in."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from assets.objects import OOD_TARGETS
from lace.core.limits import Distinct, Within, check_numbers
from lace.core.workers import WorkerOptions
from sim_envs.config.axes import CameraAxis
from sim_envs.config.generate import EMBODIMENTS, GenerateConfig
from sim_envs.config.scene import Size, with_preset

ORIGIN = "study.json"
"""In the study's folder: its options."""
HELD_OUT = ("in_domain", "ood_env", "ood_obj")
ROOMS = ("lab", "kitchen", "office")
DISTRACTORS = {"in_domain": (0, 0), "ood_env": (1, 1), "ood_obj": (0, 0)}
"""Number of distractors in each setting."""
_HAND_POSES = 64
"""Of the bank that scenes of demonstrations are drawn with: motions have poses of their own, so a small one will do."""
_CAMERA_SEED = 7
"""Of the set-ups: any; the same for every part, and for the trials of `lace tables success`."""


@dataclass(frozen=True, kw_only=True)
class StudyConfig(WorkerOptions):
    """Makes all the data of a policy study: demonstrations to train and test on, and frames to align on."""

    out: Path
    """Folder of the datasets; the same command continues."""
    human: Annotated[int, Within(2)] = 200
    """Human demonstrations: half alone with the target, half with a distractor (the paper's 200)."""
    robot: Annotated[int, Within(1)] = 50
    """Robot demonstrations to train on, without distractors (the paper's 50)."""
    test: Annotated[int, Within(1)] = 24
    """Held-out robot demonstrations in each setting (the paper tests on 10)."""
    each: Annotated[int, Within(1)] = 50
    """Frames of each demonstration (the paper's). 1 makes single frames instead, each in a scene of its own: as many
    scenes as frames, for a thirtieth of the time."""
    align: Annotated[int, Within(1)] = 200
    """Frames of each embodiment to align on in each room (the paper: 100 of each)."""
    align_test: Annotated[int, Within(1)] = 100
    """Held-out frames of each embodiment to measure correspondence on."""
    rooms: Annotated[tuple[str, ...], Distinct()] = ROOMS
    """Presets to align in: LACE is trained in each of them, policy and tests stay in the lab. `randomized` draws rooms,
    light and cameras from wide ranges."""
    cameras: Annotated[int, Within(0)] = 1
    """Cameras that stand still and see human and robot alike, as in one lab; 0 draws a new one per demonstration."""
    phantom: bool = False
    """Also draw the robot over the human frames, for the variant `phantom`."""
    seed: int = 0
    image_size: Size = 224
    """Side of the images [px]."""
    device: str = "auto"

    def __post_init__(self):
        check_numbers(self)


def parts(config: StudyConfig) -> Iterator[tuple[str, str, GenerateConfig]]:
    """(folder below the study's, kind of EMBODIMENTS, what to generate) of each dataset, in order of need."""
    half = config.human // 2
    shares = {"in_domain": config.human - half, "ood_env": half}
    wanted = [(f"human/{setting}", "human", "lab", count) for setting, count in shares.items()]
    wanted += [("robot/in_domain", "robot", "lab", config.robot)]
    wanted += [(f"test/{setting}", "robot", "lab", config.test) for setting in HELD_OUT]
    frames = [(f"align/{room}/{kind}", kind, room, config.align) for room in config.rooms for kind in EMBODIMENTS]
    frames += [(f"align_test/{kind}", kind, "lab", config.align_test) for kind in EMBODIMENTS]
    for number, (folder, kind, room, count) in enumerate(wanted + frames):
        one = GenerateConfig(
            out=config.out / folder,
            embodiment=EMBODIMENTS[kind],
            width=config.image_size,
            height=config.image_size,
            seed=1000 * config.seed + number,
            device=config.device,
            **config.same_workers(),
        )
        one = with_preset(one, room)
        yield (
            folder,
            kind,
            _of_demonstrations(one, config, count) if number < len(wanted) else replace(one, frames=count),
        )


def _of_demonstrations(one: GenerateConfig, config: StudyConfig, count: int) -> GenerateConfig:
    setting, axes = one.out.name, one.axes
    names = OOD_TARGETS if setting == "ood_obj" else axes.target.names
    axes = replace(
        axes,
        clutter=replace(axes.clutter, count=DISTRACTORS[setting]),
        target=replace(axes.target, names=names),
        camera=study_camera(axes.camera, config.cameras),
    )
    if config.each == 1:
        return replace(one, frames=count, min_visible=10, axes=axes)
    axes = replace(axes, hand=replace(axes.hand, poses=_HAND_POSES))
    return replace(one, demonstrations=count, demonstration_frames=config.each, axes=axes)


def study_camera(camera: CameraAxis, cameras: int) -> CameraAxis:
    """A preset's camera axis, or `cameras` that stand still where all of the workspace is in view."""
    if not cameras:
        return camera
    return replace(
        camera,
        setups=cameras,
        seed=_CAMERA_SEED,
        distance_m=(0.72, 0.82),
        azimuth_deg=(-75, 75),
        elevation_deg=(25, 55),
        fov_deg=(44, 52),
        aim_m=0.02,
        off_centre=0.04,
        roll_deg=(-3, 3),
    )
