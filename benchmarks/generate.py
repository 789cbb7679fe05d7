"""Frames per second on this machine, in one run: raw ray casting, MuJoCo's OpenGL renderer, and ours end to end.

    uv run python benchmarks/generate.py --image-size 224 --frames 192

Raw is Newton's SensorTiledCamera with colour, depth and shape index on our scenes (same slots, camera poses and field
of view of the first world); ours is the `lace generate robot` path: sampled, rendered, labelled, checked, encoded and
written to disk, for the robot and for the human. MuJoCo draws the robot and a table only, with colour, depth and
segmentation passes.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import mujoco_gl
import numpy as np
from rich.console import Console
from rich.table import Table

from sim_envs.config.generate import GenerateConfig
from sim_envs.config.scene import with_preset


def raw(source, frames: int, shadows: bool) -> float:
    """Newton's public renderer on composed scenes: frames/s of ray casting alone."""
    import warp as wp
    from newton.sensors import SensorTiledCamera

    from sim_envs.rendering.renderer import _vec7

    size, worlds = source.config.width, source.worlds
    batch = source.compose(np.arange(worlds), np.zeros(worlds, int))
    source.draw(batch)
    model = source.renderer.model
    model.shape_source_ptr.assign(np.ascontiguousarray(source.renderer.rows["source"]))
    settings = SensorTiledCamera.RenderConfig(
        enable_shadows=shadows,
        enable_global_world=False,
        enable_particles=False,
        enable_backface_culling=False,
        render_order=SensorTiledCamera.RenderOrder.TILED,
    )
    camera = SensorTiledCamera(model, default_render_config=settings)
    camera.utils.create_default_light(enable_shadows=shadows)
    fov = 2 * np.arctan(size / 2 / float(np.median(batch.camera.K[:, 0, 0])))
    rays = camera.utils.compute_camera_rays_pinhole(size, size, camera_fovs=fov)
    flipped = batch.camera.T_world_cam.copy()
    flipped[:, :3, 1:3] *= -1
    poses = wp.array(_vec7(flipped)[None], dtype=wp.transformf, device=source.device)
    outputs = {
        "color_image": camera.utils.create_color_image_output(size, size),
        "forward_depth_image": camera.utils.create_forward_depth_image_output(size, size),
        "shape_index_image": camera.utils.create_shape_index_image_output(size, size),
    }
    state = model.state()
    return _rate(lambda: (camera.update(state, poses, rays, **outputs), wp.synchronize()), frames, worlds)


def render(source, frames: int) -> float:
    """Our renderer alone on the same scenes: frames/s."""
    import warp as wp

    batch = source.compose(np.arange(source.worlds), np.zeros(source.worlds, int))
    source.renderer.apply(batch.table)
    view, config = source.view(batch), source.config
    draw = source.renderer.draw
    return _rate(
        lambda: (
            draw(view, config.width, config.height, shadows=config.shadows, antialias=config.antialias),
            wp.synchronize(),
        ),
        frames,
        source.worlds,
    )


def _rate(step, frames: int, per_step: int) -> float:
    step()
    steps = max(1, frames // per_step)
    started = time.perf_counter()
    for _ in range(steps):
        step()
    return steps * per_step / (time.perf_counter() - started)


def measure(config: GenerateConfig, frames: int, barrier, results) -> None:
    """One process: runs each stage in step with the other processes, so that all cores are busy."""
    from sim_envs.frames.shard_maker import ShardMaker

    maker = ShardMaker(config)
    source = maker.source
    stages = {
        "raw Newton ray casting": lambda: raw(source, frames, config.shadows),
        "our rendering alone": lambda: render(source, frames),
        "MuJoCo OpenGL, 3 passes": lambda: mujoco_gl.rate(
            str(source.body.robot.xml_path), config.width, config.shadows, min(frames, 32)
        ),
        "ours, end to end on disk": lambda: _end_to_end(maker, frames),
        "the same without smooth edges": lambda: _jagged(maker, frames),
        "the human, end to end on disk": lambda: _human(config, frames),
    }
    maker.make(0)  # compiles everything
    for name, stage in stages.items():
        barrier.wait()
        results.put((name, stage()))
    results.put(None)


def _jagged(maker, frames: int) -> float:
    """The robot without smooth edges: frames/s end to end."""
    source = maker.source
    smooth, source.config = source.config, replace(source.config, antialias=False)
    source.batch(np.arange(source.worlds), np.zeros(source.worlds, int))  # compiles
    rate = _end_to_end(maker, frames)
    source.config = smooth
    return rate


def _human(config: GenerateConfig, frames: int) -> float:
    """The human in its own renderer, opened after the robot's: frames/s end to end."""
    from sim_envs.frames.shard_maker import ShardMaker

    config = replace(config, embodiment="human_right", out=config.out / "human")
    (config.out / "shards").mkdir(parents=True)
    maker = ShardMaker(config)
    maker.make(0)
    return _end_to_end(maker, frames)


def _end_to_end(maker, frames: int) -> float:
    shards = max(1, frames // maker.config.shard_frames)
    started = time.perf_counter()
    for shard in range(1, shards + 1):
        maker.make(shard)
    return shards * maker.config.shard_frames / (time.perf_counter() - started)


def run(size: int, frames: int, shadows: bool, processes: int, preset: str) -> dict[str, float]:
    """Sums of the processes' rates by stage [frames/s]."""
    context = multiprocessing.get_context("spawn")
    barrier, results, rates = context.Barrier(processes), context.Queue(), {}
    with tempfile.TemporaryDirectory() as folder:
        workers = []
        for p in range(processes):
            config = GenerateConfig(
                out=Path(folder) / str(p),
                frames=10**6,
                width=size,
                height=size,
                shadows=shadows,
                seed=p,
                shard_frames=64,
                workers=processes,
            )
            (config.out / "shards").mkdir(parents=True)
            config = replace(with_preset(config, preset))
            workers.append(context.Process(target=measure, args=(config, frames, barrier, results)))
            workers[-1].start()
        for _ in workers:
            for name, rate in iter(lambda: results.get(timeout=900), None):
                rates[name] = None if rate is None else rates.get(name, 0.0) + rate
        for worker in workers:
            worker.join()
    return rates


def main() -> None:
    """Prints the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--image-size", type=int, default=224)
    options.add_argument("--frames", type=int, default=192)
    options.add_argument("--processes", type=int, default=os.cpu_count())
    options.add_argument("--preset", default="randomized")
    given = options.parse_args()
    table = Table(
        "stage",
        "no shadows [frames/s]",
        "shadows [frames/s]",
        title=f"{given.image_size} px, {given.processes} processes",
    )
    plain = run(given.image_size, given.frames, False, given.processes, given.preset)
    shaded = run(given.image_size, given.frames, True, given.processes, given.preset)
    for name in plain:
        table.add_row(name, *(f"{r[name]:.1f}" if r[name] else "not here" for r in (plain, shaded)))
    Console().print(table)
    for label, rates in (("no shadows", plain), ("shadows", shaded)):
        share = rates["ours, end to end on disk"] / rates["raw Newton ray casting"]
        print(f"{label}: end to end is {100 * share:.0f}% of raw ray casting")


if __name__ == "__main__":
    main()
