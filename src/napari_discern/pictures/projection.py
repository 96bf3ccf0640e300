"""Projection: an embedding as colours, and as points in the plane."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE = 20_000
"""Foreground pixels that the principal axes are computed from, at most."""


def principal_axes(
    embedding: NDArray[np.float32], foreground: NDArray[np.bool_], count: int, seed: int = 0
) -> NDArray[np.float32]:
    """The directions in which the foreground's embeddings spread most, float32 (count, E), of length one.

    Parameters
    ----------
    embedding : float array of shape (E, \\*S)
    foreground : bool array of shape (\\*S)
        Where it is empty, all pixels count.
    count : int
        Directions wanted; where E is smaller, the last ones are zero.
    """
    points = embedding[:, foreground] if foreground.any() else embedding.reshape(len(embedding), -1)
    if points.shape[1] > SAMPLE:
        points = points[:, np.random.default_rng(seed).integers(0, points.shape[1], SAMPLE)]
    values, vectors = np.linalg.eigh(np.cov(points.astype(np.float64), bias=True).reshape(len(points), len(points)))
    axes = vectors[:, np.argsort(values)[::-1]].T[:count]
    axes *= np.where(axes[np.arange(len(axes)), np.abs(axes).argmax(1)] < 0, -1, 1)[:, None]  # the same sign each time
    return np.pad(axes, [(0, count - len(axes)), (0, 0)]).astype(np.float32)


def random_axes(channels: int, count: int, seed: int = 0) -> NDArray[np.float32]:
    """Random directions, float32 (count, E), of length one (shown so by Fathi et al. 2017).

    Parameters
    ----------
    channels, count : int
        Channels E of the embedding, and how many directions.
    seed : int
        Of the random choice.
    """
    axes = np.random.default_rng(seed).normal(size=(count, channels))
    return np.asarray(axes / np.linalg.norm(axes, axis=1, keepdims=True), np.float32)


def as_colours(
    embedding: NDArray[np.float32], foreground: NDArray[np.bool_], axes: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """The embedding along three axes as red, green and blue, uint8 (\\*S, 3); the background is dim.

    The 1st and 99th percentile of the foreground become 0 and 255.

    Parameters
    ----------
    embedding : float32 array of shape (E, \\*S)
    foreground : bool array of shape (\\*S)
    axes : float32 array of shape (3, E)
        As `principal_axes` or `random_axes` give them.
    """
    along = np.tensordot(axes, embedding, axes=1)
    inside = along[:, foreground] if foreground.any() else along.reshape(len(axes), -1)
    low, high = np.percentile(inside, (1, 99), axis=1)
    shape = (-1, *[1] * foreground.ndim)
    unit = (along - low.reshape(shape)) / np.maximum(high - low, 1e-6).reshape(shape)
    unit = unit.clip(0, 1) * np.where(foreground, 1.0, 0.25)
    return np.moveaxis((255 * unit).round().astype(np.uint8), 0, -1)
