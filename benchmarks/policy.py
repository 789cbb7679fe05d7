"""Speed of the two-point policy: training, inference, memory, and the gain from stored features.

python benchmarks/policy.py --backbone efficientnet-lite0 --head detr:small

Each figure is set against the plain sum of its parts, timed in the same run: backbone forward plus transformer.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
import tyro

from lace.backbones import load_backbone
from lace.core.provenance import commit
from policies.bundle import BundleConfig, Camera, TwoPointPolicy
from policies.export import latency_ms
from policies.features import StoredFeatures, backbone_digest, tokens
from policies.fit import Fit, FitConfig
from policies.heads import build_head


@dataclass(frozen=True)
class Config:
    """What to time."""

    backbone: str = "tiny"
    head: str = "detr:small"
    image_size: int = 224
    batch: int = 32
    steps: int = 10
    """Training steps, after two that are not counted."""
    repeats: int = 30
    """Single pictures for each latency."""
    device: str = "cpu"


def rate(step: Callable[[], object], steps: int) -> float:
    """Calls per second, after two that are not counted; waits for CUDA."""
    for _ in range(2):
        step()
    _wait()
    started = time.perf_counter()
    for _ in range(steps):
        step()
    _wait()
    return steps / (time.perf_counter() - started)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def training(config: Config, backbone: torch.nn.Module) -> dict[str, float]:
    """Samples per second of `Fit` on stored features, of its parts alone, and with the backbone in every step."""
    images = torch.rand(config.batch, 3, config.image_size, config.image_size).to(config.device)
    x = tokens(backbone, images)
    targets = np.random.default_rng(0).random((config.batch, 2, 2))
    head = build_head(config.head, backbone.dim)
    fit = Fit(FitConfig(batch=config.batch), head, StoredFeatures(x.half().cpu(), "random"), targets, config.device)
    stored = rate(fit.step, config.steps) * config.batch

    goal = torch.from_numpy(targets).float().to(config.device)
    optimizer = torch.optim.AdamW(head.parameters(), 1e-4)

    def plain() -> None:
        with torch.autocast(torch.device(config.device).type, torch.bfloat16, enabled=fit.bf16):
            found = head(x)
        optimizer.zero_grad()
        (found.float() - goal).square().mean().backward()
        optimizer.step()

    head.train()
    bare = rate(plain, config.steps) * config.batch
    seen = rate(lambda: (tokens(backbone, images), plain()), config.steps) * config.batch
    return {
        "Fit on stored features": stored,
        "transformer alone": bare,
        "backbone and transformer in every step": seen,
        "gain of storing": stored / seen,
        "Fit's time against the transformer's": bare / stored,
    }


def inference(config: Config, backbone: torch.nn.Module) -> dict[str, float]:
    """Latency of one picture [ms] through the policy object, and of backbone and head called one after the other."""
    head = build_head(config.head, backbone.dim).to(config.device).eval()
    about = BundleConfig(
        config.head,
        backbone.dim,
        config.image_size,
        Camera(config.image_size, config.image_size),
        config.backbone,
        backbone_digest(backbone),
        "",
        {},
    )
    policy = TwoPointPolicy("benchmark", about, backbone, head)
    picture = np.random.default_rng(0).integers(0, 256, (1, config.image_size, config.image_size, 3), np.uint8)
    image = torch.rand(1, 3, config.image_size, config.image_size).to(config.device)

    @torch.inference_mode()
    def parts() -> None:
        head(tokens(backbone, image))
        _wait()

    ours, plain = latency_ms(lambda: policy.predict_batch(picture), config.repeats), latency_ms(parts, config.repeats)
    many = latency_ms(lambda: policy.predict_batch(picture.repeat(16, 0)), max(3, config.repeats // 5))
    return {
        "policy p50": ours["p50"],
        "policy p95": ours["p95"],
        "plain sum p50": plain["p50"],
        "ratio of medians": ours["p50"] / plain["p50"],
        "a picture of 16 p50": many["p50"] / 16,
    }


def main(config: Config) -> int:
    """Times, prints, and writes JSON to stdout."""
    torch.set_num_threads(1) if config.device == "cpu" else None
    backbone = load_backbone(config.backbone, image_size=config.image_size, device=config.device)
    found = {
        "training [samples/s]": training(config, backbone),
        "inference [ms]": inference(config, backbone),
        "memory": {"most resident [MB]": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024},
        "config": asdict(config),
        "commit": commit(),
    }
    if torch.cuda.is_available():
        found["memory"]["most on the device [MB]"] = torch.cuda.max_memory_allocated() / 2**20
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Config)))
