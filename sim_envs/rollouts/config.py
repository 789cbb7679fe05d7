"""What to demonstrate: trials, camera rate, and what is kept."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from tyro import MISSING

from lace.core.errors import InvalidValueError
from sim_envs.config.axes import Axes
from sim_envs.config.generate import GenerateConfig, given
from sim_envs.config.presets import PRESETS
from sim_envs.physics.engines import PHYSICS

FPS = (10, 30)
"""Range of camera rates: what LeRobot's datasets of arms have."""


@dataclass(frozen=True)
class RolloutsConfig:
    """Grasps the target by script in randomised scenes and saves the rollouts as a LeRobotDataset v3."""

    out: Path
    """Folder of the result; the same command resumes an interrupted run. `dataset/` in it opens in lerobot at any time."""
    trials: int = 50
    """Scenes in which a grasp is tried; each success is an episode."""
    keep_failures: bool = False
    """Keep failed trials as episodes too, with next.success false to their end."""
    frames: bool = False
    """Also write every image as a labelled frame, into the shards of `frames/`."""
    seed: int = 0
    preset: str = "randomized"
    """Axes to start from: clean, lab, kitchen, office, randomized."""
    fps: int = 20
    """Camera and action rate [Hz], 10 to 30."""
    width: int = 224
    """Image width [px]."""
    height: int = 224
    """Image height [px]."""
    video: bool = True
    """Images as video, encoded by lerobot; --no-video keeps them as PNG, without loss."""
    part_trials: int = 8
    """Trials that are finished and published together: what a kill can cost."""
    physics: str = "mujoco"
    """Engine that moves the robot and the objects: mujoco (C, on the CPU) or isaac (Isaac Lab on Newton MJWarp)."""
    device: str = "auto"
    """Where pictures are drawn, and where isaac moves things: "cpu", "cuda:0", or auto."""
    assets: Path | None = None
    """Your own robot description files instead of the pinned wheels."""
    axes: Axes = field(default_factory=Axes)

    def __post_init__(self):
        PHYSICS[self.physics]
        ranges = {"trials": (1, None), "fps": FPS, "width": (32, None), "height": (32, None), "part_trials": (1, None)}
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if value is MISSING or low <= value <= (high or value):
                continue
            expected = f"{low} to {high}" if high else f"at least {low}"
            raise InvalidValueError(
                "reading the options", f"{name} is {value}", expected, f"mend --{name.replace('_', '-')}"
            )

    @property
    def scenes(self) -> GenerateConfig:
        """What scenes are drawn from."""
        return GenerateConfig(
            out=self.out,
            frames=self.trials,
            preset=self.preset,
            seed=self.seed,
            width=self.width,
            height=self.height,
            device=self.device,
            assets=self.assets,
            axes=self.axes,
        )

    @property
    def parts(self) -> int:
        """How many parts the trials make."""
        return -(-self.trials // self.part_trials)

    def trials_of(self, part: int) -> range:
        """Numbers of the trials of a part."""
        return range(part * self.part_trials, min((part + 1) * self.part_trials, self.trials))


def preset_of(args: list[str]) -> RolloutsConfig:
    """Defaults for a command line: the axes of the preset that it names (`--preset NAME` or `--preset=NAME`)."""
    name = given(args, "--preset", RolloutsConfig.preset)
    return replace(RolloutsConfig(out=MISSING), preset=name, axes=PRESETS[name])
