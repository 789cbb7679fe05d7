"""Bootstrap intervals of ratios of sums, resampling images (keypoints and tokens of one image go together)."""

from dataclasses import dataclass

import numpy as np

LEVEL, RESAMPLES = 0.95, 1000


@dataclass(frozen=True)
class Interval:
    """A mean with its percentile interval."""

    value: float
    low: float
    high: float


def image_weights(images: int, rng: np.random.Generator, resamples: int = RESAMPLES) -> np.ndarray:
    """How often each image is drawn in each resample, with replacement: (resamples, images)."""
    return rng.multinomial(images, np.full(images, 1 / images), resamples).astype(float)


def ratio(total: float, count: float, totals: np.ndarray, counts: np.ndarray, level: float = LEVEL) -> Interval:
    """Ratio total / count with its interval over resamples; resamples with a count of zero are left out."""
    draws = totals[counts > 0] / counts[counts > 0]
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(total / count), float(low), float(high))
