"""Options of `lace generate rollouts`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro import MISSING

from lace.core.limits import Within
from lace.core.parts import Part
from lace.core.workers import WorkerOptions
from sim_envs.config.scene import SceneConfig, Size, preset_of
from sim_envs.physics.engines import PHYSICS


@dataclass(frozen=True, kw_only=True)
class RolloutsConfig(SceneConfig, WorkerOptions):
    """Grasps the target by script in randomised scenes and saves the rollouts as a LeRobotDataset v3."""

    out: Path
    """Folder of the result; the same command resumes an interrupted run. lerobot opens its `dataset/` at any time."""
    trials: Annotated[int, Within(1)] = 50
    """Scenes in which a grasp is tried; each success is an episode."""
    keep_failures: bool = False
    """Keep failed trials as episodes too, with next.success false to their end."""
    frames: bool = False
    """Also write every image as a labelled frame, into the shards of `frames/`."""
    fps: Annotated[int, Within(10, 30)] = 20
    """Camera and action rate [Hz], 10 to 30 as LeRobot's datasets of arms have it."""
    width: Size = 224
    """Image width [px]."""
    height: Size = 224
    """Image height [px]."""
    video: bool = True
    """Images as video, encoded by lerobot; --no-video keeps them as PNG, without loss."""
    part_trials: Annotated[int, Within(1)] = 8
    """Trials that are finished and published together: what a kill can cost."""
    part: str = ""
    """"3/8": only the third of eight shares of the trials, each a job of its own (a slurm array), all with the same
    folder. The one that finishes last joins the dataset."""
    physics: str = "mujoco"
    """Engine that moves the robot and the objects: mujoco (C, on the CPU) or isaac (Isaac Lab on Newton MJWarp)."""

    def __post_init__(self):
        super().__post_init__()
        PHYSICS[self.physics]
        Part.named(self.part)

    @property
    def mine(self) -> list[int]:
        """Parts that this run makes: all, or its share of them."""
        return Part.named(self.part).share(range(self.parts))

    @property
    def parts(self) -> int:
        """How many parts the trials make."""
        return -(-self.trials // self.part_trials)

    def trials_of(self, part: int) -> range:
        """Numbers of the trials of a part."""
        return range(part * self.part_trials, min((part + 1) * self.part_trials, self.trials))


def defaults_of(args: list[str]) -> RolloutsConfig:
    """Defaults for a command line."""
    return preset_of(args, RolloutsConfig(out=MISSING))
