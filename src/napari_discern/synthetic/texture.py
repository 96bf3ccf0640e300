"""Texture: smooth random fields, and what a camera does to a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def field(rng: np.random.Generator, shape: tuple[int, ...], grain: float) -> NDArray[np.float64]:
    """A smooth random field, float64 of `shape`, about -1 to 1; its bumps are `grain` pixels apart."""
    knots = [max(2, int(np.ceil(n / grain)) + 1) for n in shape]
    coarse = rng.uniform(-1.0, 1.0, knots)
    places = [np.linspace(0.0, k - 1.0, n) for k, n in zip(knots, shape, strict=True)]
    for axis, place in enumerate(places):
        coarse = _stretch(coarse, place, axis)
    return coarse


def _stretch(values: np.ndarray, place: np.ndarray, axis: int) -> np.ndarray:
    """Values read at fractional places along one axis, with smooth steps between the knots."""
    low = np.minimum(place.astype(int), values.shape[axis] - 2)
    part = place - low
    part = part * part * (3.0 - 2.0 * part)
    part = part.reshape([-1 if a == axis else 1 for a in range(values.ndim)])
    below = values.take(low, axis)
    return np.asarray(below + part * (values.take(low + 1, axis) - below))


def rough(rng: np.random.Generator, shape: tuple[int, ...], coarsest: float, octaves: int = 4) -> NDArray[np.float64]:
    """Fields of halving grain and weight added up: earth, chromatin, leaf skin. About -1 to 1."""
    return sum((field(rng, shape, coarsest / 2**k) / 2**k for k in range(octaves)), np.zeros(shape)) / 1.2


def blur(picture: NDArray[np.float64], sigma: float | tuple[float, ...]) -> NDArray[np.float64]:
    """Gaussian blur of `sigma` pixels, over all axes or one value an axis."""
    from scipy import ndimage

    return np.asarray(ndimage.gaussian_filter(picture, sigma, truncate=3.0))


def add_noise(
    rng: np.random.Generator, picture: NDArray[np.float64], noise: float, photons: float = np.inf
) -> NDArray[np.float64]:
    """Camera noise on a picture whose full scale is 1.

    Parameters
    ----------
    noise : float
        Standard deviation of the read-out noise, as a share of full scale.
    photons : float
        Photons at full scale; shot noise is drawn as its normal approximation. Infinite: none.
    """
    shot = 0.0 if np.isinf(photons) else np.maximum(picture, 0.0) / photons
    deviation = np.sqrt(noise * noise + shot)
    return np.asarray(picture + deviation * rng.standard_normal(picture.shape))


def digitise(
    picture: NDArray[np.float64], top: int, dtype: type[np.unsignedinteger[Any]]
) -> NDArray[np.unsignedinteger[Any]]:
    """Full scale 1 as the whole number `top`; what lies outside is cut off."""
    return np.asarray(np.rint(np.clip(picture, 0.0, 1.0) * top).astype(dtype))
