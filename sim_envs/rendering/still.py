"""Pictures of one scene from one camera: what does not move is rasterised and shaded once, and taken over from then on.

A pixel's colour is taken over where no edge is in it, and it and the pixels whose shadows were traced round it see the
same faces at the same depths as in the still picture, in the same light. All else is drawn as ever: no pixel differs.
"""

import warp as wp

from sim_envs.rendering.rasterize import NOTHING, Placement
from sim_envs.rendering.raytrace import Cameras, Scene
from sim_envs.rendering.samples import centre_row
from sim_envs.rendering.shadow import LIT, UNKNOWN, known_shadow
from sim_envs.rendering.surface import hit_at_centre, is_edge

AWAY = 3
"""State, beside those of shadows, of a pixel whose surface faces away from the key light: no shadow matters."""


@wp.struct
class Still:
    """A picture without what moves; of no size where nothing is taken over."""

    keys: wp.array2d[wp.uint64]
    """(rows, columns), see `grid_shape`."""
    states: wp.array2d[wp.uint8]
    """(height, width): LIT, IN_SHADOW or AWAY; UNKNOWN where its colour is not to be taken over."""
    shadows: wp.array2d[wp.uint8]
    """States of the traced pixels, see `traced_shape`."""
    rgb: wp.array3d[wp.uint8]


NO_STILL = Still()
"""Takes nothing over."""


@wp.kernel(enable_backward=False)
def spread(still: Still, out_keys: wp.array3d[wp.uint64]):
    """Copies the still picture's keys to all worlds."""
    world, row, column = wp.tid()
    out_keys[world, row, column] = still.keys[row, column]


@wp.kernel(enable_backward=False)
def remember(
    scene: Scene,
    placements: wp.array[Placement],
    keys: wp.array3d[wp.uint64],
    shadows: wp.array3d[wp.uint8],
    corners: wp.bool,
    cameras: Cameras,
    key_direction: wp.array[wp.vec3f],
    out_states: wp.array2d[wp.uint8],
):
    """States of a still picture, drawn in the first world."""
    y, x = wp.tid()
    key = keys[0, centre_row(y, corners), x]
    state = wp.int32(UNKNOWN)
    edge = wp.bool(False)
    if corners:
        edge = is_edge(scene, 0, keys, 0, y, x)
    if key != wp.uint64(NOTHING) and not edge:
        hit, _origin, _direction = hit_at_centre(scene, placements, key, 0, cameras, 0, y, x)
        if wp.dot(hit.normal, -key_direction[0]) <= 0.0:
            state = wp.int32(AWAY)
        elif shadows.shape[1] > 0:
            state = known_shadow(scene, keys, shadows, corners, 0, 0, y, x)
        else:
            state = wp.int32(LIT)
    out_states[y, x] = wp.uint8(state)


@wp.func
def is_as_before(
    still: Still,
    keys: wp.array3d[wp.uint64],
    shadows: wp.array3d[wp.uint8],
    corners: bool,
    world: wp.int32,
    y: wp.int32,
    x: wp.int32,
):
    """Whether a pixel without an edge has the still picture's colour: it and the traced ones round it are the same."""
    row = centre_row(y, corners)
    state = wp.int32(still.states[y, x])
    if state == UNKNOWN or keys[world, row, x] != still.keys[row, x]:
        return False
    if state == AWAY:
        return True
    for i in range(1 + y % 2):
        for j in range(1 + x % 2):
            traced_y = y // 2 + i
            traced_x = x // 2 + j
            if traced_y < still.shadows.shape[0] and traced_x < still.shadows.shape[1]:
                if shadows[world, traced_y, traced_x] != still.shadows[traced_y, traced_x]:
                    return False
                row = centre_row(2 * traced_y, corners)
                if keys[world, row, 2 * traced_x] != still.keys[row, 2 * traced_x]:
                    return False
    return True
