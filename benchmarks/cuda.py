"""The check of a GPU in one command: five stages, each in its own process, one JSON, printed as it goes.

    python -m benchmarks.cuda --out cuda.json                    # on one H100 or H200, at most 8 minutes
    python -m benchmarks.cuda --out cuda.json --device cpu --tiny

1. pictures   Warp's kernels load, and draw what the CPU draws
2. frames     labelled 224 px frames/s for 64 to 4,096 worlds, with the step that bounds them, then in many processes
3. grasps     MJWarp against MuJoCo C on 64 trials
4. lace       LACE steps/s at batch 64 in bf16 with torch.compile; share of the bf16 bound; memory; agreement with fp32
5. policy     samples/s of policy training

A stage that fails or takes longer than its limit is named, the others run. Goals: 10,000 frames/s end to end, and
10,000 iterations of LACE with ViT-S in under 4 minutes on an H200.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIMITS_S = {"pictures": 90, "frames": 150, "grasps": 90, "lace": 100, "policy": 40}
"""Stage -> seconds; 470 s in all."""
FRAMES_GOAL, ITERATIONS, MINUTES_GOAL = 10_000, 10_000, 4.0


def pictures(given: argparse.Namespace) -> dict[str, Any]:
    """Differences between the device's and the CPU's pictures of the same scenes."""
    import numpy as np

    size, count = (64, 4) if given.tiny else (224, 16)
    drawn = {device: _drawn(device, size, count) for device in dict.fromkeys(("cpu", given.device))}
    ours, theirs = drawn[given.device], drawn["cpu"]
    levels = np.abs(ours[0].astype(int) - theirs[0].astype(int))
    same = ours[1] == theirs[1]
    depth = np.abs(ours[2] - theirs[2])[same]
    found = {
        "pictures": count,
        "colour_levels_mean": float(levels.mean()),
        "pixels_more_than_2_levels": float((levels.max(-1) > 2).mean()),
        "segments_equal": float(same.mean()),
        "depth_mm_p99": float(1000 * np.quantile(depth[np.isfinite(depth)], 0.99)),
    }
    return found | {"good": found["segments_equal"] > 0.998 and found["colour_levels_mean"] < 0.5}


def _drawn(device: str, size: int, count: int) -> list:
    import numpy as np

    from sim_envs.config.scene import SceneConfig, with_preset
    from sim_envs.frames.source import SimulatedFrames

    config = with_preset(SceneConfig(width=size, height=size, device=device), "lab")
    source = SimulatedFrames(config, worlds=count)
    batch = source.compose(np.arange(count), np.zeros(count, int))
    arrays = [array.numpy().copy() for array in source.draw(batch)]
    source.close()
    return arrays


def frames(given: argparse.Namespace) -> dict[str, Any]:
    """Frames/s by number of worlds in one process, the time of each step, then in several processes at the best."""
    worlds, size = ((4,), 64) if given.tiny else ((64, 256, 1024, 4096), 224)
    rows = {}
    for count in worlds:
        rows[count] = _steps(given.device, size, count)
        print(f"  {count} worlds: {rows[count]['frames_per_s']:.0f} frames/s, {rows[count]['bound']}", flush=True)
    best = max(rows, key=lambda count: rows[count]["frames_per_s"])
    processes = 1 if given.tiny else max(1, (os.cpu_count() or 2) - 2)
    rate = _end_to_end(given.device, size, best, processes)
    return {"by_worlds": rows, "processes": processes, "end_to_end_frames_per_s": rate, "good": rate >= FRAMES_GOAL}


def _config(device: str, size: int, shard: int, out: Path, **more: Any):
    from sim_envs.config.generate import GenerateConfig
    from sim_envs.config.scene import with_preset

    config = GenerateConfig(out=out, width=size, height=size, device=device, shard_frames=shard, **more)
    return with_preset(config, "lab")


def _steps(device: str, size: int, worlds: int) -> dict[str, Any]:
    """Seconds of each step of one batch, in one process; the slowest is the bound, since they overlap at best."""
    import tempfile

    import numpy as np
    import warp as wp

    from sim_envs.frames.shard_maker import ShardMaker

    seconds: dict[str, float] = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = call()
        wp.synchronize()
        seconds[name] = time.perf_counter() - started
        return result

    def batch_once(maker: ShardMaker) -> int:
        source = maker.source
        indices, tries = np.arange(worlds)[: source.worlds], np.zeros(source.worlds, int)
        scenes = timed("composing (CPU)", lambda: source.compose(indices, tries))
        arrays = timed("drawing (device)", lambda: source.draw(scenes))
        batch = timed("labels and copying", lambda: source.labelled(scenes, *arrays, indices, tries))
        rows = range(len(batch))
        timed("checks, encoding (CPU)", lambda: list(maker.encoders.map(lambda i: maker._finish(batch, i), rows)))
        return len(batch)

    with tempfile.TemporaryDirectory() as folder:
        maker = ShardMaker(_config(device, size, worlds, Path(folder)))
        batch_once(maker)  # compiles
        drawn = batch_once(maker)
        maker.close()
    bound = max(seconds, key=seconds.__getitem__)
    return {
        "frames_per_s": drawn / sum(seconds.values()),
        "bound": bound,
        "ms_per_frame": {name: 1000 * value / drawn for name, value in seconds.items()},
    }


def _end_to_end(device: str, size: int, shard: int, processes: int) -> float:
    """Frames/s of `lace generate robot` on disk, opening not counted."""
    import tempfile

    from sim_envs.frames.generate import run

    with tempfile.TemporaryDirectory() as folder:
        shard = min(shard, 512)
        config = _config(device, size, shard, Path(folder) / "out", frames=4 * shard * processes, workers=processes)
        totals = run(config, lambda _done: None)
    return totals["frames"] / totals["seconds"]


def grasps(given: argparse.Namespace) -> dict[str, Any]:
    """How many of the trials end alike in both engines."""
    import tempfile

    from benchmarks.agreement import Options, run_block

    trials = 2 if given.tiny else 64
    with tempfile.TemporaryDirectory() as folder:
        options = Options(Path(folder), trials=trials, block=trials)
        content = json.loads(run_block(options, 0, device=given.device).read_text())
    rows = content["trials"]
    alike = sum(row["mujoco"]["held"] == row["isaac"]["held"] for row in rows)
    held = {name: sum(row[name]["held"] for row in rows) for name in ("mujoco", "isaac")}
    found = {"trials": len(rows), "alike": alike, "held": held, "seconds": content["seconds"]}
    return found | {"good": bool(rows) and alike >= 0.95 * len(rows)}


def lace(given: argparse.Namespace) -> dict[str, Any]:
    """Step time against the bound, memory, and the gradient against one in fp32."""
    from benchmarks import finetune

    name, batch, steps = ("tiny", 2, 1) if given.tiny else ("vits16", 64, 20)
    words = f"--backbone {name} --batch {batch} --steps {steps} --device {given.device}"
    found = finetune.measure("ours", finetune.options(words.split()))
    bound, minutes = found["flops"] / found["rate"], ITERATIONS * found["seconds"] / 60
    return {
        "steps_per_s": 1 / found["seconds"],
        "share_of_bound": bound / found["seconds"],
        "peak_GiB": found["peak"] / 2**30,
        "minutes_for_10000_iterations": minutes,
        "cosine_with_fp32": _cosine(name, given.device),
        "good": minutes < MINUTES_GOAL,
    }


def _cosine(name: str, device: str) -> float:
    """Cosine between the gradients of one small step with and without autocast."""
    from contextlib import nullcontext
    from unittest.mock import patch

    import torch

    from benchmarks import finetune
    from lace.alignment.config import TrainConfig
    from lace.alignment.training import Trainer

    found = []
    for whole in (False, True):
        torch.manual_seed(0)
        backbone = finetune.chosen(name).to(device)
        trainer = Trainer(TrainConfig(batch=4, compile=False), finetune.made_up_banks(backbone.image_size), backbone)
        with patch.object(torch, "autocast", lambda *_args, **_options: nullcontext()) if whole else nullcontext():
            trainer.step()
        found.append(torch.cat([p.grad.flatten().double() for p in trainer.parameters if p.grad is not None]))
    return float(torch.nn.functional.cosine_similarity(*found, dim=0))


def policy(given: argparse.Namespace) -> dict[str, Any]:
    """Samples/s of the policy's training on stored features."""
    from benchmarks import policy as speeds
    from lace.backbones import load_backbone

    config = speeds.Config(device=given.device, batch=2 if given.tiny else 256, steps=1 if given.tiny else 20)
    backbone = load_backbone(config.backbone, device=given.device)
    if given.tiny:
        config = dataclasses.replace(config, image_size=64)
    return speeds.training(config, backbone) | {"good": True}


STAGES: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "pictures": pictures,
    "frames": frames,
    "grasps": grasps,
    "lace": lace,
    "policy": policy,
}


def run_stage(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Runs a stage in its own process; what went wrong is in "error"."""
    words = [sys.executable, "-m", "benchmarks.cuda", "--stage", name, "--device", given.device]
    started = time.monotonic()
    with subprocess.Popen([*words, *["--tiny"] * given.tiny], stdout=subprocess.PIPE, text=True) as process:
        try:
            text, _ = process.communicate(timeout=given.patience * LIMITS_S[name])
        except subprocess.TimeoutExpired:
            process.kill()
            text, _ = process.communicate()
            text = text.rpartition("{")[0] + json.dumps({"good": False, "error": f"longer than {LIMITS_S[name]} s"})
    lines = text.strip().splitlines() or [""]
    print("\n".join(lines[:-1]), flush=True) if lines[:-1] else None
    try:
        found = json.loads(lines[-1])
    except ValueError:
        found = {"good": False, "error": f"it ended with code {process.returncode}"}
    return found | {"seconds_in_all": round(time.monotonic() - started, 1)}


def main() -> int:
    """Runs the stages; returns 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("cuda.json"))
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--tiny", action="store_true", help="smallest sizes: shows that every stage runs, on a CPU too")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--patience", type=float, default=1.0, help="factor of the stages' limits")
    parser.add_argument("--stage", choices=STAGES, help="run one stage here and print its JSON")
    given = parser.parse_args()
    if given.stage:
        print(json.dumps(STAGES[given.stage](given)))
        return 0
    found: dict[str, Any] = {"device": given.device, "tiny": given.tiny, "stages": {}}
    for name in given.stages:
        print(f"{name} ...", flush=True)
        found["stages"][name] = run_stage(name, given)
        print(f"{name}: {json.dumps(found['stages'][name])}", flush=True)
        given.out.write_text(json.dumps(found, indent=1))
    failed = [name for name, result in found["stages"].items() if "error" in result]
    missed = [name for name, result in found["stages"].items() if not result["good"] and name not in failed]
    print(f"failed: {', '.join(failed) or 'none'}; goals missed: {', '.join(missed) or 'none'}; wrote {given.out}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
