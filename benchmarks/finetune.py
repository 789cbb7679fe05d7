"""Step time and peak memory of the fine-tune: ours, algorithm 1 as written, and the bound from counted FLOPs.

    python -m benchmarks.finetune [--batch 16] [--steps 5] [--backbone tiny | vits16 | vith14] [--device cpu]
    python -m benchmarks.finetune --form ours --backbone vith14 --micro-batch 8 --activation-checkpointing --device cuda

One run measures all variants, each in its own process (for separate memory peaks), after one step of warm-up. The
"reference" is algorithm 1 as printed, in both directions: Z_a, Z_b and Z_bar_a of a whole batch [B, N, C] for each
direction, and a loop over keypoints; "pair by pair" reads it for one pair at a time. Forward passes of the student
(each costs three with its backward pass) and of the teacher are counted: 4 and 2 per pair in the reference, 2 and 2 in
ours, whose both directions share them. The network's share of the speed-up is at most 14 / 8 = 1.75 x; the rest is the
loop. The bound is the counted FLOPs of our step over the best matrix-product rate measured in the same run. "data" is
the share of a step that draws pairs and prepares their images. One thread on a CPU is timed by CPU time, which excludes
other jobs.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from lace.alignment import losses
from lace.alignment.config import TrainConfig
from lace.alignment.pairs import FrameBank
from lace.alignment.training import Trainer
from lace.backbones import families, load_backbone

FORMS = ("ours", "all pairs", "reference", "pair by pair")


SHAPES = {
    "vits16": families.hf.DINOv3ViTConfig(num_register_tokens=4, pos_embed_rescale=None),
    "vith14": families.hf.IJepaConfig(
        hidden_size=1280, num_hidden_layers=32, num_attention_heads=16, intermediate_size=5120, patch_size=14
    ),
}
"""The shapes of DINOv3 ViT-S/16 and I-JEPA ViT-H/14; their weights here are random."""


def chosen(name: str) -> torch.nn.Module:
    """A backbone by the names of `lace finetune`, or one of SHAPES with random weights."""
    return families.from_config(SHAPES[name], name, 224) if name in SHAPES else load_backbone(name)


def made_up_banks(size: int) -> list[FrameBank]:
    """Noise images with random keypoints, 64 per embodiment; three in four keypoints are visible."""
    g, banks = torch.Generator().manual_seed(0), []
    for name in ("human", "robot"):
        images = torch.randint(0, 256, (64, 3, size, size), generator=g, dtype=torch.uint8)
        shown = torch.rand(64, 21, generator=g) < 0.75
        banks.append(FrameBank(images, torch.rand(64, 21, 2, generator=g) * size, shown, [name] * 64))
    return banks


def reference_step(trainer: Trainer, at_once: int) -> None:
    """`losses.reference_loss` once for (a, b) and once for (b, a), `at_once` pairs per forward pass."""
    drawn = trainer.sampler.step(trainer.done)
    index = torch.from_numpy(np.stack([drawn.a, drawn.b])).to(trainer.device)
    total, count = 0.0, len(drawn.a)
    for start in range(0, count, at_once):
        part = index[:, start : start + at_once]
        images = trainer.bank.images[part.flatten()].float() / 255
        patch, visible = trainer.patches[part.flatten()], trainer.bank.visible[part.flatten()]
        here = torch.arange(part.shape[1], device=trainer.device)
        for a, b in ((here, here + len(here)), (here + len(here), here)):
            pairs = losses.make_pairs(a, b, patch, visible, both=False)
            encoders = _encoder(trainer.backbone), _encoder(trainer.teacher)
            total = total + losses.reference_loss(*encoders, images, pairs) * len(here) / (2 * count)
    trainer._update(total)


def _encoder(backbone):
    def encode(images: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cuda", torch.bfloat16, enabled=images.is_cuda):
            return losses.normalized(backbone(images).float())

    return encode


def measure(form: str, args: argparse.Namespace) -> dict[str, float]:
    """Seconds per step and of its data, peak bytes, and the counts of `counted`, of one variant in this process."""
    backbone = chosen(args.backbone).to(args.device)
    config = TrainConfig(
        batch=args.batch,
        all_pairs=form == "all pairs",
        micro_batch=args.micro_batch,
        activation_checkpointing=args.activation_checkpointing,
    )
    trainer = Trainer(config, made_up_banks(backbone.image_size), backbone)
    at_once = {"reference": args.batch, "pair by pair": 1}.get(form)
    step = trainer.step if at_once is None else lambda: reference_step(trainer, at_once)
    cuda = trainer.device.type == "cuda"
    clock = time.perf_counter if cuda or torch.get_num_threads() > 1 else time.process_time

    def done() -> float:
        if cuda:
            torch.cuda.synchronize()
        return clock()

    def median(call: Callable[[], object]) -> float:
        call()
        times = []
        for _ in range(args.steps):
            begun = done()
            call()
            times.append(done() - begun)
        return sorted(times)[len(times) // 2]

    seconds, data = median(step), median(trainer.batch)
    peak = torch.cuda.max_memory_allocated() if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    found = {"seconds": seconds, "data": data, "peak": peak}
    if form == "ours":
        found["rate"] = matmul_rate(trainer.device)
    return found | counted(trainer, step)


def counted(trainer: Trainer, step: Callable[[], object]) -> dict[str, float]:
    """FLOPs of one step, and the images that student and teacher process in it."""
    # Operations inside compiled code are not counted.
    trainer.student, trainer.frozen = trainer.backbone, trainer.teacher
    passed = {"student": 0, "teacher": 0}

    def watch(name: str) -> Callable:
        def count(_module, inputs) -> None:
            passed[name] += len(inputs[0])

        return count

    trainer.backbone.register_forward_pre_hook(watch("student"))
    trainer.teacher.register_forward_pre_hook(watch("teacher"))
    with FlopCounterMode(display=False) as counter:
        step()
    return {"flops": counter.get_total_flops(), **passed}


def matmul_rate(device: torch.device) -> float:
    """Best FLOP/s of square matrix products in the precision of training, of ten."""
    cuda = device.type == "cuda"
    side, best = (8192, 0.0) if cuda else (1024, 0.0)
    a = torch.randn(side, side, device=device, dtype=torch.bfloat16 if cuda else torch.float32)
    for _ in range(10):
        begun = time.perf_counter()
        a @ a
        if cuda:
            torch.cuda.synchronize()
        best = max(best, 2 * side**3 / (time.perf_counter() - begun))
    return best


def options(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The options, of the command line or of `words`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument(
        "--backbone", default="tiny", help="or vits16, vith14: shapes of the paper's, random weights, 224 px"
    )
    parser.add_argument("--micro-batch", type=int, default=0)
    parser.add_argument("--activation-checkpointing", action="store_true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--form", choices=FORMS, help="measure one variant and print JSON")
    return parser.parse_args(words)


def main() -> None:
    """Runs all variants and prints the table."""
    args = options()
    if args.form:
        print(json.dumps(measure(args.form, args)))
        return
    found = {}
    for form in FORMS:
        words = [sys.executable, "-m", "benchmarks.finetune", *sys.argv[1:], "--form", form]
        found[form] = json.loads(
            subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
        )
    bound = found["ours"]["flops"] / found["ours"]["rate"]
    print(
        f"{args.backbone}, {args.batch} pairs, {args.device}, {torch.get_num_threads()} thread(s), "
        f"median of {args.steps}"
    )
    headings = ("s/step", "pairs/s", "x ref.", "x pair", "of bound", "data", "GFLOP", "student", "teacher", "peak MB")
    print(f"{'form':<14}" + "".join(f"{heading:>10}" for heading in headings))
    for form, row in found.items():
        ratios = [found[other]["seconds"] / row["seconds"] for other in ("reference", "pair by pair")]
        cells = (
            f"{row['seconds']:.4f}",
            f"{args.batch / row['seconds']:.1f}",
            *(f"{ratio:.2f}" for ratio in ratios),
            f"{bound / row['seconds']:.1%}",
            f"{row['data'] / row['seconds']:.2%}",
            f"{row['flops'] / 1e9:.1f}",
            row["student"],
            row["teacher"],
            f"{row['peak'] / 2**20:.0f}",
        )
        print(f"{form:<14}" + "".join(f"{cell:>10}" for cell in cells))
    print(
        f"bound {bound:.4f} s/step: ours' GFLOP at {found['ours']['rate'] / 1e9:.1f} GFLOP/s "
        "of matrix product, measured"
    )


if __name__ == "__main__":
    main()
