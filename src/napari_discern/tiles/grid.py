"""Grid: cores that partition an image, each grown by a halo."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product
from typing import TypeAlias

import numpy as np

Box: TypeAlias = tuple[slice, ...]
"""A part of an image: a slice an axis, with start and stop."""


@dataclass(frozen=True)
class Grid:
    """How an image is cut. Cores share no pixel and leave none out; regions are cores grown by the halo.

    Attributes
    ----------
    shape : tuple of int
        Spatial shape of the image in pixels, (z,) y, x.
    tile : tuple of int
        Size of a core along each axis, in pixels, at most; cores along an axis are about equal.
    halo : tuple of int
        By how many pixels a core is grown on either side along each axis, where the image goes on.
    chunk : tuple of int, optional
        Cores begin at multiples of these, so that no two of them write to one chunk; not larger than `tile`.
    """

    shape: tuple[int, ...]
    tile: tuple[int, ...]
    halo: tuple[int, ...]
    chunk: tuple[int, ...] = ()

    def __len__(self) -> int:
        return int(np.prod(self._counts))

    def core(self, tile: int) -> Box:
        """The core of a tile; the last axis runs fastest."""
        return tuple(parts[k] for parts, k in zip(self._parts, self._place(tile), strict=True))

    def region(self, tile: int) -> Box:
        """The core of a tile, grown by the halo."""
        return tuple(parts[k] for parts, k in zip(self._grown, self._place(tile), strict=True))

    def neighbours(self, tile: int) -> Iterator[tuple[int, Box]]:
        """The tiles of larger numbers whose regions share pixels with that of a tile, and the box that they share."""
        for along in product(*(self._meetings[axis][k] for axis, k in enumerate(self._place(tile)))):
            other = int(np.ravel_multi_index([j for j, _ in along], self._counts))
            if other > tile:
                yield other, tuple(both for _, both in along)

    def _place(self, tile: int) -> tuple[int, ...]:
        return tuple(map(int, np.unravel_index(tile, self._counts)))

    @cached_property
    def _counts(self) -> tuple[int, ...]:
        """Tiles along each axis."""
        return tuple(len(parts) for parts in self._parts)

    @cached_property
    def _parts(self) -> list[list[slice]]:
        chunk = self.chunk or (1,) * len(self.shape)
        return [_parts(n, t, c) for n, t, c in zip(self.shape, self.tile, chunk, strict=True)]

    @cached_property
    def _grown(self) -> list[list[slice]]:
        return [
            [slice(max(0, part.start - halo), min(n, part.stop + halo)) for part in parts]
            for parts, halo, n in zip(self._parts, self.halo, self.shape, strict=True)
        ]

    @cached_property
    def _meetings(self) -> list[list[list[tuple[int, slice]]]]:
        """Along each axis, for each part those that share something with it once grown, and what they share."""
        return [[list(_overlapping(grown, one)) for one in grown] for grown in self._grown]


def _overlapping(grown: list[slice], one: slice) -> Iterator[tuple[int, slice]]:
    first = bisect_right(grown, one.start, key=lambda part: part.stop)
    for number, part in enumerate(grown[first:], start=first):
        if part.start >= one.stop:
            return
        yield number, slice(max(one.start, part.start), min(one.stop, part.stop))


def clipped(box: Box, within: Box) -> Box:
    """The part of a box that lies within another; of length 0 along axes where nothing does."""
    starts = [max(a.start, b.start) for a, b in zip(box, within, strict=True)]
    stops = [min(a.stop, b.stop) for a, b in zip(box, within, strict=True)]
    return tuple(slice(start, max(start, stop)) for start, stop in zip(starts, stops, strict=True))


def relative(box: Box, origin: Box) -> Box:
    """A box as seen from the first corner of another one."""
    return tuple(slice(b.start - o.start, b.stop - o.start) for b, o in zip(box, origin, strict=True))


def sides(box: Box) -> tuple[int, ...]:
    """Length of each side."""
    return tuple(b.stop - b.start for b in box)


def _parts(length: int, tile: int, chunk: int) -> list[slice]:
    """Parts of about equal length, none longer than a tile, that begin at chunks."""
    chunks = -(-length // chunk)
    edges = np.linspace(0, chunks, -(-chunks // max(1, tile // chunk)) + 1).round().astype(int) * chunk
    return [slice(a, b) for a, b in pairwise(np.minimum(edges, length).tolist())]
