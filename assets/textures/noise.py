"""Tileable random fields and colour ramps that the textures are built from."""

import colorsys

import numpy as np
from numpy.typing import ArrayLike


def coordinates(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres x (right) and y (down), each (size, size) in (0, 1)."""
    axis = (np.arange(size) + 0.5) / size
    x, y = np.meshgrid(axis, axis)
    return x, y


def noise(
    rng: np.random.Generator,
    size: int,
    slope: float = 1.5,
    stretch: tuple[float, float] = (1, 1),
    band: tuple[float, float] = (1, 1e9),
) -> np.ndarray:
    """Periodic noise (size, size) of mean 0 and standard deviation 1, its amplitude falling as frequency^-slope.

    Args:
        rng: Random state.
        size: Edge [px].
        slope: 0 is white noise, 1 mottled, 2 cloudy.
        stretch: How much longer features are along x and y.
        band: Lowest and highest frequency kept [cycles per tile, after stretching].
    """
    white = rng.standard_normal((size, size), dtype=np.float32)
    fx = np.fft.rfftfreq(size, 1 / size) * stretch[0]
    fy = np.fft.fftfreq(size, 1 / size)[:, None] * stretch[1]
    frequency = np.sqrt(fx**2 + fy**2)
    keep = (frequency >= band[0]) & (frequency <= band[1])
    gain = np.where(keep, np.maximum(frequency, 1e-6) ** -slope, 0).astype(np.float32)
    gain[0, 0] = 0
    field = np.fft.irfft2(np.fft.rfft2(white) * gain, s=(size, size))
    return field / max(float(field.std()), 1e-9)


def warped(field: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """The periodic field (size, size, ...) looked up at positions moved by dx, dy [tiles]."""
    size = len(field)
    rows, columns = np.indices((size, size))
    return field[(rows + np.rint(dy * size).astype(int)) % size, (columns + np.rint(dx * size).astype(int)) % size]


def smoothstep(low: float, high: float, value: ArrayLike) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((np.asarray(value) - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def ramp(value: np.ndarray, *colours: ArrayLike) -> np.ndarray:
    """Colours (..., 3) for values (...) in [0, 1], linear between evenly spaced `colours`."""
    stops = np.linspace(0, 1, len(colours))
    table = np.array(colours, float)
    return np.stack([np.interp(value, stops, table[:, channel]) for channel in range(3)], -1)


def blend(below: ArrayLike, above: ArrayLike, weight: np.ndarray) -> np.ndarray:
    """`above` laid over `below` with weight (...) in [0, 1]."""
    w = weight[..., None]
    return np.asarray(below) * (1 - w) + np.asarray(above) * w


def shade(colour: ArrayLike, brightness: np.ndarray) -> np.ndarray:
    """`colour` (..., 3) multiplied by a brightness field (...)."""
    return np.asarray(colour, float) * brightness[..., None]


def hsv(h: float, s: float, v: float) -> np.ndarray:
    """RGB (3,) in [0, 1] of a hue in turns, saturation and value."""
    return np.array(colorsys.hsv_to_rgb(h % 1, min(max(s, 0), 1), min(max(v, 0), 1)))


def any_colour(
    rng: np.random.Generator, saturation: tuple[float, float] = (0.35, 0.85), value: tuple[float, float] = (0.45, 0.95)
) -> np.ndarray:
    """A random RGB colour (3,) of any hue."""
    return hsv(rng.random(), rng.uniform(*saturation), rng.uniform(*value))


def cells(rng: np.random.Generator, size: int, rows: int, columns: int, offset: float = 0) -> tuple:
    """A running bond of bricks or tiles: random number per cell in [0, 1), and distance to the cell edge.

    Args:
        rng: Random state.
        size: Edge [px].
        rows: Cells along y; even if `offset` is not 0, so that it tiles.
        columns: Cells along x.
        offset: Shift of every second row in cells.

    Returns:
        value (size, size), edge (size, size) in fractions of a tile, cell index (size, size).
    """
    x, y = coordinates(size)
    row = np.floor(y * rows).astype(int)
    shifted = x * columns + offset * (row % 2)
    column = np.floor(shifted).astype(int) % columns
    fx, fy = shifted % 1, (y * rows) % 1
    edge = np.minimum(np.minimum(fx, 1 - fx) / columns, np.minimum(fy, 1 - fy) / rows)
    index = row * columns + column
    return rng.random(rows * columns)[index], edge, index
