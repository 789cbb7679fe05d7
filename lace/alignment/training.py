"""The alignment fine-tune (paper sec. 4.3, 5.1, E.1, algorithm 1)."""

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import distributed, nn
from torch.distributed.nn.functional import all_gather
from torch.nn.parallel import DistributedDataParallel

from lace.alignment import checkpoints, losses
from lace.alignment.config import TrainConfig
from lace.alignment.pairs import FrameBank, PairSampler
from lace.alignment.partial import add_lora, freeze_lower, recompute_activations
from lace.backbones import Backbone, module_of
from lace.core.errors import InvalidValueError, LaceError

OnStep = Callable[[dict[str, float]], None]
"""Called on the first process after every logged step with the metrics of its line in metrics.jsonl."""


class TrainingError(LaceError):
    """A run that failed during training."""


class Trainer:
    """Student, teacher, optimiser and pairs of one run; `step` is algorithm 1."""

    def __init__(self, config: TrainConfig, banks: Sequence[FrameBank], backbone: Backbone):
        """Prepares to train `backbone` in place on its device; it stays in eval mode (no dropout, no position jitter).

        Args:
            config: The recipe.
            banks: Frames of all embodiments, at one image size.
            backbone: The student; the teacher starts as a copy.

        Raises:
            InvalidValueError: The settings do not fit each other, the images or the backbone.
        """
        self.config, self.backbone = config, backbone
        self.world = distributed.get_world_size() if distributed.is_initialized() else 1
        self.rank = distributed.get_rank() if self.world > 1 else 0
        self.device = next(backbone.parameters()).device
        bank = FrameBank.joined(list(banks))
        _check(config, bank, backbone, self.world)
        self.anchor = config.anchor if config.directions == "one" else None
        self.sampler = PairSampler(
            bank, config.batch, config.seed, intra=config.intra, anchor=self.anchor, mix=config.pair_mix
        )
        self.patches = bank.patches(backbone.patch).to(self.device)
        self.bank = bank.to(self.device)
        self.name_ids = torch.tensor([bank.names().index(name) for name in bank.embodiment], device=self.device)
        self.identity = {"backbone": backbone.name, "training images (data, number, size, augmentation)": bank.digest()}
        _restrict(backbone, config)
        backbone.eval()
        self.teacher = copy.deepcopy(backbone).requires_grad_(False)
        if config.activation_checkpointing:
            recompute_activations(module_of(backbone))
        self.parameters = [p for p in backbone.parameters() if p.requires_grad]
        self._followers = [
            q for p, q in zip(backbone.parameters(), self.teacher.parameters(), strict=True) if p.requires_grad
        ]
        self.optimizer = torch.optim.AdamW(
            self.parameters, config.learning_rate, config.betas, weight_decay=config.weight_decay, fused=True
        )
        self.student, self.frozen = self._wrapped(module_of(backbone), module_of(self.teacher))
        self.done, self.skipped = 0, 0

    def _wrapped(self, student: nn.Module, teacher: nn.Module) -> tuple[nn.Module, nn.Module]:
        cuda = self.device.type == "cuda"
        if cuda and self.config.compile:
            student, teacher = (cast(nn.Module, torch.compile(module)) for module in (student, teacher))
        if self.world > 1:
            student = DistributedDataParallel(student, device_ids=[self.device.index] if cuda else None)
        return student, teacher

    def batch(self) -> tuple[torch.Tensor, torch.Tensor, int]:
        """(indices (2 * pairs,) of this process's images of the next step, those images in [0, 1], pairs skipped)."""
        drawn = self.sampler.step(self.done)
        index = torch.from_numpy(np.concatenate([self._mine(drawn.a), self._mine(drawn.b)])).to(self.device)
        return index, self.bank.batch(index), drawn.skipped

    def step(self) -> dict[str, torch.Tensor]:
        """One step; returns its metrics over all processes as tensors on the device."""
        index, images, skipped = self.batch()
        self.skipped += skipped
        self.optimizer.zero_grad(set_to_none=True)
        parts = list(self._parts(len(index) // 2))
        entries = self._entries(index) if len(parts) > 1 else None
        sums = torch.zeros(5, device=self.device)
        for number, rows in enumerate(parts, 1):
            with self._no_sync(number < len(parts)):
                sums += self._backward(images[rows], index[rows], entries, len(rows) / len(index))
        norm = self._update()
        if self.world > 1:
            distributed.all_reduce(sums)
        kl, entropy_p, entropy_q, count, gram = sums
        some, gram = count.clamp(min=1), gram / self.world
        return {
            "loss": kl / some + self.config.gram * gram,
            "align": kl / some,
            "gram": gram,
            "entropy_p": entropy_p / some,
            "entropy_q": entropy_q / some,
            "entries": count,
            "gradient_norm": norm,
        }

    def _parts(self, pairs: int) -> Iterator[torch.Tensor]:
        """Rows of the batch for each forward pass: the first and the second images of some pairs."""
        for some in torch.arange(pairs).split(self.config.micro_batch or pairs):
            yield torch.cat([some, some + pairs]).to(self.device)

    def _no_sync(self, more: bool) -> AbstractContextManager[None]:
        """Gradients are exchanged between processes in the last pass of a step only."""
        return self.student.no_sync() if more and isinstance(self.student, DistributedDataParallel) else nullcontext()

    def _entries(self, index: torch.Tensor) -> torch.Tensor:
        """Number of (ordered pair, keypoint) entries of the step over all processes."""
        first, second = self.bank.visible[index].chunk(2)
        count = (first & second).sum() * (2 if self.config.directions == "both" else 1)
        if self.world > 1:
            distributed.all_reduce(count)
        return count

    def _backward(
        self, images: torch.Tensor, index: torch.Tensor, entries: torch.Tensor | None, share: float
    ) -> torch.Tensor:
        """Adds the gradient of a part of the batch; returns (5,): sums of KL, entropies and entries, share of Gram.

        Args:
            images: (2 * pairs, 3, H, W) in [0, 1].
            index: Their indices (2 * pairs,) in the bank.
            entries: As `_entries`; None takes those of this part.
            share: The part's share of the images of the batch.
        """
        with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
            student = self.student(images)
            with torch.no_grad():
                teacher = self.frozen(images)
        student, teacher = losses.normalized(student.float()), losses.normalized(teacher.float())
        terms, gram = self._align(student, teacher, index), losses.gram_loss(student, teacher) * share
        if entries is None:
            entries = terms.count.clone()
            if self.world > 1:
                distributed.all_reduce(entries)
        # DDP averages gradients over processes, but the loss is a mean over all entries: hence the factor.
        (terms.kl * self.world / entries.clamp(min=1) + self.config.gram * gram).backward()
        return torch.stack([*(term.detach().float() for term in terms), gram.detach()])

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
        """Which (anchor, other) form a pair; an image that is in the batch twice is not paired with itself."""
        allowed = index[:, None] != everyone
        ours, theirs = self.name_ids[index][:, None], self.name_ids[everyone]
        if not self.config.intra:
            allowed &= ours != theirs
        if self.anchor is not None:
            first = self.bank.names().index(self.anchor)
            allowed &= (ours == first) | (theirs != first)
        return allowed

    def _update(self) -> torch.Tensor:
        """One optimiser step; returns the gradient's norm before clipping."""
        config = self.config
        norm = nn.utils.clip_grad_norm_(self.parameters, config.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(config, self.done)
        self.optimizer.step()
        if config.ema:
            torch._foreach_lerp_(list(self._followers), list(self.parameters), 1 - config.ema_decay)
        self.done += 1
        return norm.detach()

    def state(self) -> dict:
        """Everything that an exact resume needs. Sampling is a function of (seed, step) and has no state."""
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
        """Runs the remaining steps and writes checkpoints to `folder`.

        Raises:
            TrainingError: The loss or its gradient is not finite; no checkpoint is written after that.
        """
        config, started = self.config, time.perf_counter()
        with checkpoints.told_if_none(folder, config.checkpoint_every):
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


def learning_rate(config: TrainConfig, done: int) -> float:
    """Learning rate of the step after `done` steps: linear warm-up, then the schedule."""
    if done < config.warmup:
        return config.learning_rate * (done + 1) / config.warmup
    left = 1 - (done - config.warmup) / max(1, config.iterations - config.warmup)
    factor = {"constant": 1.0, "linear": left, "cosine": (1 - math.cos(math.pi * left)) / 2}[config.schedule]
    return config.learning_rate * factor


def _restrict(backbone: Backbone, config: TrainConfig) -> None:
    """Freezes what is not trained."""
    if config.frozen_layers:
        freeze_lower(module_of(backbone), config.frozen_layers)
    if config.lora_rank:
        add_lora(module_of(backbone), config.lora_rank, config.seed)


def _check(config: TrainConfig, bank: FrameBank, backbone: Backbone, world: int) -> None:
    doing = "setting up the fine-tune"
    if bank.size % backbone.patch:
        raise InvalidValueError(
            doing, f"images of {bank.size} px for patches of {backbone.patch} px", "a multiple", "change --image-size"
        )
    if config.batch % world:
        raise InvalidValueError(
            doing, f"batch {config.batch} on {world} processes", "a multiple of the processes", "change --batch"
        )
    if config.micro_batch and config.all_pairs:
        raise InvalidValueError(
            doing,
            "--micro-batch with --all-pairs",
            "the whole batch at once, because all pairs of its images are compared",
            "leave out one of the two; --activation-checkpointing also needs less memory",
        )
    if config.lora_rank and config.frozen_layers:
        raise InvalidValueError(
            doing, "--lora-rank with --frozen-layers", "one of the two", "adapters freeze all other weights already"
        )
    if config.directions == "one" and config.anchor not in bank.names():
        raise InvalidValueError(
            doing, f"one direction toward {config.anchor!r}", f"one of {', '.join(bank.names())}", "change --anchor"
        )
