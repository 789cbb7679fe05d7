"""Device and number of worlds per batch of the renderer: on a GPU as many as fit into its memory."""

from math import prod

import numpy as np
import torch

from lace.core.errors import InvalidValueError
from lace.core.workers import worker_number
from sim_envs.config.scene import SceneConfig
from sim_envs.rendering.samples import grid_shape
from sim_envs.rendering.shadow import traced_shape

ALL_GPUS = "cuda:all"
"""Device of workers that spread over the GPUs of a machine."""
CPU_WORLDS = 16
"""Scenes drawn at once on a CPU; more are not faster."""
FEWEST, MOST = 16, 4096
"""Scenes drawn at once on a GPU, whatever its memory."""
SHARE = 0.5
"""Of the free memory, for all workers; the rest is PyTorch's, other programs' and for what Warp's pool cannot reuse."""
SAMPLE_BYTES, PIXEL_BYTES, BACKDROP_BYTES = 8, 3 + 1 + 4, 3
"""The rasteriser's key of each sample; colour, segment and depth of each pixel; what lies behind it."""
SLOT_BYTES = 640
"""A slot: 96 of our own (twice during an upload), 64 for its pose in the camera frame, 366 of Newton's model."""
WORLD_BYTES = 24 * 1024
"""The rasteriser's work (12 bytes for 64 triangles: 1,000 items in `randomized`), camera, lights, labels."""


def pick_device(device: str) -> str:
    """The device of this process; InvalidValueError if this machine lacks it.

    Args:
        device: "cpu", "cuda:N", "auto" (cuda:0 if there is one, else cpu) or "cuda:all" (worker after worker takes the
            next GPU).
    """
    there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    if device == "auto":
        return there[:2][-1]
    if device == ALL_GPUS and len(there) > 1:
        return there[1 + worker_number() % (len(there) - 1)]
    if device not in there:
        raise InvalidValueError(
            "choosing the device",
            f"there is no {device!r}",
            f"auto, {ALL_GPUS} or one of {', '.join(there)}",
            "choose one with --device; if a GPU is missing here, check its driver with `nvidia-smi`",
        )
    return device


def sharing(device: str, workers: int) -> int:
    """How many of a pool's workers share one device."""
    return -(-workers // max(1, torch.cuda.device_count())) if device == ALL_GPUS else workers


def world_bytes(config: SceneConfig, slots: int, body: int, canvas: tuple[int, int] = (0, 0)) -> int:
    """Largest device memory of one world while it is drawn; `body` of it for copies of deformable meshes.

    `canvas` is the height and width of what is drawn besides the picture, for a lens to look it up.
    """
    pixel = PIXEL_BYTES + BACKDROP_BYTES * (config.backdrop is not None)
    drawn = 0
    for size in ((config.height, config.width), canvas):
        drawn += prod(size) * pixel + prod(grid_shape(*size, config.antialias)) * SAMPLE_BYTES
        drawn += prod(traced_shape(*size)) * config.shadows
    return drawn + slots * SLOT_BYTES + WORLD_BYTES + body


def worlds_for(device: str, per_world: int, fixed: int, processes: int = 1) -> int:
    """Scenes drawn at once: a constant on a CPU; on CUDA as many as fit into memory.

    Args:
        device: "cpu" or "cuda:0".
        per_world: Bytes, see `world_bytes`.
        fixed: Bytes that any number of worlds needs besides.
        processes: How many share the device.
    """
    if device == "cpu":
        return CPU_WORLDS
    free, _total = torch.cuda.mem_get_info(device)
    return int(np.clip((free * SHARE / processes - fixed) / per_world, FEWEST, MOST))
