"""What the demo runs; the defaults fit into twelve minutes of two quiet cores."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

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
    backbone: str = "efficientnet-lite0"
    """The backbone that is aligned: a name or a folder, as `lace finetune` takes it."""
    image_size: Annotated[int, Within(32)] = 224
    """Side of the images that the backbone sees [px]."""
    seed: int = 0
    """Of frames and training."""
    workers: Annotated[int, Within(1)] = 2
    """Processes that render frames."""

    def __post_init__(self):
        check_numbers(self)
