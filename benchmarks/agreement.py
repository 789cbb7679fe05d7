"""Compares MuJoCo C with Isaac Lab on Newton MJWarp on scripted grasps: same scenes, same commands, each outcome.

Each world holds one random doll at a random size of the target axis. Runs in blocks of worlds that are
kept on disk; the same command resumes.

    python benchmarks/agreement.py --trials 200 --out runs/agreement [--policy noise:8]
"""

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro

from lace.core.files import publish_bytes
from lace.core.geometry import Array, apply
from lace.measure.rates import exact_rate
from policies import make_policy
from policies.outcome import TrialStopped
from policies.policy import Observation, Policy
from policies.primitives.playback import joint_targets
from sim_envs.config.axes import ClutterAxis
from sim_envs.config.presets import PRESETS
from sim_envs.config.scene import SceneConfig
from sim_envs.physics.isaac.physics import IsaacPhysics
from sim_envs.physics.mujoco import MujocoPhysics
from sim_envs.physics.protocol import STEP_HZ, Physics
from sim_envs.trials.cell import HELD_M, SETTLE_S
from sim_envs.trials.source import Trial, TrialSource

CARRIED_S = 0.3
"""Time for which the hand must hold the doll after its last move [s]."""


@dataclass(frozen=True)
class Options:
    """What to compare."""

    out: Path
    trials: int = 200
    block: int = 25
    """Worlds simulated in parallel."""
    seed: int = 0
    policy: str = "oracle"
    """Policy whose points are used for planning. With noise:8 about half of the grasps fail, where engines may differ.
    """
    blocks: int = 1000
    """Maximum number of blocks in this call."""


def scenes(options: Options) -> SceneConfig:
    """Scenes with one random doll and nothing else."""
    axes = PRESETS["clean"]
    axes = replace(
        axes, clutter=ClutterAxis(on=False, count=(0, 0)), target=replace(axes.target, on=True, names=("all",))
    )
    return SceneConfig(preset="clean", seed=options.seed, width=224, height=224, axes=axes)


def planned(source: TrialSource, numbers: np.ndarray, policy: Policy) -> tuple[list[Trial], list[Array]]:
    """Trials with a plan, and their commands."""
    trials, commands = [], []
    for trial in source.draw(numbers):
        start = trial.physics.joint_positions
        seen = Observation(trial.record.image, trial.record.camera, start, 0.0, 0.0, truth=trial.truth)
        policy.reset(trial.index)
        try:
            plan = source.primitive(trial).plan(seen, policy.predict(seen), trial.physics.table_z)
        except TrialStopped:
            continue
        trials.append(trial)
        commands.append(joint_targets(plan, start, STEP_HZ, SETTLE_S))
    return trials, commands


def outcomes(physics: Physics, trials: list[Trial], commands: list[Array]) -> list[dict]:
    """Held and rise [m] of each trial, simulated in parallel; shorter trials hold their last command."""
    longest = max(map(len, commands)) + int(CARRIED_S * STEP_HZ)
    padded = np.stack([np.concatenate([rows, np.tile(rows[-1], (longest - len(rows), 1))]) for rows in commands])
    worlds = physics.open([trial.physics for trial in trials])
    worlds.roll(padded, stride=longest)
    state, results = worlds.state(), []
    worlds.close()
    for i, trial in enumerate(trials):
        T0, T = trial.physics.objects[0].T_world_object, state.T_world_object[i, 0]
        local = T0[:3, :3].T @ (trial.target_middle - T0[:3, 3])
        rise = float(apply(T, local[None])[0, 2] - trial.target_middle[2])
        touched, table = float(state.robot_object_N[i, 0]), float(state.object_table_N[i, 0])
        results.append({"held": bool(rise > HELD_M and touched > 0 and table == 0), "rise_m": rise, "grip_N": touched})
    return results


def run_block(options: Options, block: int, device: str = "auto") -> Path:
    """Runs one block unless its result exists."""
    path = options.out / f"block-{block:03d}.json"
    if path.is_file():
        return path
    numbers = np.arange(block * options.block, min((block + 1) * options.block, options.trials))
    source = TrialSource(replace(scenes(options), device=device))
    trials, commands = planned(source, numbers, make_policy(options.policy))
    device = source.frames.device
    source.close()
    rows, seconds = {}, {}
    for physics in (MujocoPhysics(), IsaacPhysics(device=device)):
        started = time.perf_counter()
        rows[physics.name] = outcomes(physics, trials, commands)
        seconds[physics.name] = time.perf_counter() - started
    kept = [{"trial": trial.index, **{name: rows[name][i] for name in rows}} for i, trial in enumerate(trials)]
    publish_bytes(
        path, json.dumps({"trials": kept, "seconds": seconds, "refused": len(numbers) - len(trials)}, indent=1).encode()
    )
    print(f"block {block}: {len(kept)} trials, seconds {seconds}", flush=True)
    return path


def main(options: Options) -> None:
    """Runs the missing blocks, then prints the agreement and every difference."""
    total = -(-options.trials // options.block)
    missing = [b for b in range(total) if not (options.out / f"block-{b:03d}.json").is_file()]
    for block in missing[: options.blocks]:
        run_block(options, block)
    blocks = [json.loads(path.read_text()) for path in sorted(options.out.glob("block-*.json"))]
    rows = [row for block in blocks for row in block["trials"]]
    same = sum(row["mujoco"]["held"] == row["isaac"]["held"] for row in rows)
    print(f"trials that end alike: {exact_rate(same, len(rows))}")
    print(
        f"held: mujoco {sum(row['mujoco']['held'] for row in rows)}, "
        f"isaac {sum(row['isaac']['held'] for row in rows)}; "
        f"{sum(block['refused'] for block in blocks)} more had no plan"
    )
    for row in rows:
        if row["mujoco"]["held"] != row["isaac"]["held"]:
            print(f"trial {row['trial']}: mujoco {row['mujoco']}, isaac {row['isaac']}")


if __name__ == "__main__":
    main(tyro.cli(Options))
