"""Options of the environment; the keyword arguments of `gym.make` are its fields."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lace.core.errors import InvalidValueError
from sim_envs.config.axes import Axes
from sim_envs.config.generate import GenerateConfig
from sim_envs.config.presets import PRESETS
from sim_envs.physics.engines import PHYSICS

OBSERVATIONS = ("image", "keypoints", "state")


@dataclass(frozen=True)
class GraspEnvConfig:
    """What is seen, done and randomised."""

    observations: tuple[str, ...] = OBSERVATIONS
    """Any of image, keypoints, state; without image nothing is drawn after an episode's start."""
    actions: Literal["joint", "end_effector"] = "joint"
    """joint: changes of all joint targets; end_effector: a twist of the palm, and changes of the hand's targets."""
    preset: str = "lab"
    """Axes to start from, if `axes` is not given: clean, lab, kitchen, office, randomized."""
    axes: Axes | None = None
    """All randomisation axes."""
    seed: int = 0
    """Decides which scenes there are; `reset(seed=...)` chooses among them."""
    width: int = 96
    """Image width [px]."""
    height: int = 96
    """Image height [px]."""
    rate_hz: int = 10
    """Steps of the environment per second."""
    episode_s: float = 10.0
    """Length of an episode, if success does not end it."""
    terminate_on_success: bool = False
    """End an episode as soon as the target is held."""
    physics: str | None = None
    """Engine that moves things: mujoco (C, on the CPU) or isaac (Isaac Lab on Newton MJWarp); None: isaac on CUDA, else
    mujoco."""
    device: str = "auto"
    """Where pictures are drawn, and where isaac moves things: "cpu", "cuda:0", or auto."""
    assets: Path | None = None
    """Your own robot description files instead of the pinned wheels."""
    scenes: GenerateConfig = field(init=False)
    """What scenes are drawn from."""

    def __post_init__(self):
        unknown = sorted(set(self.observations) - set(OBSERVATIONS))
        if unknown or not self.observations:
            got = f"unknown {', '.join(unknown)}" if unknown else "none"
            raise InvalidValueError(
                "choosing observations", got, f"any of {', '.join(OBSERVATIONS)}", "mend observations="
            )
        if self.actions not in ("joint", "end_effector"):
            raise InvalidValueError("choosing actions", repr(self.actions), "joint or end_effector", "mend actions=")
        if self.physics is not None:
            PHYSICS[self.physics]
        if not 1 <= self.rate_hz <= 50 or self.episode_s * self.rate_hz < 1:
            raise InvalidValueError(
                "reading the environment's options",
                f"{self.rate_hz} Hz for {self.episode_s} s",
                "1 to 50 Hz, for at least one step",
                "mend rate_hz= or episode_s=",
            )
        scenes = GenerateConfig(
            out=Path(),
            preset=self.preset,
            axes=self.axes or PRESETS[self.preset],
            seed=self.seed,
            width=self.width,
            height=self.height,
            device=self.device,
            assets=self.assets,
        ).checked()
        object.__setattr__(self, "scenes", scenes)

    @property
    def steps(self) -> int:
        """Steps of an episode."""
        return int(round(self.episode_s * self.rate_hz))
