"""Pyramid: the smaller levels of a label image, in memory that does not grow with it.

ngio has a graph made of all chunks of all levels before the first is written, and takes part by part only where each
size is a multiple of the next.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_discern.progress import Progress, Steps

if TYPE_CHECKING:
    import zarr

    Level: TypeAlias = zarr.Array[Any]


def build(levels: Sequence[Level]) -> Steps[None]:
    """Fill each level from the one before it, by the nearest pixel, a chunk at a time.

    Parameters
    ----------
    levels : sequence of zarr.Array
        The same axes in each, the largest first; that one is there, the others get written.

    Yields
    ------
    Progress
        One a chunk.
    """
    boxes = [list(_chunks(level)) for level in levels[1:]]
    done, total = 0, sum(map(len, boxes))
    for (source, target), parts in zip(itertools.pairwise(levels), boxes, strict=True):
        nearest = [_nearest(n, m) for n, m in zip(source.shape, target.shape, strict=True)]
        for box in parts:
            picked = [along[part] for along, part in zip(nearest, box, strict=True)]
            block = np.asarray(source[tuple(slice(int(p[0]), int(p[-1]) + 1) for p in picked)])
            target[box] = block[np.ix_(*(p - p[0] for p in picked))]
            done += 1
            yield Progress("pyramid", done, total)


def _nearest(of: int, to: int) -> np.ndarray:
    """Which of so many pixels lies at the middle of each of fewer (or more); of two, the second."""
    return (2 * np.arange(to) + 1) * of // (2 * to)


def _chunks(level: Level) -> Iterator[tuple[slice, ...]]:
    """The parts that are stored as one each."""
    unit = level.shards or level.chunks
    starts = (range(0, n, side) for n, side in zip(level.shape, unit, strict=True))
    for corner in itertools.product(*starts):
        yield tuple(slice(c, min(c + u, n)) for c, u, n in zip(corner, unit, level.shape, strict=True))
