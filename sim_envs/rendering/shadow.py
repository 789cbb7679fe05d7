"""Which pixels are in the key light's shadow: a ray for one pixel in four, and for others where these do not agree.

A pixel between traced ones that see its own surface and are all lit, or all in shadow, is taken to be as they are. Only
a shadow, or a gap in one, less than two pixels wide can be missed so.
"""

import warp as wp

from sim_envs.rendering.rasterize import NOTHING, Placement
from sim_envs.rendering.raytrace import Cameras, Scene, is_blocked
from sim_envs.rendering.samples import centre_row
from sim_envs.rendering.surface import hit_at_centre, is_same_surface

LIT, IN_SHADOW, UNKNOWN = 0, 1, 2
"""What is known of a pixel; nothing is where no surface faces the light."""
BIAS_M = 1e-3
"""Of the start of a shadow ray above its surface."""


def traced_shape(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the traced pixels: every second of both."""
    return (height + 1) // 2, (width + 1) // 2


@wp.kernel(enable_backward=False)
def trace_shadows(
    scene: Scene,
    placements: wp.array[Placement],
    keys: wp.array3d[wp.uint64],
    corners: wp.bool,
    slots_per_world: wp.int32,
    cameras: Cameras,
    key_direction: wp.array[wp.vec3f],
    out_states: wp.array3d[wp.uint8],
):
    """States (worlds, rows, columns) of the pixels of `traced_shape`."""
    world, y, x = wp.tid()
    key = keys[world, centre_row(2 * y, corners), 2 * x]
    state = wp.int32(UNKNOWN)
    if key != wp.uint64(NOTHING):
        first_slot = world * slots_per_world
        hit, origin, direction = hit_at_centre(scene, placements, key, first_slot, cameras, world, 2 * y, 2 * x)
        to_light = -key_direction[world]
        if wp.dot(hit.normal, to_light) > 0.0:
            state = wp.int32(LIT)
            if is_blocked(scene, world, origin + direction * hit.distance + hit.normal * BIAS_M, to_light):
                state = wp.int32(IN_SHADOW)
    out_states[world, y, x] = wp.uint8(state)


@wp.func
def known_shadow(
    scene: Scene,
    keys: wp.array3d[wp.uint64],
    states: wp.array3d[wp.uint8],
    corners: bool,
    first_slot: wp.int32,
    world: wp.int32,
    y: wp.int32,
    x: wp.int32,
):
    """State of a pixel by the traced ones at and around it."""
    key = keys[world, centre_row(y, corners), x]
    state = wp.int32(-1)
    for i in range(1 + y % 2):
        for j in range(1 + x % 2):
            row = y // 2 + i
            column = x // 2 + j
            other = wp.int32(UNKNOWN)
            if row < states.shape[1] and column < states.shape[2]:  # noqa: SIM102  (Warp evaluates both sides of `and`)
                if is_same_surface(scene, first_slot, key, keys[world, centre_row(2 * row, corners), 2 * column]):
                    other = wp.int32(states[world, row, column])
            if state < 0:
                state = other
            elif state != other:
                state = wp.int32(UNKNOWN)
    return state
