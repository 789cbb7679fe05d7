"""What to simulate: policies, trials, scenes, and when to stop early."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro import MISSING

from lace.core.errors import InvalidValueError
from lace.core.limits import Within
from lace.core.registry import Registry
from lace.core.workers import WorkerOptions
from policies import make_policy
from sim_envs.config.kinds import require_grasping
from sim_envs.config.scene import SceneConfig, Size, preset_of
from sim_envs.physics.engines import PHYSICS

SWEEPS: Registry[tuple[str, ...]] = Registry("sweep")
"""Sets of policies whose rates make a curve."""
SWEEPS.add(
    "noise",
    ("oracle", *(f"noise:{sigma}" for sigma in (2, 4, 6, 8, 12, 16, 24, 32, 48)), "frozen"),
)


@dataclass(frozen=True)
class SequentialConfig:
    """Stopping as soon as every question is answered.

    The questions: is each policy's rate above the threshold, and (with several policies) does the first one differ from
    each other one.
    """

    on: bool = False
    threshold: Annotated[float, Within(0, 1, open_low=True, open_high=True)] = 0.9
    """The rate that each policy is compared with."""
    alpha: Annotated[float, Within(0, 1, open_low=True, open_high=True)] = 0.05
    """Chance that any of the answers is wrong, at most, however early the run stops."""


@dataclass(frozen=True, kw_only=True)
class SimulateConfig(SceneConfig, WorkerOptions):
    """Runs policies in the simulated cell on the same trials; reports grasp success rates and causes of failure."""

    out: Path
    """Folder of the results; the same command resumes an interrupted run."""
    policy: tuple[str, ...] = ("oracle",)
    """NAME or NAME:ARGUMENT, one or several; the first is compared with each other one."""
    sweep: str | None = None
    """Runs a set of policies instead of --policy and draws success against localisation error: noise."""
    trials: Annotated[int, Within(1)] = 100
    """Trials for each policy."""
    preset: str = "lab"
    """Axes to start from: clean, lab, kitchen, office, randomized."""
    width: Size = 224
    """Image width [px]."""
    height: Size = 224
    """Image height [px]."""
    physics: str = "mujoco"
    """Engine that moves the robot and the objects: mujoco (C, on the CPU) or isaac (Isaac Lab on Newton MJWarp)."""
    sequential: SequentialConfig = field(default_factory=SequentialConfig)
    film: tuple[int, ...] = ()
    """Trials to film, by number; also works after the run, which does not change."""

    @property
    def policies(self) -> tuple[str, ...]:
        """Names of the policies to run, in order."""
        return self.policy if self.sweep is None else SWEEPS[self.sweep]

    def __post_init__(self):
        super().__post_init__()
        names = self.policies
        if not names or len(set(names)) < len(names):
            raise InvalidValueError(
                "reading the options",
                f"the policies {list(names)}",
                "one or more different policies",
                "name each policy once (--policy oracle noise:8)",
            )
        bad = [number for number in self.film if not 0 <= number < self.trials]
        if bad:
            raise InvalidValueError(
                "reading the options", f"film {bad[0]}", f"trial numbers from 0 to {self.trials - 1}", "fix --film"
            )


def require_names(config: SimulateConfig) -> None:
    """Checks that the embodiment may grasp and that the engine and the policies exist.

    Raises:
        UnknownNameError: No engine or policy has that name.
        InvalidValueError: The embodiment cannot grasp, or a policy refuses its argument.
    """
    require_grasping(config)
    PHYSICS[config.physics]
    for name in config.policies:
        make_policy(name)


def defaults_of(args: list[str]) -> SimulateConfig:
    """Defaults for a command line."""
    return preset_of(args, SimulateConfig(out=MISSING))
