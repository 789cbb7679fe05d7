"""Textures of the dinosaur dolls: coat, belly, face, eyes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assets.objects import dinosaur as doll
from assets.objects.atlas import SIZE, Atlas, Cell
from assets.textures.noise import blend, hsv, noise, shade, smoothstep

Hsv = tuple[float, float, float]
Pattern = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
"""(s, t, rng) to the weight of the second coat colour, each (rows, columns)."""


@dataclass(frozen=True)
class Coat:
    """Colours (hue in turns, saturation, value) and the pattern of a doll."""

    coat: Hsv
    second: Hsv
    belly: Hsv
    plates: Hsv
    pattern: str = "plain"
    iris: Hsv = (0.08, 0.6, 0.25)
    belly_size: float = 1.0
    """Size of the light belly patch; four-legged dolls have none or little in front."""


def plain(s: np.ndarray, t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A few faint dark patches towards the back."""
    return 0.35 * smoothstep(0.6, 1.0, s)


def spots(s: np.ndarray, t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Round spots of several sizes."""
    weight = np.zeros_like(s)
    for x, y, r in rng.random((26, 3)):
        weight = np.maximum(weight, 1 - smoothstep(0.9, 1.1, np.hypot(s - x, t - y) / (0.035 + 0.05 * r)))
    return weight


def stripes(s: np.ndarray, t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Tiger stripes, level around the body."""
    wave = np.sin(2 * np.pi * (6.5 * t + 0.25 * np.sin(5 * s + rng.random())))
    return smoothstep(0.1, 0.35, wave) * smoothstep(0.25, 0.4, s)


def scales(s: np.ndarray, t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of overlapping round scales."""
    row = np.floor(t * 13)
    x = (s * 13 + 0.5 * (row % 2)) % 1 - 0.5
    return smoothstep(0.25, 0.62, np.hypot(x, t * 13 - row - 0.15))


def patchwork(s: np.ndarray, t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Square patches with a seam."""
    tone = rng.random((6, 6))[np.clip((s * 6).astype(int), 0, 5), np.clip((t * 6).astype(int), 0, 5)]
    seam = np.minimum(np.abs((s * 6 + 0.5) % 1 - 0.5), np.abs((t * 6 + 0.5) % 1 - 0.5))
    return np.maximum(np.rint(tone), 1 - smoothstep(0.03, 0.06, seam))


def zigzag(s: np.ndarray, t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Zigzag bands."""
    wave = (t * 7 + 0.8 * np.abs((s * 7) % 1 - 0.5)) % 1
    return smoothstep(0.45, 0.5, wave) - smoothstep(0.95, 1.0, wave)


PATTERNS: dict[str, Pattern] = {
    "plain": plain,
    "spots": spots,
    "stripes": stripes,
    "scales": scales,
    "patchwork": patchwork,
    "zigzag": zigzag,
}


def _jitter(colour: Hsv, rng: np.random.Generator) -> np.ndarray:
    """RGB (3,) of a colour with a small random deviation."""
    h, s, v = colour
    return hsv(h + rng.normal(0, 0.012), s * rng.uniform(0.88, 1.1), v * rng.uniform(0.9, 1.08))


def _cover(cell: Cell, coat: Coat, colours: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    s, t = cell.grid()
    return blend(np.broadcast_to(colours[0], (*s.shape, 3)), colours[1], PATTERNS[coat.pattern](s, t, rng))


def _torso(coat: Coat, colours: list[np.ndarray], belly: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The coat with a light, horizontally ribbed belly."""
    s, t = doll.TORSO.grid()
    patch = 1 - smoothstep(0.9, 1.0, np.hypot(s / 0.245, (t - 0.5) / 0.36) / max(coat.belly_size, 1e-3))
    ribbed = shade(belly, 1 - 0.12 * smoothstep(0.88, 0.98, np.cos(2 * np.pi * 8 * t)))
    return blend(_cover(doll.TORSO, coat, colours, rng), ribbed, patch)


def _face(coat: Coat, colours: list[np.ndarray], belly: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The coat with a lighter muzzle below and a smile."""
    s, t = doll.HEAD.grid()
    muzzle = 1 - smoothstep(0.9, 1.05, np.hypot(s / 0.22, (t - 0.30) / 0.12))
    image = blend(_cover(doll.HEAD, coat, colours, rng), belly, muzzle * 0.9)
    line = 0.372 + 1.1 * s**2
    smile = (1 - smoothstep(0.008, 0.014, np.abs(t - line))) * (s < 0.20)
    return blend(image, (0.16, 0.09, 0.08), smile * 0.9)


def _eye(iris: np.ndarray) -> np.ndarray:
    """Pupil, iris, white and two highlights; t = 1 is where the eye looks."""
    s, t = doll.EYE.grid()
    image = np.broadcast_to((0.97, 0.97, 0.95), (*s.shape, 3))
    image = blend(image, iris, smoothstep(0.62, 0.64, t))
    image = blend(image, (0.03, 0.03, 0.04), smoothstep(0.68, 0.70, t))
    light = 1 - smoothstep(0.75, 1.0, np.hypot((s - 0.47) / 0.13, (t - 0.83) / 0.08))
    return blend(image, (1, 1, 1), light)


def paint(coat: Coat, rng: np.random.Generator) -> np.ndarray:
    """The atlas (256, 256, 3) uint8 of a doll in this coat."""
    colours = [_jitter(coat.coat, rng), _jitter(coat.second, rng)]
    belly, plates = _jitter(coat.belly, rng), _jitter(coat.plates, rng)
    _, t = doll.PLATES.grid()
    _, horn = doll.HORNS.grid()
    atlas = (
        Atlas().paint(doll.TORSO, _torso(coat, colours, belly, rng)).paint(doll.HEAD, _face(coat, colours, belly, rng))
    )
    atlas.paint(doll.LIMBS, _cover(doll.LIMBS, coat, colours, rng))
    atlas.paint(doll.PLATES, shade(plates, 0.8 + 0.25 * t)).paint(
        doll.HORNS, shade((0.95, 0.91, 0.80), 0.9 + 0.1 * horn)
    )
    atlas.paint(doll.CHEEKS, blend(colours[0], (0.98, 0.55, 0.55), np.full((1, 1), 0.75))[0, 0])
    atlas.paint(doll.NOSTRILS, colours[0] * 0.25)
    fur = 1 + 0.035 * noise(rng, SIZE, 0.5, band=(20, 128))
    return atlas.paint(doll.EYE, _eye(_jitter(coat.iris, rng))).image(fur)
