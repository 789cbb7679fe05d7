"""The alignment fine-tune (paper sec. 4.3, 5.1, E.1, algorithm 1). The defaults of `TrainConfig` are the paper's."""

import copy
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from lace import checkpoints, losses
from lace.backbones import Backbone
from lace.core.errors import InvalidValueError
from lace.pairs import FrameBank, PairSampler

OnStep = Callable[[dict[str, float]], None]
"""Called after every step, on the first process, with what metrics.jsonl holds of it."""


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


class Trainer:
    """Student, teacher, optimiser and pairs of one run; `step` is algorithm 1."""

    def __init__(self, config: TrainConfig, banks: Sequence[FrameBank], backbone: Backbone):
        """Trains `backbone` in place, on the device it is on; keeps it in eval mode (no dropout, no position jitter).

        Raises:
            InvalidValueError: A setting that cannot be met (see `_checked`).
        """
        self.config, self.backbone = config, backbone
        self.world = distributed.get_world_size() if distributed.is_initialized() else 1
        self.rank = distributed.get_rank() if self.world > 1 else 0
        self.device = next(backbone.parameters()).device
        bank = FrameBank.joined(list(banks))
        _checked(config, bank, backbone, self.world)
        self.sampler = PairSampler(bank, config.batch, config.seed, intra=config.intra)
        self.patches = bank.patches(backbone.patch).to(self.device)
        self.bank = bank.to(self.device)
        self.name_ids = torch.tensor([bank.names().index(name) for name in bank.embodiment], device=self.device)
        backbone.eval()
        self.teacher = copy.deepcopy(backbone).requires_grad_(False)
        self.parameters = [p for p in backbone.parameters() if p.requires_grad]
        self._followers = [
            q for p, q in zip(backbone.parameters(), self.teacher.parameters(), strict=True) if p.requires_grad
        ]
        self.optimizer = torch.optim.AdamW(
            self.parameters, config.learning_rate, config.betas, weight_decay=config.weight_decay
        )
        self.student, self.frozen = self._wrapped(backbone, self.teacher)
        self.done, self.skipped = 0, 0

    def _wrapped(self, student: nn.Module, teacher: nn.Module) -> tuple[nn.Module, nn.Module]:
        cuda = self.device.type == "cuda"
        if cuda and self.config.compile:
            student, teacher = torch.compile(student), torch.compile(teacher)
        if self.world > 1:
            student = DistributedDataParallel(student, device_ids=[self.device.index] if cuda else None)
        return student, teacher

    def step(self) -> dict[str, torch.Tensor]:
        """One step; returns its metrics as tensors on the device, of this process alone if there are several."""
        config = self.config
        drawn = self.sampler.step(self.done)
        self.skipped += drawn.skipped
        mine = slice(self.rank * config.batch // self.world, (self.rank + 1) * config.batch // self.world)
        index = torch.from_numpy(np.concatenate([drawn.a[mine], drawn.b[mine]])).to(self.device)
        images = self.bank.images[index].float() / 255
        with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
            student = self.student(images)
            with torch.no_grad():
                teacher = self.frozen(images)
        student, teacher = losses.normalized(student.float()), losses.normalized(teacher.float())
        terms = self._align(student, teacher, index)
        entries = terms.count.clone()
        if self.world > 1:
            distributed.all_reduce(entries)
        # DDP averages gradients over processes, the loss is a mean over all entries: hence the factor.
        align = terms.kl * self.world / entries.clamp(min=1)
        gram = losses.gram_loss(student, teacher)
        loss = align + config.gram * gram
        self._update(loss)
        local = terms.count.clamp(min=1)
        return {
            "loss": loss.detach(), "align": align.detach(), "gram": gram.detach(),
            "entropy_p": terms.entropy_p / local, "entropy_q": terms.entropy_q / local, "entries": terms.count,
        }  # fmt: skip

    def _align(self, student: torch.Tensor, teacher: torch.Tensor, index: torch.Tensor) -> losses.Alignment:
        config, patch, visible = self.config, self.patches[index], self.bank.visible[index]
        if config.all_pairs:
            names = self.name_ids[index]
            # The same image may sit in a batch twice; it is no pair with itself.
            allowed = index[:, None] != index
            if not config.intra:
                allowed &= names[:, None] != names
            return losses.all_pairs_terms(
                student, teacher, patch, visible, tau=config.tau, kl=config.kl, allowed=allowed
            )
        a = torch.arange(len(index) // 2, device=self.device)
        pairs = losses.make_pairs(a, a + len(a), patch, visible, config.directions == "both")
        return losses.align_terms(student, teacher, pairs, config.tau, config.kl)

    def _update(self, loss: torch.Tensor) -> None:
        config = self.config
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, config.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * min(1.0, (self.done + 1) / max(1, config.warmup))
        self.optimizer.step()
        if config.ema:
            torch._foreach_lerp_(self._followers, self.parameters, 1 - config.ema_decay)
        self.done += 1

    def state(self) -> dict:
        """All that an exact resume needs; sampling needs nothing, being a function of (seed, step)."""
        return {
            "step": self.done,
            "skipped": self.skipped,
            "student": self.backbone.state_dict(),
            "teacher": self.teacher.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, state: dict) -> None:
        """Continues from `state`."""
        self.backbone.load_state_dict(state["student"])
        self.teacher.load_state_dict(state["teacher"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.done, self.skipped = state["step"], state["skipped"]


def _checked(config: TrainConfig, bank: FrameBank, backbone: Backbone, world: int) -> None:
    doing = "setting up the fine-tune"
    for name in ("iterations", "batch", "learning_rate", "clip", "tau"):
        if not 0 < getattr(config, name) < math.inf:
            raise InvalidValueError(
                doing, f"{name} is {getattr(config, name)}", "a finite number above zero",
                f"change --{name.replace('_', '-')}",
            )  # fmt: skip
    if bank.size % backbone.patch:
        raise InvalidValueError(
            doing, f"images of {bank.size} px for patches of {backbone.patch} px", "a multiple", "change --image-size"
        )
    if config.batch % world:
        raise InvalidValueError(
            doing, f"batch {config.batch} on {world} processes", "a multiple of the processes", "change --batch"
        )
    if config.all_pairs and world > 1:
        raise InvalidValueError(
            doing, f"all_pairs on {world} processes", "one process: features are not gathered across processes",
            "run it without torchrun, or without all_pairs",
        )  # fmt: skip


def train(
    config: TrainConfig, banks: Sequence[FrameBank], backbone: Backbone, on_step: OnStep | None = None,
    *, folder: str | Path | None = None,
) -> Backbone:  # fmt: skip
    """Fine-tunes `backbone` in place on the device it is on and returns it, in eval mode.

    Args:
        config: The recipe.
        banks: Frames of all embodiments, at one image size.
        backbone: The student; the teacher starts as a copy.
        on_step: Called with the metrics of each logged step, on the first process.
        folder: Where checkpoints go; a run found there with the same config is resumed. None keeps none.
    """
    trainer = Trainer(config, banks, backbone)
    if folder is not None:
        state = checkpoints.load(folder, config, trainer.device)
        if state is not None:
            trainer.restore(state)
    started = time.perf_counter()
    while trainer.done < config.iterations:
        metrics = trainer.step()
        last = trainer.done == config.iterations
        if trainer.rank == 0 and on_step and (last or trainer.done % config.log_every == 0):
            values = {name: float(value) for name, value in metrics.items()}
            on_step({"step": trainer.done, **values, "skipped": trainer.skipped, "seconds": time.perf_counter() - started})
        if folder is not None and trainer.rank == 0 and (last or trainer.done % config.checkpoint_every == 0):
            checkpoints.save(folder, config, trainer.state())
    if trainer.world > 1:
        distributed.barrier()
    return backbone


def process_device(wanted: str = "auto") -> torch.device:
    """The device of this process, joining the group that torchrun announced: nccl on CUDA, gloo on the CPU.

    "auto" is CUDA where there is one.
    """
    cuda = torch.cuda.is_available() if wanted == "auto" else wanted.startswith("cuda")
    if cuda and not torch.cuda.is_available():
        raise InvalidValueError("choosing a device", f"{wanted!r}, but no CUDA device is found", "cuda or cpu", "give --device cpu")
    local = int(os.environ.get("LOCAL_RANK", 0))
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if cuda else "gloo")
    return torch.device(wanted if ":" in wanted else f"cuda:{local}") if cuda else torch.device("cpu")
