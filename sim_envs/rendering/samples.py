"""Where a picture is sampled: at pixel centres, and at pixel corners in rows between them."""

import warp as wp

ROUNDING = 1e-3
"""Distance from a sample [steps between samples] at which an edge still reaches it."""


@wp.struct
class Grid:
    """The samples of one world."""

    keys: wp.array3d[wp.uint64]
    """(worlds, rows, columns), see `grid_shape`."""
    world: wp.int32
    lens: wp.vec3f
    """Focal length and centre (focal, cx, cy) [px]."""
    corners: wp.bool
    """Whether rows of pixel corners lie between those of pixel centres."""


def grid_shape(height: int, width: int, corners: bool) -> tuple[int, int]:
    """Rows and columns of samples: pixel centres, or rows of pixel corners and of centres (width of them) in turn."""
    return (2 * height + 1, width + 1) if corners else (height, width)


@wp.func
def row_v(grid: Grid, row: wp.int32):
    """Image row [px] of a row of samples."""
    return wp.where(grid.corners, 0.5 * wp.float32(row), wp.float32(row) + 0.5)


@wp.func
def first_u(grid: Grid, row: wp.int32):
    """Image column [px] of the first sample of a row; the others follow at 1 px."""
    return wp.where(grid.corners and row % 2 == 0, 0.0, 0.5)


@wp.func
def span_of(low: wp.float32, high: wp.float32, first: wp.float32, step: wp.float32, count: wp.int32):
    """First and last of `count` samples, `step` px apart from `first` on, that lie between low and high [px]."""
    limit = wp.float32(count)
    start = wp.clamp(wp.ceil((low - first) / step - ROUNDING), 0.0, limit)
    end = wp.clamp(wp.floor((high - first) / step + ROUNDING), -1.0, limit - 1.0)
    return wp.int32(start), wp.int32(end)


@wp.func
def rows_of(grid: Grid, bounds: wp.vec4f):
    """First and last row of samples in bounds (u0, v0, u1, v1) [px]; first > last where no sample lies in them."""
    step = wp.where(grid.corners, 0.5, 1.0)
    first = wp.where(grid.corners, 0.0, 0.5)
    x0, x1 = span_of(bounds[0], bounds[2], first, step, 2 * grid.keys.shape[2])
    y0, y1 = span_of(bounds[1], bounds[3], first, step, grid.keys.shape[1])
    return y0, wp.where(x0 > x1, y0 - 1, y1)


@wp.func
def centre_row(y: wp.int32, corners: bool):
    """Row among the samples of the centres of a row of pixels."""
    return wp.where(corners, 2 * y + 1, y)


@wp.func
def place_of(sample: wp.int32, y: wp.int32, x: wp.int32, corners: bool):
    """Row and column among the samples, and (u, v) [px], of a pixel's centre (0) or of a corner (1 to 4, clockwise)."""
    if not corners:
        return y, x, wp.float32(x) + 0.5, wp.float32(y) + 0.5
    if sample == 0:
        return 2 * y + 1, x, wp.float32(x) + 0.5, wp.float32(y) + 0.5
    column = x + wp.where(sample == 2 or sample == 3, 1, 0)
    row = y + wp.where(sample > 2, 1, 0)
    return 2 * row, column, wp.float32(column), wp.float32(row)
