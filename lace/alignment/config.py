"""Settings of the alignment fine-tune (paper sec. 4.3, 5.1, E.1). Defaults are the paper's where it gives a value."""

from dataclasses import dataclass
from typing import Annotated, Literal

from lace.alignment import losses
from lace.core.errors import UnknownNameError
from lace.core.limits import Within, check_numbers


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one run. Choices that the paper leaves open are marked as ours."""

    iterations: Annotated[int, Within(1)] = 10_000
    batch: Annotated[int, Within(1)] = 64
    """Pairs per step over all processes."""
    micro_batch: Annotated[int, Within(0)] = 0
    """Pairs per forward and backward pass of one process; 0 takes the whole batch. Smaller values need less memory and
    give equal gradients (gradient accumulation)."""
    activation_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, more time, equal gradients."""
    learning_rate: Annotated[float, Within(0, open_low=True)] = 1e-4
    schedule: Literal["constant", "cosine", "linear"] = "constant"
    """Learning rate after the warm-up: constant, or decayed to zero at the last step. The paper names none."""
    warmup: Annotated[int, Within(0)] = 0
    """Steps of linear warm-up; the paper names none."""
    weight_decay: Annotated[float, Within(0)] = 0.05
    betas: Annotated[tuple[float, float], Within(0, 1, open_high=True)] = (0.9, 0.999)
    clip: Annotated[float, Within(0, open_low=True)] = 1.0
    """Largest gradient norm."""
    seed: int = 42
    ema: bool = True
    """False keeps the teacher at the pretrained weights (table 6: no EMA)."""
    ema_decay: Annotated[float, Within(0, 1)] = 0.999
    gram: Annotated[float, Within(0)] = 1.0
    """Weight lambda of eq. 3."""
    tau: Annotated[float, Within(0, open_low=True)] = 1.0
    kl: losses.KL = "reverse"
    directions: Literal["both", "one"] = "both"
    """"one" moves robots toward `anchor` only (table 6: uni-directional, robot to human)."""
    anchor: str = "human"
    """With one direction: the embodiment whose images P and Q are computed over in every cross pair that it is in."""
    intra: bool = True
    """Also use pairs within an embodiment."""
    pair_mix: Literal["ordered", "unordered"] = "ordered"
    """How often each combination of embodiments is drawn. "ordered" draws uniformly from E x E, which is how section
    4.2 defines the set of pairs: half of the pairs of two embodiments are across. "unordered" counts (human, robot) and
    (robot, human) once: a third are across."""
    all_pairs: bool = False
    """Use every ordered pair of the batch's images, from the same forward pass; ours, not the paper's."""
    frozen_layers: Annotated[int, Within(0)] = 0
    """Train only the layers above this many; the patch embedding is frozen too. Ours."""
    lora_rank: Annotated[int, Within(0)] = 0
    """Train low-rank adapters of this rank (Hu et al. 2022) through `peft` instead of all weights; 0 is off. Ours."""
    compile: bool = True
    """torch.compile, on CUDA only."""
    checkpoint_every: Annotated[int, Within(1)] = 500
    """Steps between checkpoints."""
    log_every: Annotated[int, Within(1)] = 1
    """Steps between logged metrics; on CUDA, each reading waits for the device."""

    def __post_init__(self):
        check_numbers(self)


RECIPES: dict[str, TrainConfig] = {
    "paper": TrainConfig(),
    "short": TrainConfig(
        iterations=200, batch=4, learning_rate=3e-4, warmup=20, tau=0.1, all_pairs=True, seed=0, checkpoint_every=20
    ),
}
"""Name -> settings to start from: the paper's, or short ones of ours that take minutes on a CPU (docs/results.md)."""


def recipe_named(name: str) -> TrainConfig:
    """One of `RECIPES`; UnknownNameError lists them."""
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name]
