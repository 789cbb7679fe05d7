"""Counter-based random draws: every number is a pure function of (seed, frame index, attempt, name).

There is no generator state: any frame can be drawn alone, in any order and in any process, with the same result, and
batches are drawn in one call. The mixer is SplitMix64's finaliser (Steele, Lea and Flood 2014).
"""

import hashlib

import numpy as np
from numpy.typing import ArrayLike

from lace.core.geometry import Array

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def seed64(seed: int) -> int:
    """The 64-bit number that stands for a seed, which may be any integer: seeds equal modulo 2**64 are the same.

    Every seed of a user goes through here, on its way to NumPy (`generator`), torch (`manual_seed`) and `Draws`.
    """
    return seed % 2**64


def generator(seed: int, *stream: int) -> np.random.Generator:
    """NumPy's generator for any integer seed and a stream of non-negative numbers."""
    return np.random.default_rng([seed64(seed), *stream] if stream else seed64(seed))


def _mix(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _name_key(name: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little"))


class Draws:
    """Random draws for a batch of frames; records each by name, to be stored with the frame."""

    def __init__(self, seed: int, index: ArrayLike, attempt: ArrayLike = 0):
        """Draws for a batch of frames.

        Args:
            seed: Seed of the dataset, any integer.
            index: Frame indices (n,).
            attempt: How often each frame was drawn before (n,) or scalar.
        """
        index = np.atleast_1d(np.asarray(index)).astype(np.uint64)
        attempt = np.broadcast_to(np.asarray(attempt), index.shape).astype(np.uint64)
        with np.errstate(over="ignore"):
            key = _mix(np.full(index.shape, seed64(seed), np.uint64) + _GOLDEN)
            key = _mix(key + index * _GOLDEN)
            self._key = _mix(key + (attempt + np.uint64(1)) * np.uint64(0xD1342543DE82EF95))
        self.count = len(index)
        self.record: dict[str, np.ndarray] = {}

    def bits(self, name: str, size: int = 1) -> np.ndarray:
        """Uniform 64-bit integers (n, size); not recorded."""
        with np.errstate(over="ignore"):
            counter = np.arange(1, size + 1, dtype=np.uint64) * _GOLDEN
            return _mix(_mix(self._key ^ _name_key(name))[:, None] + counter)

    def unit(self, name: str, size: int = 1) -> Array:
        """Uniform numbers in [0, 1) (n, size); not recorded."""
        return (self.bits(name, size) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def uniform(self, name: str, low: ArrayLike, high: ArrayLike, size: int | None = None) -> Array:
        """Uniform in [low, high): (n,) or, with `size`, (n, size); recorded under `name`."""
        value = np.asarray(low) + (np.asarray(high) - np.asarray(low)) * self.unit(name, size or 1)
        return self._keep(name, value if size else value[:, 0])

    def normal(self, name: str, sigma: ArrayLike, size: int | None = None) -> Array:
        """Normal with standard deviation `sigma` by Box-Muller: (n,) or (n, size); recorded."""
        width = size or 1
        u = self.unit(name, 2 * width)
        value = np.sqrt(-2 * np.log1p(-u[:, :width])) * np.cos(2 * np.pi * u[:, width:]) * np.asarray(sigma)
        return self._keep(name, value if size else value[:, 0])

    def choice(self, name: str, options: int, size: int | None = None) -> np.ndarray:
        """Integers in [0, options): (n,) or (n, size); recorded."""
        value = np.minimum((self.unit(name, size or 1) * options).astype(np.int64), options - 1)
        return self._keep(name, value if size else value[:, 0])

    def chance(self, name: str, probability: ArrayLike) -> np.ndarray:
        """Booleans (n,), true with `probability`; recorded."""
        return self._keep(name, self.unit(name)[:, 0] < np.asarray(probability))

    def _keep(self, name: str, value: np.ndarray) -> np.ndarray:
        self.record[name] = value
        return value
