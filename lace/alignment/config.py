"""Settings of the alignment fine-tune (paper sec. 4.3, 5.1, E.1); the defaults are the paper's."""

from dataclasses import dataclass
from typing import Literal

from lace.alignment import losses


@dataclass(frozen=True)
class TrainConfig:
    """One run. What the paper leaves open is ours and says so."""

    iterations: int = 10_000
    batch: int = 64
    """Pairs per step, over all processes together."""
    learning_rate: float = 1e-4
    """Constant, as the paper names no schedule."""
    warmup: int = 0
    """Steps of linear warm-up; the paper names none."""
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = 1.0
    """Largest gradient norm."""
    seed: int = 42
    ema: bool = True
    """False freezes the teacher at the pretrained weights (table 6: no EMA)."""
    ema_decay: float = 0.999
    gram: float = 1.0
    """Weight lambda of eq. 3."""
    tau: float = 1.0
    kl: losses.KL = "reverse"
    directions: Literal["both", "one"] = "both"
    """"one" lets robots move toward `anchor` alone (table 6: uni-directional, robot to human)."""
    anchor: str = "human"
    """With one direction: the embodiment whose images P and Q are read over in every cross pair it is in."""
    intra: bool = True
    """Pairs within an embodiment, beside those across."""
    all_pairs: bool = False
    """Every ordered pair of the batch's images enters the loss, at no extra forward cost; ours, not the paper's."""
    compile: bool = True
    """torch.compile, on CUDA only."""
    checkpoint_every: int = 500
    """Steps between checkpoints, where `train` is given a folder."""
    log_every: int = 1
    """Steps between readings of the metrics; on CUDA each reading waits for the device."""
