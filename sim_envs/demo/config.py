"""What the demo runs; the defaults fit into fifteen minutes of two quiet cores."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from lace.backbones.option import BackboneName
from lace.core.limits import Within, check_numbers


@dataclass(frozen=True)
class DemoConfig:
    """The effect of LACE, from the first frame to the numbers, on this machine, in one report.html.

    Every stage is a `lace` command that is printed before it runs. The same command continues a killed demo.
    """

    out: Path = Path("runs/demo")
    """Folder of the demo."""
    frames: Annotated[int, Within(2)] = 200
    """Training frames of the robot, and as many of the human."""
    held_out: Annotated[int, Within(4)] = 60
    """Frames of each that training never sees, from other seeds; measurements are on these."""
    steps: Annotated[int, Within(1)] = 200
    """Steps of LACE."""
    backbone: BackboneName = "efficientnet-lite0"
    """The backbone that is aligned: a name of `lace list backbones`, or a folder, as `lace finetune` takes it."""
    image_size: Annotated[int, Within(32)] = 224
    """Side of the images that the backbone sees [px]."""
    scenes: Annotated[int, Within(2)] = 1600
    """Human frames that the policies learn from, each of a scene of its own."""
    tests: Annotated[int, Within(1)] = 100
    """Robot frames that the policies are tested on."""
    policy_steps: Annotated[int, Within(1)] = 3000
    """Training steps of each policy."""
    trials: Annotated[int, Within(1)] = 60
    """Simulated grasps; both policies try the same ones."""
    seed: int = 0
    """Of frames, training and trials."""
    workers: Annotated[int, Within(1)] = 2
    """Processes that render frames."""

    def __post_init__(self):
        check_numbers(self)
