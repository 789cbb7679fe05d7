"""Options of the environment; the keyword arguments of `gym.make` are its fields."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from lace.core.errors import InvalidValueError
from lace.core.limits import Within, check_numbers
from sim_envs.config.axes import Axes
from sim_envs.config.kinds import require_grasping
from sim_envs.config.presets import PRESETS
from sim_envs.config.scene import SceneConfig, Size
from sim_envs.physics.engines import PHYSICS

OBSERVATIONS = ("image", "keypoints", "state")
PICTURES = "rgb_array"
"""The render mode."""


@dataclass(frozen=True, kw_only=True)
class GraspEnvConfig(SceneConfig):
    """Observations, actions, scenes and episodes of the environment."""

    observations: tuple[str, ...] = OBSERVATIONS
    """Any of image, keypoints, state; without image nothing is drawn after an episode's start."""
    actions: Literal["joint", "end_effector"] = "joint"
    """joint: changes of all joint targets; end_effector: a twist of the palm, and changes of the hand's targets."""
    preset: str = "lab"
    """Where the axes are from: clean, lab, kitchen, office, randomized; see `options_of`."""
    axes: Axes = field(default_factory=lambda: PRESETS["lab"])
    """All randomisation axes."""
    seed: int = 0
    """Seed of the set of scenes; `reset(seed=...)` chooses among them."""
    width: Size = 96
    """Image width [px]."""
    height: Size = 96
    """Image height [px]."""
    rate_hz: Annotated[int, Within(1, 50)] = 10
    """Steps of the environment per second."""
    episode_s: Annotated[float, Within(0.02, 3600)] = 10.0
    """Length of an episode, if success does not end it."""
    terminate_on_success: bool = False
    """End an episode as soon as the target is held."""
    physics: str | None = None
    """Physics engine: mujoco (C, on the CPU) or isaac (Isaac Lab on Newton MJWarp); None: isaac on CUDA, else
    mujoco."""

    def __post_init__(self):
        unknown = sorted(set(self.observations) - set(OBSERVATIONS))
        if unknown or not self.observations:
            got = f"unknown {', '.join(unknown)}" if unknown else "none"
            raise InvalidValueError(
                "choosing observations", got, f"any of {', '.join(OBSERVATIONS)}", "fix observations="
            )
        if self.actions not in ("joint", "end_effector"):
            raise InvalidValueError("choosing actions", repr(self.actions), "joint or end_effector", "fix actions=")
        if self.physics is not None:
            PHYSICS[self.physics]
        check_numbers(self, option="{}=")
        if self.steps < 1:
            raise InvalidValueError(
                "reading the environment's options",
                f"{self.rate_hz} Hz for {self.episode_s} s",
                "at least one step",
                "raise rate_hz= or episode_s=",
            )
        PRESETS[self.preset]

    @property
    def steps(self) -> int:
        """Steps of an episode."""
        return int(round(self.episode_s * self.rate_hz))


def checked_mode(render_mode: str | None) -> str | None:
    """A render mode: PICTURES or None; InvalidValueError for others."""
    if render_mode not in (None, PICTURES):
        raise InvalidValueError(
            "making the environment", f"render_mode {render_mode!r}", f"{PICTURES} or None", "fix render_mode="
        )
    return render_mode


def options_of(**options: Any) -> GraspEnvConfig:
    """The configuration of keyword arguments: axes are the preset's where none are given."""
    preset = options.get("preset", GraspEnvConfig.preset)
    values: dict[str, Any] = {"axes": PRESETS[preset]} | options
    config = GraspEnvConfig(**values)
    require_grasping(config)
    return config
