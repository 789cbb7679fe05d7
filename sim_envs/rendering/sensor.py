"""Sensor model: blur, then noise. Exposure and white balance are applied to linear light before."""

import numpy as np
import warp as wp

TILE = 512
"""Side of the tile of noise that frames take their noise from, at an offset of their own."""


def noise_tile(device: str) -> wp.array:
    """Unit normal noise (TILE, TILE, 3) int8 in steps of 1/32; always the same."""
    noise = np.random.default_rng(20260516).normal(0, 32, (TILE, TILE, 3))
    return wp.array(np.clip(np.rint(noise), -127, 127).astype(np.int8), dtype=wp.int8, device=device)


@wp.func
def _pixel(image: wp.array4d[wp.uint8], world: wp.int32, y: wp.int32, x: wp.int32):
    return wp.vec3f(
        wp.float32(image[world, y, x, 0]), wp.float32(image[world, y, x, 1]), wp.float32(image[world, y, x, 2])
    )


@wp.func
def _column(image: wp.array4d[wp.uint8], world: wp.int32, y: wp.int32, x: wp.int32, side: wp.float32):
    """A pixel after the vertical part of the blur."""
    here = _pixel(image, world, y, x)
    if side == 0.0:
        return here
    above = _pixel(image, world, wp.max(y - 1, 0), x)
    below = _pixel(image, world, wp.min(y + 1, image.shape[1] - 1), x)
    return (1.0 - 2.0 * side) * here + side * (above + below)


@wp.kernel(enable_backward=False)
def _expose(
    image: wp.array4d[wp.uint8],
    noise: wp.array3d[wp.int8],
    offset: wp.array2d[wp.int32],
    strength: wp.array[wp.vec2f],
    out: wp.array4d[wp.uint8],
):
    """One row: 3-tap separable blur of weight strength[0], noise of strength[1] steps that grows with the root."""
    world, y = wp.tid()
    width = image.shape[2]
    side = strength[world][0]
    amount = strength[world][1]
    ny = (y + offset[world, 0]) % wp.static(TILE)
    nx = offset[world, 1] % wp.static(TILE)
    left = _column(image, world, y, 0, side)
    here = left
    for x in range(width):
        right = _column(image, world, y, wp.min(x + 1, width - 1), side)
        value = (1.0 - 2.0 * side) * here + side * (left + right)
        for channel in range(3):
            level = value[channel]
            if amount > 0.0:
                level += amount * wp.sqrt(level + 4.0) * wp.float32(noise[ny, nx, channel])
            out[world, y, x, channel] = wp.uint8(wp.clamp(level + 0.5, 0.0, 255.0))
        left = here
        here = right
        nx = wp.where(nx + 1 == wp.static(TILE), 0, nx + 1)


def expose(image: wp.array, noise: wp.array, offset: np.ndarray, blur: np.ndarray, sigma: np.ndarray) -> wp.array:
    """Blurred and noisy copies of images (worlds, height, width, 3) uint8.

    Args:
        image: Display RGB.
        noise: From `noise_tile`.
        offset: (worlds, 2) place in the tile.
        blur: (worlds,) weight of each neighbour in the 3-tap filter, in [0, 0.35].
        sigma: (worlds,) standard deviation in mid-grey, share of full scale.
    """
    device = image.device
    steps = sigma * 255 / np.sqrt(127.5) / 32  # shot noise: standard deviation proportional to the root of the signal
    strength = wp.array(np.stack([blur, steps], 1).astype(np.float32), dtype=wp.vec2f, device=device)
    out = wp.empty_like(image)
    offsets = wp.array(offset.astype(np.int32), dtype=wp.int32, device=device)
    wp.launch(_expose, dim=image.shape[:2], inputs=[image, noise, offsets, strength], outputs=[out], device=device)
    return out
