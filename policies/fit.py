"""The one training loop of probes and policies: a head on frozen features, points out (paper, E.2 and E.3)."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from lace.alignment import checkpoints
from lace.alignment.training import TrainingError
from lace.core.draws import generator, seed64
from lace.core.errors import InvalidValueError
from lace.core.geometry import Array
from lace.core.limits import Within, check_numbers
from policies.features import Features, StoredFeatures

OnStep = Callable[[dict[str, float]], None]
LOSSES = {"mse": torch.square, "l1": torch.abs}


@dataclass(frozen=True)
class FitConfig:
    """One fit. The defaults are the paper's attentive probe; what it leaves open is ours and says so."""

    iterations: Annotated[int, Within(1)] = 10_000
    batch: Annotated[int, Within(1)] = 32
    """Frames per step, over all processes together."""
    learning_rate: Annotated[float, Within(0, open_low=True)] = 1e-3
    """Peak, of new parameters."""
    pretrained_learning_rate: Annotated[float, Within(0)] = 1e-5
    """Peak, of parameters that come pretrained (a DETR's encoder and decoder)."""
    warmup: Annotated[float, Within(0, 1)] = 0.1
    """Share of the iterations with a linear rise; a cosine to zero follows."""
    weight_decay: Annotated[float, Within(0)] = 0.05
    betas: Annotated[tuple[float, float], Within(0, 1, open_high=True)] = (0.9, 0.999)
    clip: Annotated[float, Within(0, open_low=True)] = 1.0
    """Largest gradient norm."""
    loss: Literal["mse", "l1"] = "mse"
    """Of coordinates as shares of the image. The paper's probes use MSE; it does not name the policy's."""
    seed: int = 0
    """Of the head's first weights, the batches and the dropout."""
    schedule: ClassVar[str] = "warm-up and cosine"
    """Depends on the length of the run, so a checkpoint belongs to one number of iterations."""
    bf16: bool | None = None
    """bfloat16 inside the head; by default on CUDA, and on CPUs with AMX, where it is several times faster."""
    checkpoint_every: Annotated[int, Within(1)] = 1000
    log_every: Annotated[int, Within(1)] = 50

    def __post_init__(self):
        check_numbers(self, "--fit.{}")


def rate_at(step: int, config: FitConfig) -> float:
    """Share of the peak learning rate at `step` (from 0): linear warm-up, then a cosine to zero at the end."""
    rise = max(1, round(config.warmup * config.iterations))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, config.iterations - rise)))


class Fit:
    """Head, optimiser and data of one run; `step` s is a function of (config, data, s) and the state alone."""

    def __init__(self, config: FitConfig, head: nn.Module, features: Features, targets: Array, device: str = "cpu"):
        """Builds it.

        Args:
            config: The recipe.
            head: (batch, rows, cols, dim) -> (batch, points, 2) as shares of the image; trained in place. Its
                `pretrained` names its pretrained modules, if any.
            features: Of n frames.
            targets: (n, points, 2) as shares of the image; NaN where unknown, which enters no loss.
            device: Where it runs.

        Raises:
            InvalidValueError: Features and targets are not of the same frames, or no target is known.
        """
        self.config, self.device = config, torch.device(device)
        self.world = distributed.get_world_size() if distributed.is_initialized() else 1
        self.rank = distributed.get_rank() if self.world > 1 else 0
        _checked(config, features, targets, self.world)
        self.head = head.to(self.device)
        self.features = features.to(self.device) if isinstance(features, StoredFeatures) else features
        self.known = torch.from_numpy(np.isfinite(targets)).to(self.device)
        self.targets = torch.from_numpy(np.nan_to_num(targets)).float().to(self.device)
        self.identity = {
            "features (images, backbone)": features.digest,
            "targets": _digest(targets),
            "head": type(head).__name__,
        }
        self.optimizer = torch.optim.AdamW(
            _groups(self.head, config), betas=config.betas, weight_decay=config.weight_decay
        )
        cuda = self.device.type == "cuda"
        self.bf16 = (cuda or torch.cpu._is_amx_tile_supported()) if config.bf16 is None else config.bf16
        self.called = head
        if self.world > 1:
            self.called = DistributedDataParallel(head, device_ids=[self.device.index] if cuda else None)
        self.done = 0

    def batch(self) -> Tensor:
        """Frames (batch / processes,) of this process in the next step, drawn with replacement."""
        drawn = generator(self.config.seed, self.done).integers(len(self.features), size=self.config.batch)
        share = self.config.batch // self.world
        return torch.from_numpy(drawn[self.rank * share : (self.rank + 1) * share])

    def step(self) -> dict[str, Tensor]:
        """One step; returns its metrics as tensors on the device."""
        config, index = self.config, self.batch()
        self.head.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(hash((seed64(config.seed), self.done, self.rank)) % 2**63)
            x = self.features.rows(
                index.to(self.targets.device) if isinstance(self.features, StoredFeatures) else index
            )
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                predicted = self.called(x).float()
        index = index.to(self.device)
        error = LOSSES[config.loss](predicted - self.targets[index]) * self.known[index]
        loss = error.sum() / self.known[index].sum().clamp(min=1)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.head.parameters(), config.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate_at(self.done, config)
        self.optimizer.step()
        self.done += 1
        return {"loss": loss.detach(), "gradient_norm": norm.detach()}

    def run(self, on_step: OnStep | None = None, folder: str | Path | None = None) -> nn.Module:
        """All steps that are left, with checkpoints in `folder`; returns the head in eval mode.

        Raises:
            TrainingError: The loss is no number any more; no checkpoint is written after it.
        """
        config, started = self.config, time.perf_counter()
        with checkpoints.told_if_none(folder, config.checkpoint_every):
            while self.done < config.iterations:
                metrics = self.step()
                last = self.done == config.iterations
                saves = folder is not None and (last or self.done % config.checkpoint_every == 0)
                if not (saves or last or self.done % config.log_every == 0):
                    continue
                values = {name: float(value) for name, value in metrics.items()}
                if not all(map(math.isfinite, values.values())):
                    raise TrainingError(
                        f"fitting, step {self.done}",
                        "the loss is not finite",
                        "finite losses",
                        "lower --fit.learning-rate and start in a new --out",
                    )
                if self.rank == 0 and on_step:
                    rate = self.optimizer.param_groups[-1]["lr"]
                    on_step({"step": self.done, **values, "rate": rate, "seconds": time.perf_counter() - started})
                if self.rank == 0 and saves:
                    checkpoints.save(folder, config, self.identity, self.state())
        if self.world > 1:
            distributed.barrier()
        return self.head.eval()

    def state(self) -> dict:
        """All that an exact resume needs."""
        return {"step": self.done, "head": self.head.state_dict(), "optimizer": self.optimizer.state_dict()}

    def resume(self, folder: str | Path) -> None:
        """Continues from the checkpoint in `folder` if there is one; CheckpointError if it is of another run."""
        state = checkpoints.load(folder, self.config, self.identity, self.device)
        if state is not None:
            self.head.load_state_dict(state["head"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.done = state["step"]


@torch.no_grad()
def predict(head: nn.Module, features: Features, size: int, batch: int = 256) -> Array:
    """Points (n, points, 2) [px] of all frames, for images of `size` px."""
    device, found = next(head.parameters()).device, []
    head.eval()
    for index in torch.arange(len(features)).split(batch):
        found.append(head(features.rows(index).to(device)).float().cpu())
    return torch.cat(found).numpy().astype(float) * size


def _groups(head: nn.Module, config: FitConfig) -> list[dict]:
    """Parameter groups: pretrained ones, if any, then new ones."""
    named = getattr(head, "pretrained", ())
    old = [p for name, p in head.named_parameters() if name.split(".")[0] in named]
    new = [p for name, p in head.named_parameters() if name.split(".")[0] not in named]
    groups = [(old, config.pretrained_learning_rate), (new, config.learning_rate)]
    return [{"params": params, "peak": peak, "lr": peak} for params, peak in groups if params]


def _digest(targets: Array) -> str:
    import hashlib

    return hashlib.sha256(np.ascontiguousarray(targets, np.float32)).hexdigest()[:16]


def _checked(config: FitConfig, features: Features, targets: Array, world: int) -> None:
    doing = "setting up a fit"
    if len(features) != len(targets) or targets.ndim != 3 or not len(targets):
        raise InvalidValueError(
            doing,
            f"features of {len(features)} frames and targets {targets.shape}",
            "(n, points, 2) of the same frames",
            "compute both from one set of frames",
        )
    if not np.isfinite(targets).any():
        raise InvalidValueError(doing, "no target is known", "some finite targets", "check the labels")
    if config.batch % world:
        raise InvalidValueError(
            doing, f"batch {config.batch} on {world} processes", "a multiple of the processes", "change --fit.batch"
        )
