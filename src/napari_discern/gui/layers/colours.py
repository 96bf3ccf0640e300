"""Colours: a colouring of labels in which neighbours look different."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.utils.colormaps import CyclicLabelColormap

COLOURS, TRIES = 49, 12
"""Colours of a colouring, as many as napari takes; and colourings that are tried."""
APART = 0.4
"""Euclidean distance of two colours, red, green and blue from 0 to 1, that are told apart at a glance."""
NEAR = (1, 3)
"""Pixels between neighbours."""
SIDE = {1: 4096, 2: 1024, 3: 96}
"""Pixels along each axis, around the middle, in which neighbours are looked for, by dimensions."""


def neighbours(planes: np.ndarray) -> np.ndarray:
    """Pairs of ids that lie near one another, in all of a small array or the middle of a large one, int64 (K, 2).

    Parameters
    ----------
    planes : integer array of shape (P, \\*S)
    """
    side = SIDE.get(planes.ndim - 1, 48)
    middle = tuple(slice(max(0, (n - side) // 2), max(0, (n - side) // 2) + side) for n in planes.shape[1:])
    ids = planes[(slice(None), *middle)].astype(np.int64)
    base = int(ids.max(initial=0)) + 1
    codes = [np.zeros(0, np.int64)]
    for axis in range(1, ids.ndim):
        for step in NEAR:
            one, other = (
                np.take(ids, range(ids.shape[axis] - step), axis),
                np.take(ids, range(step, ids.shape[axis]), axis),
            )
            met = (one > 0) & (other > 0) & (one != other)
            codes.append(np.unique(one[met] * base + other[met]))
    found = np.unique(np.concatenate(codes))
    return np.stack([found // base, found % base], axis=1)


def colouring(pairs: np.ndarray) -> int:
    """The number of the colouring in which the fewest of these pairs of ids look alike."""
    alike = [int((_distances(number, pairs) < APART).sum()) for number in range(TRIES)]
    return int(np.argmin(alike))


def colormap(number: int) -> CyclicLabelColormap:
    """A colouring by its number, for one layer, which may change it; the first is napari's own."""
    from napari.utils.colormaps import label_colormap

    return label_colormap(COLOURS, seed=0.5 + number / (2 * TRIES), background_value=0)


@lru_cache(maxsize=TRIES)
def _untouched(number: int) -> CyclicLabelColormap:
    return colormap(number)


def _distances(number: int, pairs: np.ndarray) -> np.ndarray:
    colours = np.asarray(_untouched(number).map(pairs.ravel()))[:, :3].reshape(-1, 2, 3)
    apart: np.ndarray = np.linalg.norm(colours[:, 0] - colours[:, 1], axis=1)
    return apart
