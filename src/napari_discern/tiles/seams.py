"""Seams: which objects of two tiles are one, by the pixels that both tiles saw.

Embeddings of two tiles cannot be compared; who belongs together can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from napari_discern.instances import count_pairs, count_pixels
from napari_discern.tiles.bank import Bank, TileObjects, reaching
from napari_discern.tiles.grid import Box, Grid, clipped, relative

AGREE = 0.3
"""Two objects can be one if their IoU over the pixels that both tiles saw is larger."""
INSIDE = 0.75
"""What a tile saw only a part of belongs to the object of the other tile that holds this share of it."""
BEYOND = 0.1
"""An object is expected in the next tile if it reaches there with more than this share of what is seen of it."""
Kind: TypeAlias = Literal["joined", "apart", "conflict"]
KINDS: tuple[Kind, ...] = ("joined", "apart", "conflict")
Views: TypeAlias = tuple[NDArray[np.uint32], NDArray[np.uint32]]
"""Label planes of two tiles in the box that both saw."""


class Seam(NamedTuple):
    """What became of an object that reaches from one tile into another.

    Attributes
    ----------
    kind : str
        "joined" with an object of the other tile; left "apart", since none there is like it; or in "conflict", where
        the other tile sees several objects in it, or one where this tile sees several.
    place : tuple of float
        Its middle in the core of the other tile, in pixels of the image.
    one, other : (int, int)
        Tile and id there; of `other` the id is 0 where there is none.
    """

    kind: Kind
    place: tuple[float, ...]
    one: tuple[int, int]
    other: tuple[int, int]


@dataclass(frozen=True, eq=False)
class SeamTable(Sequence[Seam]):
    """Many of them as columns, since a large volume has millions; a row is a `Seam`.

    Attributes
    ----------
    kind : uint8 array of shape (K,)
        Index in `KINDS`.
    place : float32 array of shape (K, axes)
    tiles : int32 array of shape (K, 2)
    ids : int64 array of shape (K, 2)
    """

    kind: NDArray[np.uint8]
    place: NDArray[np.float32]
    tiles: NDArray[np.int32]
    ids: NDArray[np.int64]

    @classmethod
    def of(cls, seams: Sequence[Seam], axes: int) -> SeamTable:
        """Seams as columns."""
        ends = np.array([(seam.one, seam.other) for seam in seams], np.int64).reshape(-1, 2, 2)
        kind = np.array([KINDS.index(seam.kind) for seam in seams], np.uint8)
        place = np.array([seam.place for seam in seams], np.float32).reshape(-1, axes)
        return cls(kind, place, ends[:, :, 0].astype(np.int32), ends[:, :, 1])

    @classmethod
    def chained(cls, tables: Sequence[SeamTable], axes: int) -> SeamTable:
        """Several of them, one after another."""
        every = (cls.of((), axes), *tables)
        return cls(
            *(np.concatenate([getattr(table, name) for table in every]) for name in ("kind", "place", "tiles", "ids"))
        )

    def taken(self, rows: NDArray[np.integer[Any] | np.bool_]) -> SeamTable:
        """Some of the rows, by index or mask."""
        return SeamTable(self.kind[rows], self.place[rows], self.tiles[rows], self.ids[rows])

    def __len__(self) -> int:
        return len(self.kind)

    @overload
    def __getitem__(self, row: int) -> Seam: ...
    @overload
    def __getitem__(self, row: slice) -> SeamTable: ...
    def __getitem__(self, row: int | slice) -> Seam | SeamTable:
        if isinstance(row, slice):
            return self.taken(np.arange(len(self))[row])
        (one, other), (label, partner) = self.tiles[row].tolist(), self.ids[row].tolist()
        return Seam(KINDS[self.kind[row]], tuple(self.place[row].tolist()), (one, label), (other, partner))


@dataclass(frozen=True)
class Seams:
    """What two tiles make of the pixels that both saw.

    Attributes
    ----------
    pairs : int array of shape (K, 2)
        Ids of the one and of the other that are one object.
    likeness : float array of shape (K,)
        Their IoU; 0 where one is a part of the other, whose tile could not see more of it.
    seams : SeamTable
        What is to be said of objects that reach from one core into the other.
    """

    pairs: NDArray[np.int64]
    likeness: NDArray[np.float64]
    seams: SeamTable


def compare(bank: Bank, tile: int) -> list[tuple[int, Seams]]:
    """Which objects of a tile are those of its neighbours of larger numbers: number and seams of each of these."""
    region, mine = bank.grid.region(tile), bank.found(tile)
    whole = bank.read(tile, region)
    said = []
    for other, both in bank.grid.neighbours(tile):
        views = whole[(slice(None), *relative(both, region))], bank.read(other, both)
        if views[0].any() or views[1].any():
            said.append((other, _seams(bank.grid, (tile, other), both, views, (mine, bank.found(other)))))
    return said


def _seams(
    grid: Grid, tiles: tuple[int, int], both: Box, views: Views, founds: tuple[TileObjects, TileObjects]
) -> Seams:
    """What two tiles make of the box that both saw."""
    pairs, counts = count_pairs(*views)
    regions = [grid.region(tile) for tile in tiles]
    ends = reaching(views[0], *regions), reaching(views[1], *regions[::-1])
    joined, likeness = _join(pairs, counts, views, founds, ends)
    cores = [clipped(grid.core(tile), both) for tile in tiles]
    mine, theirs = (_Sight.of(view, both, cores[side], cores[1 - side]) for side, view in enumerate(views))
    seams = _crossings(tiles, mine, theirs, pairs, counts, joined)
    mirrored = _crossings((tiles[1], tiles[0]), theirs, mine, pairs[:, ::-1], counts, joined[:, ::-1])
    known = {(seam.one, seam.other) for seam in seams if seam.other[1]}
    every = seams + [seam for seam in mirrored if (seam.other, seam.one) not in known]
    return Seams(joined, likeness, SeamTable.of(every, len(both)))


def _join(
    pairs: NDArray[np.int64],
    counts: NDArray[np.int64],
    views: Views,
    founds: tuple[TileObjects, TileObjects],
    ends: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which pairs are one object: the most alike first, each object in one pair; then parts of what is seen whole.

    Where objects are alike over all that both tiles saw, as those that lie on one another, those belong together that
    are alike in size as a whole.
    """
    if not len(pairs):
        return np.zeros((0, 2), np.int64), np.zeros(0)
    first, second = (count_pixels(view, int(view.max()))[pairs[:, side]] for side, view in enumerate(views))
    iou = counts / (first + second - counts)
    wholes = [found.objects["seen"][pairs[:, side] - 1] for side, found in enumerate(founds)]
    alike = counts / (wholes[0] + wholes[1] - counts)
    taken: tuple[set[int], set[int]] = set(), set()
    joined: dict[tuple[int, int], float] = {}
    for k in np.lexsort((-alike, -iou)):
        a, b = pairs[k].tolist()
        if iou[k] > AGREE and a not in taken[0] and b not in taken[1]:
            taken[0].add(a)
            taken[1].add(b)
            joined[a, b] = float(iou[k])
    if max(len(view) for view in views) == 1:
        for (a, b), *inside in zip(pairs.tolist(), counts / first, counts / second, strict=True):
            for side, label in enumerate((a, b)):  # its view ends there, and could not tell what it belongs to
                if label not in taken[side] and ends[side][label] and inside[side] >= INSIDE:
                    joined.setdefault((a, b), 0.0)
    return np.array(list(joined), np.int64).reshape(-1, 2), np.array(list(joined.values()))


@dataclass(frozen=True)
class _Sight:
    """By id, the pixels of a tile's objects in a box that it shares with another: all, at home, and in the other core.

    `middle` is the mean place of the last, in pixels of the image, (N + 1, axes).
    """

    seen: NDArray[np.int64]
    home: NDArray[np.int64]
    abroad: NDArray[np.int64]
    middle: NDArray[np.float64]

    @classmethod
    def of(cls, view: NDArray[np.uint32], both: Box, home: Box, abroad: Box) -> _Sight:
        number = int(view.max(initial=0))
        here, there = (view[(slice(None), *relative(core, both))] for core in (home, abroad))
        places = np.nonzero(there)
        ids = there[places]
        seen, at_home, far = (count_pixels(part, number) for part in (view, here, ids))
        sums = [np.bincount(ids, along, number + 1) for along in places[1:]]
        middle = np.stack(sums, axis=1) / np.maximum(far, 1)[:, None] + [core.start for core in abroad]
        return cls(seen, at_home, far, middle)


def _crossings(
    tiles: tuple[int, int],
    mine: _Sight,
    theirs: _Sight,
    pairs: NDArray[np.int64],
    counts: NDArray[np.int64],
    joined: NDArray[np.int64],
) -> list[Seam]:
    """What is to be said of the objects of the first tile that reach from its core into that of the second."""
    seams = []
    crossing = (mine.home > 0) & (mine.abroad > BEYOND * mine.seen)
    for a in 1 + np.flatnonzero(crossing[1:]):
        partner = joined[joined[:, 0] == a, 1]
        rivals = pairs[(pairs[:, 0] == a) & (counts > BEYOND * mine.seen[a]) & ~np.isin(pairs[:, 1], partner), 1]
        kind: Kind = "joined" if len(partner) else "apart"
        if len(partner) and theirs.home[rivals].any() and theirs.abroad[rivals].any():
            kind = "conflict"
        best = int(partner[0]) if len(partner) else 0
        seams.append(Seam(kind, tuple(mine.middle[a].tolist()), (tiles[0], int(a)), (tiles[1], best)))
    return seams
