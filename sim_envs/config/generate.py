"""What `lace generate robot` and `lace generate human` make."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro import MISSING

from lace.cli.shown import without
from lace.core.limits import Within
from lace.core.parts import Part
from lace.core.workers import WorkerOptions
from sim_envs.config.kinds import IDLE_AXES
from sim_envs.config.scene import SceneConfig, preset_of

DEMONSTRATION_FRAMES = 50
"""Frames of each of `--demonstrations`, as the paper's human demonstrations have (sec. 5.4)."""
EMBODIMENTS = {"robot": "xarm7_leap", "human": "human_right"}
"""The embodiment that `lace generate robot` and `lace generate human` make when none is named."""


@dataclass(frozen=True, kw_only=True)
class GenerateConfig(SceneConfig, WorkerOptions):
    """Generates labelled frames of a robot's or a human's hand in randomised rooms, headless and in bulk."""

    out: Path
    """Folder of the dataset; the same command resumes an interrupted run."""
    frames: Annotated[int, Within(1)] = 200
    """How many frames."""
    demonstration: bool = False
    """All frames from one smooth reach-and-grasp motion in one scene, as the paper samples its demonstration."""
    demonstrations: Annotated[int, Within(0)] = 0
    """That many motions, each in a scene of its own; `--frames` is then ignored. `--axes.clutter.count 0 0` leaves out
    distractors (the paper's in-domain), `1 1` adds one (its OOD-env)."""
    demonstration_frames: Annotated[int, Within(2)] = DEMONSTRATION_FRAMES
    """Frames of each of `--demonstrations`, evenly over its time."""
    min_visible: Annotated[int, Within(0, 21)] = 5
    """Frames with fewer visible keypoints are redrawn; a third of them is enough of a body that has few."""
    part: str = ""
    """"3/8": only the third of eight parts, each a job of its own (a slurm array), all with the same folder."""
    shard_frames: Annotated[int, Within(1)] = 100
    """Frames per Parquet shard."""

    def __post_init__(self):
        super().__post_init__()
        Part.named(self.part)

    @property
    def mine(self) -> list[int]:
        """Shards that this run makes: all, or those of its part."""
        return Part.named(self.part).share(range(self.shards))

    @property
    def motion_frames(self) -> int:
        """Frames of each motion that the dataset is sampled from; 0 if its frames are independent."""
        return self.demonstration_frames if self.demonstrations else self.frames * self.demonstration

    @property
    def total(self) -> int:
        """Frames of the dataset: those of all motions, or `frames`."""
        return self.demonstrations * self.demonstration_frames or self.frames

    @property
    def shards(self) -> int:
        """How many shards the frames fill."""
        return -(-self.total // self.shard_frames)


def shown(args: list[str], kind: str) -> tuple[type, GenerateConfig]:
    """What `--help` shows: without the axes that change nothing for this `kind`."""
    return without(defaults_of(args, kind), "axes", IDLE_AXES[kind])


def defaults_of(args: list[str], kind: str) -> GenerateConfig:
    """Defaults for a command line that generates a `kind` of EMBODIMENTS."""
    return preset_of(args, GenerateConfig(out=MISSING, embodiment=EMBODIMENTS[kind]))
