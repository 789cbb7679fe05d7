"""Step time and peak memory of the fine-tune: batched, algorithm 1 as written, and the bound from counted FLOPs.

    python benchmarks/finetune.py [--batch 16] [--steps 5] [--backbone tiny] [--device cpu]

One run measures all: each form in a process of its own (so that peaks do not mix), after one step of warm-up. The
plain form is algorithm 1 read literally, in both directions: Z_a and Z_b by the student and Z_bar_a by the teacher for
each direction, and a loop over keypoints. The bound is the counted FLOPs of the batched step over the best
matrix-product rate measured in the same run.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from lace import losses
from lace.backbones import load_backbone
from lace.pairs import FrameBank
from lace.training import TrainConfig, Trainer

FORMS = ("batched", "all pairs", "plain")


def made_up_banks(size: int) -> list[FrameBank]:
    """Noise with random keypoints, 64 images an embodiment; three in four visible."""
    g, banks = torch.Generator().manual_seed(0), []
    for name in ("human", "robot"):
        images = torch.randint(0, 256, (64, 3, size, size), generator=g, dtype=torch.uint8)
        shown = torch.rand(64, 21, generator=g) < 0.75
        banks.append(FrameBank(images, torch.rand(64, 21, 2, generator=g) * size, shown, [name] * 64))
    return banks


def plain_step(trainer: Trainer) -> None:
    """Algorithm 1 once for (a, b) and once for (b, a)."""
    drawn = trainer.sampler.step(trainer.done)
    a, b = (torch.from_numpy(index).to(trainer.device) for index in (drawn.a, drawn.b))
    total, count = 0.0, len(a)
    for first, second in ((a, b), (b, a)):
        index = torch.cat([first, second])
        with torch.autocast("cuda", torch.bfloat16, enabled=trainer.device.type == "cuda"):
            halves = [trainer.backbone(trainer.bank.images[part].float() / 255) for part in (first, second)]
            with torch.no_grad():
                bar = trainer.teacher(trainer.bank.images[first].float() / 255)
        student = losses.normalized(torch.cat(halves))
        here = torch.arange(count, device=trainer.device)
        pairs = losses.make_pairs(here, here + count, trainer.patches[index], trainer.bank.visible[index], both=False)
        bar = losses.normalized(bar)
        total = total + _plain_loss(student, bar, pairs)
    trainer._update(total / 2)


def _plain_loss(student, bar, pairs):
    """`losses.reference_loss` with a teacher that saw the anchors alone, and their Gram term."""
    count = len(pairs.a)
    padded = torch.cat([bar, bar])  # the reference reads teacher rows of anchors only
    align = losses.reference_loss(student, padded, pairs, lam=0.0)
    return align + losses.gram_loss(student[:count], bar)


def measure(form: str, args: argparse.Namespace) -> dict[str, float]:
    """Seconds a step, peak bytes and FLOPs a step (counted, batched form only) of one form, in this process."""
    backbone = load_backbone(args.backbone, device=args.device)
    config = TrainConfig(batch=args.batch, all_pairs=form == "all pairs")
    trainer = Trainer(config, made_up_banks(backbone.image_size), backbone)
    step = trainer.step if form != "plain" else lambda: plain_step(trainer)
    cuda = trainer.device.type == "cuda"

    def done() -> float:
        if cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    step()
    times = []
    for _ in range(args.steps):
        begun = done()
        step()
        times.append(done() - begun)
    peak = torch.cuda.max_memory_allocated() if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    found = {"seconds": sorted(times)[len(times) // 2], "peak": peak}
    if form == "batched":
        trainer.student, trainer.frozen = trainer.backbone, trainer.teacher  # compiled code hides its operations
        with FlopCounterMode(display=False) as counter:
            trainer.step()
        found |= {"flops": counter.get_total_flops(), "rate": matmul_rate(trainer.device)}
    return found


def matmul_rate(device: torch.device) -> float:
    """Best FLOP/s of square matrix products in the precision of training."""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--backbone", default="tiny")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--form", choices=FORMS, help="measure one form and print JSON")
    args = parser.parse_args()
    if args.form:
        print(json.dumps(measure(args.form, args)))
        return
    found = {}
    for form in FORMS:
        words = [sys.executable, __file__, *sys.argv[1:], "--form", form]
        found[form] = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    bound = found["batched"]["flops"] / found["batched"]["rate"]
    print(f"{args.backbone}, {args.batch} pairs, {args.device}, {torch.get_num_threads()} thread(s), median of {args.steps}")
    print(f"{'form':<12}{'s/step':>10}{'x plain':>9}{'of bound':>10}{'peak MB':>9}")
    for form, row in found.items():
        ratio, share = found["plain"]["seconds"] / row["seconds"], bound / row["seconds"]
        print(f"{form:<12}{row['seconds']:>10.4f}{ratio:>9.2f}{share:>10.1%}{row['peak'] / 2**20:>9.0f}")
    counted = found["batched"]
    print(f"bound {bound:.4f} s/step: {counted['flops'] / 1e9:.1f} GFLOP counted, {counted['rate'] / 1e9:.1f} GFLOP/s of matrix product measured")


if __name__ == "__main__":
    main()
