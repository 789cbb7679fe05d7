"""Lens distortion by OpenCV's model, on the plane z = 1: radial k1 k2 k3 (over k4 k5 k6), tangential p1 p2."""

import numpy as np
from numpy.typing import ArrayLike

from lace.core.geometry import Array

COEFFICIENTS = 8
"""k1, k2, p1, p2, k3, k4, k5, k6; shorter lists are filled with zeros."""
_RADII = np.linspace(0, 6, 1201)
"""Distances from the axis at which a lens is tried for turning back: 6 is 80 degrees off the axis."""
_STEPS = 40


def padded(coefficients: ArrayLike) -> Array:
    """(..., 8) from (..., any number); those beyond 8 are left out."""
    given = np.asarray(coefficients, float)[..., :COEFFICIENTS]
    return np.concatenate([given, np.zeros((*given.shape[:-1], COEFFICIENTS - given.shape[-1]))], -1)


def distort(xy: ArrayLike, coefficients: ArrayLike) -> Array:
    """Where the lens draws points (..., n, 2) of the plane z = 1; coefficients (..., at most 8).

    A polynomial turns back far outside the image and would draw points there inside it: beyond that distance the
    points stay as much nearer to, or farther from, the axis as they are there.
    """
    xy, k = np.asarray(xy, float), padded(coefficients)
    squared = (xy**2).sum(-1)
    reach = np.broadcast_to(_turning_point(k)[..., None] ** 2, squared.shape)
    held = np.minimum(squared, reach)
    out = xy * _radial(held, k)[..., None]
    return out + _tangential(xy * np.sqrt(held / np.maximum(squared, 1e-30))[..., None], held, k)


def undistort(xy: ArrayLike, coefficients: ArrayLike) -> Array:
    """The inverse of `distort` by fixed-point iteration; compare where the lens is strong."""
    xy, k = np.asarray(xy, float), padded(coefficients)
    found = xy.copy()
    for _ in range(_STEPS):
        squared = np.minimum((found**2).sum(-1), _RADII[-1] ** 2)
        found = (xy - _tangential(found, squared, k)) / _radial(squared, k)[..., None]
    return found


def _radial(squared: Array, k: Array) -> Array:
    k1, k2, _p1, _p2, k3, k4, k5, k6 = (term[..., None] for term in np.moveaxis(k, -1, 0))
    above = 1 + squared * (k1 + squared * (k2 + squared * k3))
    return above / (1 + squared * (k4 + squared * (k5 + squared * k6)))


def _tangential(xy: Array, squared: Array, k: Array) -> Array:
    x, y = xy[..., 0], xy[..., 1]
    p1, p2 = k[..., 2:3], k[..., 3:4]
    return np.stack([2 * p1 * x * y + p2 * (squared + 2 * x * x), p1 * (squared + 2 * y * y) + 2 * p2 * x * y], -1)


def _turning_point(k: Array) -> Array:
    """(...) distance from the axis up to which farther points are drawn farther out."""
    drawn = _RADII * _radial(np.broadcast_to(_RADII**2, (*k.shape[:-1], len(_RADII))), k)
    back = np.diff(drawn) <= 0
    return _RADII[np.where(back.any(-1), back.argmax(-1), len(_RADII) - 1)]
