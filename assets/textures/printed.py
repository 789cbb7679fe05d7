"""Printed things. Rolled by half a tile: a box of one tile's size shows the whole print, centred."""

import cv2
import numpy as np

from assets.textures.noise import any_colour, blend, coordinates, hsv, noise, smoothstep
from assets.textures.texture import texture

WORDS = (
    "LACE",
    "TASTY",
    "FRESH",
    "OATS",
    "TOMATO",
    "COLA",
    "TEA",
    "ROBOT",
    "LAB",
    "BEANS",
    "JAM",
    "SOUP",
    "PURE",
    "HELLO",
)
"""Words printed on labels and posters."""


def write(image: np.ndarray, word: str, centre: tuple[float, float], width: float, colour: np.ndarray) -> None:
    """Writes `word` into a float32 image (h, w, 3) in place.

    Args:
        image: Picture in [0, 1].
        word: Text.
        centre: x, y as fractions of the image.
        width: Width of the text as a fraction of the image's.
        colour: RGB (3,) in [0, 1].
    """
    rows, columns = image.shape[:2]
    font = cv2.FONT_HERSHEY_DUPLEX
    scale = width * columns / cv2.getTextSize(word, font, 1.0, 1)[0][0]
    thick = max(1, round(2 * scale))
    (w, h), _ = cv2.getTextSize(word, font, scale, thick)
    origin = (int(centre[0] * columns - w / 2), int(centre[1] * rows + h / 2))
    cv2.putText(image, word, origin, font, scale, tuple(float(c) for c in colour), thick, cv2.LINE_AA)


def lines_of_text(
    image: np.ndarray, box: tuple[float, float, float, float], rows: int, rng: np.random.Generator
) -> None:
    """Draws grey bars that read as small print into the box (x0, y0, x1, y1) [fractions] of a float32 image."""
    height, width = image.shape[:2]
    for row in range(rows):
        y = int((box[1] + (box[3] - box[1]) * (row + 0.5) / rows) * height)
        end = int((box[0] + (box[2] - box[0]) * rng.uniform(0.6, 1)) * width)
        cv2.line(image, (int(box[0] * width), y), (end, y), (0.25, 0.25, 0.27), max(1, height // 110))


def picture(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """A small abstract landscape (rows, columns, 3) float32: sky, sun and hills."""
    size = max(rows, columns)
    x, y = coordinates(size)
    hue = rng.random()
    image = blend(hsv(hue, 0.45, 0.95), hsv(hue + 0.1, 0.2, 1.0), y)
    sun = np.hypot(x - rng.uniform(0.2, 0.8), y - rng.uniform(0.15, 0.45))
    image = blend(image, hsv(rng.uniform(0.02, 0.15), 0.7, 1), 1 - smoothstep(0.11, 0.12, sun))
    for layer in range(3):
        level = 0.5 + 0.15 * layer + 0.07 * np.sin(2 * np.pi * (x * rng.uniform(0.7, 2) + rng.random()))
        tone = hsv(hue + rng.uniform(0.25, 0.5), 0.5, 0.75 - 0.18 * layer)
        image = blend(image, tone, smoothstep(0.0, 0.01, y - level))
    return cv2.resize(image.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)


def label(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """A product label (rows, columns, 3) float32: bands, a badge, a word and small print."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    u, v = x / columns, y / rows
    image = np.tile(any_colour(rng, (0.5, 0.9), (0.45, 0.9)), (rows, columns, 1))
    band = any_colour(rng, (0.0, 0.6), (0.75, 1.0))
    image = blend(image, band, ((v > rng.uniform(0.08, 0.2)) & (v < rng.uniform(0.75, 0.92))).astype(float))
    badge = np.hypot((u - 0.3) * columns / rows, v - 0.47)
    image = blend(image, any_colour(rng), 1 - smoothstep(0.29, 0.30, badge)).astype(np.float32)
    write(image, str(rng.choice(WORDS)), (0.3, 0.47), 0.30, hsv(0, 0, 0.98))
    lines_of_text(image, (0.58, 0.28, 0.92, 0.72), 7, rng)
    return image


def cover(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """A book cover (rows, columns, 3) float32: title, picture, author line."""
    image = np.tile(any_colour(rng, (0.3, 0.8), (0.25, 0.8)), (rows, columns, 1)).astype(np.float32)
    top, left = int(rows * 0.32), int(columns * 0.14)
    image[top : int(rows * 0.8), left : columns - left] = picture(rng, int(rows * 0.8) - top, columns - 2 * left)
    ink = hsv(rng.random(), 0.15, 1.0)
    write(image, str(rng.choice(WORDS)), (0.5, 0.17), 0.62, ink)
    write(image, str(rng.choice(WORDS)), (0.5, 0.90), 0.28, ink)
    return image


def _centred(image: np.ndarray) -> np.ndarray:
    return np.roll(image, (len(image) // 2, len(image) // 2), (0, 1))


@texture("label_print", 0.24)
def _label_print(rng: np.random.Generator, size: int) -> np.ndarray:
    return _centred(label(rng, size, size))


@texture("book_cover", 0.24)
def _book_cover(rng: np.random.Generator, size: int) -> np.ndarray:
    return _centred(cover(rng, size, size))


@texture("poster", 0.8)
def _poster(rng: np.random.Generator, size: int) -> np.ndarray:
    image = np.full((size, size, 3), 0.97, np.float32)
    edge, foot = size // 14, size // 5
    image[edge : size - foot, edge : size - edge] = picture(rng, size - foot - edge, size - 2 * edge)
    write(image, str(rng.choice(WORDS)), (0.5, 0.90), 0.32, any_colour(rng, value=(0.1, 0.4)))
    return _centred(image)


@texture("chart", 0.8)
def _chart(rng: np.random.Generator, size: int) -> np.ndarray:
    """A scientific poster: title bar, columns of text, a plot."""
    image = np.full((size, size, 3), 0.98, np.float32)
    image[: size // 7] = hsv(rng.random(), 0.7, 0.5)
    write(image, str(rng.choice(WORDS)), (0.5, 0.072), 0.2, np.ones(3))
    lines_of_text(image, (0.06, 0.18, 0.45, 0.6), 12, rng)
    lines_of_text(image, (0.55, 0.6, 0.94, 0.95), 10, rng)
    for bar, height in enumerate(rng.uniform(0.1, 0.36, 5)):
        left = int((0.56 + 0.08 * bar) * size)
        image[int((0.56 - height) * size) : int(0.56 * size), left : left + size // 18] = any_colour(rng)
    image[int(0.65 * size) : int(0.93 * size), int(0.06 * size) : int(0.45 * size)] = any_colour(rng, (0.1, 0.4))
    return _centred(image)


@texture("screen", 0.6)
def _screen(rng: np.random.Generator, size: int) -> np.ndarray:
    """A computer screen: a dark or light window with lines of code."""
    dark = rng.random() < 0.6
    image = np.full((size, size, 3), 0.10 if dark else 0.95, np.float32)
    image[:, : size // 6] = hsv(rng.random(), 0.4, 0.25 if dark else 0.8)
    for y in np.arange(0.22, 0.80, 0.035):
        x = 0.22 + 0.05 * rng.integers(0, 4)
        end = x + rng.uniform(0.1, 0.5)
        ink = any_colour(rng, (0.2, 0.6), (0.7, 0.95) if dark else (0.2, 0.5))
        cv2.line(
            image, (int(x * size), int(y * size)), (int(end * size), int(y * size)), ink.tolist(), max(1, size // 110)
        )
    return _centred(image)


@texture("whiteboard", 1.6)
def _whiteboard(rng: np.random.Generator, size: int) -> np.ndarray:
    image = np.full((size, size, 3), 0.96, np.float32)
    for _ in range(7):
        points = np.cumsum(rng.normal(0, 0.05, (12, 2)), 0) + rng.uniform(0.2, 0.8, 2)
        ink = [(0.1, 0.2, 0.7), (0.75, 0.1, 0.1), (0.1, 0.45, 0.2), (0.1, 0.1, 0.1)][rng.integers(4)]
        cv2.polylines(image, [(points * size).astype(np.int32)], False, ink, max(1, size // 150), cv2.LINE_AA)
    return _centred(np.clip(image - 0.02 * np.abs(noise(rng, size, 2))[..., None], 0, 1))
