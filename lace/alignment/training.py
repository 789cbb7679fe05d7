"""The alignment fine-tune (paper sec. 4.3, 5.1, E.1, algorithm 1). The defaults of `TrainConfig` are the paper's."""

import copy
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import distributed, nn
from torch.distributed.nn.functional import all_gather
from torch.nn.parallel import DistributedDataParallel

from lace.alignment import checkpoints, losses
from lace.alignment.config import TrainConfig
from lace.alignment.pairs import FrameBank, PairSampler
from lace.backbones import Backbone
from lace.core.errors import InvalidValueError, LaceError

OnStep = Callable[[dict[str, float]], None]
"""Called after every step, on the first process, with what metrics.jsonl holds of it."""


class TrainingError(LaceError):
    """A run that went wrong on the way."""


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
        self.anchor = config.anchor if config.directions == "one" else None
        self.sampler = PairSampler(bank, config.batch, config.seed, intra=config.intra, anchor=self.anchor)
        self.patches = bank.patches(backbone.patch).to(self.device)
        self.bank = bank.to(self.device)
        self.name_ids = torch.tensor([bank.names().index(name) for name in bank.embodiment], device=self.device)
        self.identity = {"backbone": backbone.name, "training images (data, number, size, augmentation)": bank.digest()}
        backbone.eval()
        self.teacher = copy.deepcopy(backbone).requires_grad_(False)
        self.parameters = [p for p in backbone.parameters() if p.requires_grad]
        self._followers = [
            q for p, q in zip(backbone.parameters(), self.teacher.parameters(), strict=True) if p.requires_grad
        ]
        self.optimizer = torch.optim.AdamW(
            self.parameters, config.learning_rate, config.betas, weight_decay=config.weight_decay, fused=True
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

    def batch(self) -> tuple[torch.Tensor, torch.Tensor, int]:
        """(indices (2 * pairs,) of this process's images of the next step, those images in [0, 1], pairs skipped)."""
        drawn = self.sampler.step(self.done)
        index = torch.from_numpy(np.concatenate([self._mine(drawn.a), self._mine(drawn.b)])).to(self.device)
        return index, self.bank.images[index].float() / 255, drawn.skipped

    def step(self) -> dict[str, torch.Tensor]:
        """One step; returns its metrics over all processes as tensors on the device."""
        config = self.config
        index, images, skipped = self.batch()
        self.skipped += skipped
        with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
            student = self.student(images)
            with torch.no_grad():
                teacher = self.frozen(images)
        student, teacher = losses.normalized(student.float()), losses.normalized(teacher.float())
        terms, gram = self._align(student, teacher, index), losses.gram_loss(student, teacher)
        sums = torch.stack([*(term.detach() for term in terms), gram.detach()])
        if self.world > 1:
            distributed.all_reduce(sums)
        kl, entropy_p, entropy_q, entries, gram_sum = sums
        some = entries.clamp(min=1)
        # DDP averages gradients over processes, the loss is a mean over all entries: hence the factor.
        norm = self._update(terms.kl * self.world / some + config.gram * gram)
        align, gram = kl / some, gram_sum / self.world
        return {
            "loss": align + config.gram * gram,
            "align": align,
            "gram": gram,
            "entropy_p": entropy_p / some,
            "entropy_q": entropy_q / some,
            "entries": entries,
            "gradient_norm": norm,
        }

    def _mine(self, drawn: np.ndarray) -> np.ndarray:
        """This process's share of a batch."""
        share = len(drawn) // self.world
        return drawn[self.rank * share : (self.rank + 1) * share]

    def _align(self, student: torch.Tensor, teacher: torch.Tensor, index: torch.Tensor) -> losses.Alignment:
        config, patch, visible = self.config, self.patches[index], self.bank.visible[index]
        if config.all_pairs:
            others, everyone = losses.keypoint_rows(student, patch, visible), index
            if self.world > 1:
                rows, *rest = (torch.cat(all_gather(part)) for part in (others.rows, visible.float(), index))
                others, everyone = losses.KeypointRows(rows, rest[0] > 0), rest[1]
            return losses.all_pairs_terms(
                student,
                teacher,
                patch,
                visible,
                tau=config.tau,
                kl=config.kl,
                others=others,
                allowed=self._allowed(index, everyone),
            )
        a = torch.arange(len(index) // 2, device=self.device)
        pairs = losses.make_pairs(a, a + len(a), patch, visible, config.directions == "both")
        return losses.align_terms(student, teacher, pairs, config.tau, config.kl)

    def _allowed(self, index: torch.Tensor, everyone: torch.Tensor) -> torch.Tensor:
        """Which (anchor, other) may pair; the same image may sit in a batch twice, it is no pair with itself."""
        allowed = index[:, None] != everyone
        ours, theirs = self.name_ids[index][:, None], self.name_ids[everyone]
        if not self.config.intra:
            allowed &= ours != theirs
        if self.anchor is not None:
            first = self.bank.names().index(self.anchor)
            allowed &= (ours == first) | (theirs != first)
        return allowed

    def _update(self, loss: torch.Tensor) -> torch.Tensor:
        """One step down the gradient; returns the gradient's norm before clipping."""
        config = self.config
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, config.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * min(1.0, (self.done + 1) / max(1, config.warmup))
        self.optimizer.step()
        if config.ema:
            torch._foreach_lerp_(self._followers, self.parameters, 1 - config.ema_decay)
        self.done += 1
        return norm.detach()

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

    def resume(self, folder: str | Path) -> None:
        """Continues from the checkpoint in `folder` if there is one; CheckpointError if it is of another run."""
        state = checkpoints.load(folder, self.config, self.identity, self.device)
        if state is not None:
            self.restore(state)

    def run(self, on_step: OnStep | None = None, folder: str | Path | None = None) -> None:
        """All steps that are left, with checkpoints in `folder`.

        Raises:
            TrainingError: The loss or its gradient is no number any more; no checkpoint is written after it.
        """
        config, started = self.config, time.perf_counter()
        while self.done < config.iterations:
            metrics = self.step()
            last = self.done == config.iterations
            saves = folder is not None and (last or self.done % config.checkpoint_every == 0)
            shows = last or self.done % config.log_every == 0
            if not (saves or shows):
                continue
            values = {name: float(value) for name, value in metrics.items()}
            _require_finite(values, self.done, folder)
            if self.rank == 0 and on_step and shows:
                seconds = time.perf_counter() - started
                on_step({"step": self.done, **values, "skipped": self.skipped, "seconds": seconds})
            if self.rank == 0 and saves:
                checkpoints.save(folder, config, self.identity, self.state())
        if self.world > 1:
            distributed.barrier()


def _require_finite(metrics: dict[str, float], step: int, folder: str | Path | None) -> None:
    broken = [name for name, value in metrics.items() if not math.isfinite(value)]
    if broken:
        kept = f"the last checkpoint in {folder} is from before; " if folder else ""
        raise TrainingError(
            f"training, step {step}",
            f"{', '.join(broken)} is not finite",
            "finite losses and gradients",
            f"{kept}lower --learning-rate, raise --tau or --warmup, and start in a new --out",
        )


def _checked(config: TrainConfig, bank: FrameBank, backbone: Backbone, world: int) -> None:
    doing = "setting up the fine-tune"
    for name in ("iterations", "batch", "learning_rate", "clip", "tau"):
        if not 0 < getattr(config, name) < math.inf:
            raise InvalidValueError(
                doing,
                f"{name} is {getattr(config, name)}",
                "a finite number above zero",
                f"change --{name.replace('_', '-')}",
            )
    if bank.size % backbone.patch:
        raise InvalidValueError(
            doing, f"images of {bank.size} px for patches of {backbone.patch} px", "a multiple", "change --image-size"
        )
    if config.batch % world:
        raise InvalidValueError(
            doing, f"batch {config.batch} on {world} processes", "a multiple of the processes", "change --batch"
        )
    if config.directions == "one" and config.anchor not in bank.names():
        raise InvalidValueError(
            doing, f"one direction toward {config.anchor!r}", f"one of {', '.join(bank.names())}", "change --anchor"
        )


def train(
    config: TrainConfig,
    banks: Sequence[FrameBank],
    backbone: Backbone,
    on_step: OnStep | None = None,
    *,
    folder: str | Path | None = None,
) -> Backbone:
    """Fine-tunes `backbone` in place on the device it is on and returns it, in eval mode.

    Args:
        config: The recipe.
        banks: Frames of all embodiments, at one image size.
        backbone: The student; the teacher starts as a copy.
        on_step: Called with the metrics of each logged step, on the first process.
        folder: Where checkpoints go; the same run found there is resumed. None keeps none.
    """
    trainer = Trainer(config, banks, backbone)
    if folder is not None:
        trainer.resume(folder)
    trainer.run(on_step, folder)
    return backbone
