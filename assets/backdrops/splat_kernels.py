"""EWA splatting on the device (Zwicker et al. 2001).

Gaussians are projected to the image, sorted by tile and depth, and alpha-composited.
"""

import warp as wp

from assets.backdrops.views import Views

NEAR_M = 0.2
"""Gaussians nearer to the camera than this are left out."""
LOW_PASS_PX2 = 0.3
"""Added to every screen-space variance, so that no Gaussian is thinner than a pixel (Kerbl et al. 2023)."""
SMALLEST_ALPHA = 1 / 255
LARGEST_ALPHA = 0.99
LEAST_LIGHT = 1e-4
"""Compositing stops when transmittance falls below this; the error is at most 1/40 of a grey level."""
TILE_PX = 8
"""Edge of the square tiles whose pixels share a list of Gaussians [px]."""
DEPTH_BITS = 32


@wp.struct
class Cloud:
    """Gaussians of a scene, arrays (n,)."""

    centres: wp.array[wp.vec3f]
    """[m]."""
    axes: wp.array[wp.mat33f]
    """Columns are the principal axes scaled by their standard deviations [m]: the covariance is A A^T."""
    colours: wp.array[wp.vec3f]
    opacities: wp.array[wp.float32]


@wp.struct
class Flat:
    """A Gaussian projected to the image."""

    centre: wp.vec2f
    """[px]."""
    inverse: wp.vec3f
    """Of the covariance: xx, xy, yy [1/px^2]."""
    colour: wp.vec3f
    opacity: wp.float32


@wp.func
def flatten(cloud: Cloud, views: Views, world: wp.int32, number: wp.int32, size: wp.vec2i):
    """The projected Gaussian, its tile range and its depth.

    The tile range is first and last column, first and last row; it is empty if the Gaussian is not visible.

    `size` is the picture's width and height [px].
    The perspective is linearised at each centre (Zwicker et al. 2001, eq. 29), clamped to 1.3 times the view.
    """
    flat = Flat()
    tiles = wp.vec4i(0, -1, 0, -1)
    rotation = views.rotation[world]
    point = rotation @ cloud.centres[number] + views.translation[world]
    if point[2] <= wp.static(NEAR_M):
        return flat, tiles, point[2]
    lens = views.lens[world]
    flat.centre = wp.vec2f(lens[0] * point[0] / point[2] + lens[1], lens[0] * point[1] / point[2] + lens[2])
    limit_x = 0.65 * wp.float32(size[0]) / lens[0]
    limit_y = 0.65 * wp.float32(size[1]) / lens[0]
    axes = rotation @ cloud.axes[number]
    near = lens[0] / point[2]
    x = near * (axes[0] - wp.clamp(point[0] / point[2], -limit_x, limit_x) * axes[2])
    y = near * (axes[1] - wp.clamp(point[1] / point[2], -limit_y, limit_y) * axes[2])
    xx = wp.dot(x, x)
    yy = wp.dot(y, y)
    # det(M M^T + l I) by the minors of M (Cauchy-Binet): differences of products would lose precision.
    area = wp.length_sq(wp.cross(x, y)) + wp.static(LOW_PASS_PX2) * (xx + yy) + wp.static(LOW_PASS_PX2**2)
    xx += wp.static(LOW_PASS_PX2)
    yy += wp.static(LOW_PASS_PX2)
    flat.inverse = wp.vec3f(yy, -wp.dot(x, y), xx) / area
    flat.opacity = cloud.opacities[number]
    flat.colour = cloud.colours[number]
    if flat.opacity >= wp.static(SMALLEST_ALPHA):
        reach = wp.sqrt(2.0 * wp.log(flat.opacity * wp.static(1.0 / SMALLEST_ALPHA)))
        columns = tile_span(flat.centre[0], reach * wp.sqrt(xx), size[0])
        rows = tile_span(flat.centre[1], reach * wp.sqrt(yy), size[1])
        tiles = wp.vec4i(columns[0], columns[1], rows[0], rows[1])
    return flat, tiles, point[2]


@wp.func
def tile_span(middle: wp.float32, half: wp.float32, size: wp.int32):
    """First and last tile along an axis with a pixel centre within `half` of `middle` [px]; first > last if none."""
    low = wp.clamp(wp.ceil(middle - half - 0.51), 0.0, wp.float32(size))
    high = wp.clamp(wp.floor(middle + half - 0.49), -1.0, wp.float32(size - 1))
    if low > high:
        return wp.vec2i(0, -1)
    return wp.vec2i(wp.int32(low) / wp.static(TILE_PX), wp.int32(high) / wp.static(TILE_PX))


@wp.kernel(enable_backward=False)
def count_tiles(cloud: Cloud, views: Views, first_world: wp.int32, size: wp.vec2i, out: wp.array2d[wp.int64]):
    """Number of tiles that each Gaussian overlaps, in each world from `first_world` on."""
    world, number = wp.tid()
    _flat, tiles, _depth = flatten(cloud, views, first_world + world, number, size)
    out[world, number] = wp.int64(wp.max(0, tiles[1] - tiles[0] + 1) * wp.max(0, tiles[3] - tiles[2] + 1))


@wp.kernel(enable_backward=False)
def list_pairs(
    cloud: Cloud,
    views: Views,
    first_world: wp.int32,
    size: wp.vec2i,
    ends: wp.array[wp.int64],
    flats: wp.array[Flat],
    keys: wp.array[wp.int64],
    order: wp.array[wp.int32],
):
    """One (Gaussian, tile) pair per overlap, keyed by (world, tile, depth).

    The pairs of a Gaussian end before `ends`.
    """
    world, number = wp.tid()
    flat, tiles, depth = flatten(cloud, views, first_world + world, number, size)
    columns = (size[0] + wp.static(TILE_PX - 1)) / wp.static(TILE_PX)
    rows = (size[1] + wp.static(TILE_PX - 1)) / wp.static(TILE_PX)
    pair = wp.int32(ends[world * cloud.centres.shape[0] + number])
    for row in range(tiles[2], tiles[3] + 1):
        for column in range(tiles[0], tiles[1] + 1):
            pair -= 1
            tile = wp.int64((world * rows + row) * columns + column)
            keys[pair] = (tile << wp.int64(wp.static(DEPTH_BITS))) | wp.int64(wp.cast(depth, wp.uint32))
            order[pair] = pair
            flats[pair] = flat


@wp.kernel(enable_backward=False)
def find_spans(keys: wp.array[wp.int64], count: wp.int32, spans: wp.array2d[wp.int32]):
    """Start and end of each tile's pairs in the sorted keys; zero-initialised."""
    pair = wp.tid()
    tile = wp.int32(keys[pair] >> wp.int64(wp.static(DEPTH_BITS)))
    if pair == 0 or wp.int32(keys[pair - 1] >> wp.int64(wp.static(DEPTH_BITS))) != tile:
        spans[tile, 0] = pair
    if pair == count - 1 or wp.int32(keys[pair + 1] >> wp.int64(wp.static(DEPTH_BITS))) != tile:
        spans[tile, 1] = pair + 1


@wp.kernel(enable_backward=False)
def composite(
    flats: wp.array[Flat],
    order: wp.array[wp.int32],
    spans: wp.array2d[wp.int32],
    behind: wp.vec3f,
    first_world: wp.int32,
    out: wp.array4d[wp.uint8],
):
    """Composites each pixel's Gaussians front to back over the colour `behind`."""
    world, y, x = wp.tid()
    columns = (out.shape[2] + wp.static(TILE_PX - 1)) / wp.static(TILE_PX)
    rows = (out.shape[1] + wp.static(TILE_PX - 1)) / wp.static(TILE_PX)
    tile = (world * rows + y / wp.static(TILE_PX)) * columns + x / wp.static(TILE_PX)
    middle = wp.vec2f(wp.float32(x) + 0.5, wp.float32(y) + 0.5)
    light = wp.vec3f(0.0)
    through = wp.float32(1.0)
    for place in range(spans[tile, 0], spans[tile, 1]):
        flat = flats[order[place]]
        d = middle - flat.centre
        inverse = flat.inverse
        power = inverse[0] * d[0] * d[0] + 2.0 * inverse[1] * d[0] * d[1] + inverse[2] * d[1] * d[1]
        # Beyond e^(-11.1 / 2) even an opaque Gaussian is below the smallest alpha: most pixels need no exponential.
        if power < 11.1:
            alpha = wp.min(flat.opacity * wp.exp(-0.5 * power), wp.static(LARGEST_ALPHA))
            if alpha >= wp.static(SMALLEST_ALPHA):
                light += through * alpha * flat.colour
                through *= 1.0 - alpha
                if through < wp.static(LEAST_LIGHT):
                    break
    light += through * behind
    for channel in range(3):
        out[first_world + world, y, x, channel] = wp.uint8(wp.clamp(light[channel], 0.0, 1.0) * 255.0 + 0.5)
