"""Bytes per world: the formula against the count of Warp's own tracker while worlds are drawn."""

import gc
from dataclasses import replace
from math import prod

import cv2
import numpy as np
import pytest
import torch
import warp as wp
from warp._src import context  # Warp reports its tracker's numbers only as text

from sim_envs.config.axes import HandAxis
from sim_envs.config.scene import SceneConfig, with_preset
from sim_envs.rendering import memory
from sim_envs.rendering.memory import BACKDROP_BYTES, PIXEL_BYTES, SAMPLE_BYTES, world_bytes, worlds_for
from sim_envs.rendering.samples import grid_shape


def peak_bytes(make) -> int:
    """Peak bytes held during `make`, by Warp's arrays and by its native structures."""
    gc.collect()
    with wp.ScopedMemoryTracker("counted", print=False) as tracker:
        tracker.clear()
        kept = make()
        peak = context.runtime.core.wp_alloc_tracker_get_peak_bytes()
    del kept
    return peak


@pytest.mark.parametrize("antialias", [False, True])
def test_pictures_take_the_bytes_that_are_counted_for_a_pixel(source, batch, antialias):
    """Difference between two sizes: the fixed memory of a drawing cancels."""
    source.renderer.apply(batch.table)
    view = source.view(batch)
    sizes = [(64, 48), (96, 64)]
    peaks = [
        peak_bytes(lambda size=size: source.renderer.draw(view, *size, shadows=False, antialias=antialias))
        for size in sizes
    ]
    more = np.subtract(*(width * height for width, height in sizes[::-1]))
    more_samples = np.subtract(*(prod(grid_shape(height, width, antialias)) for width, height in sizes[::-1]))
    assert (peaks[1] - peaks[0]) / source.worlds == SAMPLE_BYTES * more_samples + PIXEL_BYTES * more


def test_a_world_takes_no_more_than_is_counted_for_it_and_hardly_less(tmp_path):
    """A posed human in front of a panorama, from start to labelled frames, in two and in five worlds."""
    from sim_envs.frames.source import SimulatedFrames

    cv2.imwrite(str(tmp_path / "p.png"), np.zeros((32, 64, 3), np.uint8))
    config = SceneConfig(
        embodiment="human_right",
        width=160,
        height=128,
        backdrop=tmp_path / "p.png",
        device="cpu",
    )
    config = with_preset(config, "clean")
    worn = {"skin": replace(config.axes.skin, tones=("tan",)), "sleeve": replace(config.axes.sleeve, cloths=("denim",))}
    axes = replace(config.axes, hand=HandAxis(poses=16), **worn)
    config, sources = replace(config, axes=axes), []

    def draw(worlds):
        sources.append(SimulatedFrames(config, worlds=worlds))
        return sources.pop().batch(np.arange(worlds), np.zeros(worlds, int)).source

    few, many = peak_bytes(lambda: draw(2)), peak_bytes(lambda: sources.append(draw(5)))
    counted, formula = (many - few) / 3, sources[0].world_bytes
    assert counted <= formula <= 1.15 * counted
    assert formula > 1e6, "else the constant parts would be all that is tested"


def test_worlds_follow_from_memory(monkeypatch, tmp_path):
    config, free = SceneConfig(antialias=False), 40 * 1024**3
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 2 * free))
    per_world = world_bytes(config, 92, 0)
    assert worlds_for("cpu", per_world, 0) == memory.CPU_WORLDS
    worlds = worlds_for("cuda:0", per_world, 0)
    assert 0.9 * memory.SHARE * free < worlds * per_world <= memory.SHARE * free or worlds == memory.MOST
    finer = replace(config, antialias=True, backdrop=tmp_path)
    more = world_bytes(finer, 92, 1000) - per_world
    assert more == 448 * 448 * BACKDROP_BYTES + SAMPLE_BYTES * (449 * (448 + 449) - 448 * 448 + 1) + 1000
    fewer = worlds_for("cuda:0", per_world + more, 0, processes=4)
    assert fewer * 4 * (per_world + more) <= memory.SHARE * free < (fewer + 1) * 4 * (per_world + more)
    assert worlds_for("cuda:0", per_world, free) == memory.FEWEST
