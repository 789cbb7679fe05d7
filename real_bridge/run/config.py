"""Options of `lace bridge run`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from assets.grasps import grasp_for
from lace.core.limits import Within, check_numbers
from policies import make_policy
from real_bridge.operator import OPERATORS
from real_bridge.rig import RigConfig
from real_bridge.safety.limits import SafetyLimits


@dataclass(frozen=True)
class RunConfig:
    """Runs a policy on the physical arm. Without --live nothing moves: the plan is drawn over the camera's image."""

    out: Path
    """Folder of the results; the same command resumes an interrupted run."""
    rig: RigConfig
    policy: str = "oracle"
    """NAME or NAME:ARGUMENT. `oracle` works on the emulator alone."""
    trials: Annotated[int, Within(1)] = 10
    seed: int = 0
    target: str = "dinosaur"
    """Object on the table, whose stored grasp is used."""
    live: bool = False
    """Let the arm move, after a typed confirmation."""
    speed: Annotated[float, Within(0, 1, open_low=True)] = 0.25
    """Share of the planned speed, above 0 to 1."""
    hold: bool = False
    """Hold-to-run: the arm moves only while a key is held down."""
    operator: Literal["ask", "emulator"] = "ask"
    """Who reports the result of a trial: a person, or the emulator."""
    limits: SafetyLimits = field(default_factory=SafetyLimits)

    def __post_init__(self):
        check_numbers(self)


def require_names(config: RunConfig) -> None:
    """Raises UnknownNameError or InvalidValueError unless the policy, the target and the operator exist."""
    make_policy(config.policy)
    grasp_for(config.target)
    OPERATORS[config.operator]
