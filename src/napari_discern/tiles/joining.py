"""Joining: the objects of all tiles put together, ids 1..N, and a report of the seams."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_discern.instances import Labels, colour
from napari_discern.progress import Progress, Steps
from napari_discern.tiles.bank import Bank, Table
from napari_discern.tiles.components import Links, components
from napari_discern.tiles.seams import KINDS, Seams, SeamTable, compare


@dataclass(frozen=True)
class Joined:
    """The objects of an image, put together from its tiles.

    Attributes
    ----------
    ids : list of uint32 array
        For each tile, the id in the image of each of its ids; 0 for 0 and for what is left out.
    plane : int array of shape (N + 1,)
        The plane of each object, so that no two that share pixels lie in one.
    partners : int64 array of shape (K, 3)
        Pairs of objects that share pixels, the smaller id first, and how many.
    failures : dict of int to str
        Why there is nothing, of each tile that could not be done.
    seams : SeamTable
        What became of objects that reach from one tile into another, the ids being those in the image.
    """

    bank: Bank
    ids: list[Labels]
    plane: NDArray[np.int32]
    partners: NDArray[np.int64]
    failures: dict[int, str]
    seams: SeamTable

    @property
    def n(self) -> int:
        """Number of objects."""
        return len(self.plane) - 1

    @property
    def planes(self) -> int:
        """Number of planes; 1 where nothing was found."""
        return int(self.plane.max(initial=0)) + 1

    def core(self, tile: int) -> Labels:
        """The label planes of the core of a tile, int64 (P, \\*S), with the ids of the image."""
        ids = self.ids[tile]
        return lay(self.bank.read(tile, self.bank.grid.core(tile)), ids, self.plane[ids], self.planes)

    def labels(self) -> NDArray[np.uint32]:
        """All label planes, uint32 (P, \\*S)."""
        planes = np.zeros((self.planes, *self.bank.grid.shape), np.uint32)
        for tile in range(len(self.bank.grid)):
            planes[(slice(None), *self.bank.grid.core(tile))] = self.core(tile)
        return planes

    @cached_property
    def objects(self) -> Table:
        """What is known of objects 1..N; see `objects_in`."""
        return self.objects_in(0, self.n)

    def objects_in(self, before: int, last: int) -> Table:
        """What is known of objects before + 1 .. last, from all tiles; columns as of `TileObjects.objects`.

        Pixels and sums are added up, bounds are those of all parts, `gap` is the least; an object is `cut` if it is in
        every tile that saw it. Other measures are means by the pixels that each tile saw. Tiles are read one by one.
        """
        columns: dict[str, NDArray[np.float64]] = {}
        reaching = np.flatnonzero((self._ends[:, 1] > before) & (self._ends[:, 0] <= last)).tolist()
        for tile in reaching or [0]:  # of no object there are columns as well
            objects, ids = self.bank.found(tile).objects, self.ids[tile][1:].astype(np.int64) - before
            kept = (ids > 0) & (ids <= last - before)
            for name, values in objects.items():
                how = _how(name)
                column = columns.setdefault(name, np.full(last - before, how.start))
                how.combine.at(column, ids[kept] - 1, _weighted(name, values, objects)[kept])
        for name in columns:
            if _how(name).mean:
                columns[name] /= np.maximum(columns["seen"], 1)
        if columns:
            columns["overlap"] = np.minimum(self._shared(before, last), columns["overlap"])
        return columns

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """The least and the largest id in each tile, int64 (tiles, 2); of a tile without objects N + 1 and 0."""
        kept = [ids[ids > 0] for ids in self.ids]
        return np.array([(ids.min(initial=self.n + 1), ids.max(initial=0)) for ids in kept], np.int64).reshape(-1, 2)

    def _shared(self, before: int, last: int) -> NDArray[Any]:
        """Pixels that objects before + 1 .. last share with others, a pixel of several partners counting for each."""
        ends = self.partners[:, :2].T.ravel()
        here = (ends > before) & (ends <= last)
        return np.bincount(ends[here] - before - 1, np.tile(self.partners[:, 2], 2)[here], minlength=last - before)


def lay(found: NDArray[np.uint32], ids: Labels, plane: NDArray[np.int32], planes: int) -> Labels:
    """Label planes of a tile, (planes, \\*S) of the dtype of `ids`, with the ids and on the planes of the image.

    Parameters
    ----------
    found : uint32 array of shape (P, \\*S)
        Label planes with the ids of the tile.
    ids, plane : integer arrays of shape (N + 1,)
        Id and plane in the image of each id of the tile.
    planes : int
        How many there are in the image.
    """
    return np.stack([np.where(plane == p, ids, 0)[found].max(axis=0) for p in range(planes)])


Compared: TypeAlias = tuple[int, list[tuple[int, Seams]]]
"""A tile, and what `compare` says of it."""


def join(bank: Bank, min_size: int, compared: Iterable[Compared | None] | None = None) -> Steps[Joined]:
    """Put the objects of all tiles together; those of fewer than `min_size` pixels are left out.

    Parameters
    ----------
    compared : iterable, optional
        Every tile with what `compare` says of it, in any order, where others do the comparing; None is passed over.

    Yields
    ------
    Progress
        One a tile.
    """
    number, axes = len(bank.grid), len(bank.grid.shape)
    count, pixels, whole, partners, failures = _looked_up(bank)
    starts, tables = np.cumsum([0, *count]), [SeamTable.of((), axes)]
    compared = compared if compared is not None else ((tile, compare(bank, tile)) for tile in range(number))
    with Links(bank.folder) as links:
        for done, answer in enumerate(compared):
            if answer is not None:
                tile, said = answer
                for other, told in said:
                    links.add(told.pairs + (starts[[tile, other]] - 1), told.likeness)
                tables += [told.seams for _, told in said if len(told.seams)]
            yield Progress("join", min(done + 1, number), number)
        part = components(count, whole, links)
    size = np.zeros(int(part.max(initial=-1)) + 1, np.int64)
    np.add.at(size, part, pixels)
    kept = size >= max(1, min_size)
    new = np.cumsum(kept, dtype=np.uint32 if len(kept) <= np.iinfo(np.uint32).max else np.int64) * kept
    every = np.zeros(len(part) + number, new.dtype)  # of each tile 0 and its objects, one after another
    per_tile = [every[a + tile : b + tile + 1] for tile, (a, b) in enumerate(pairwise(starts.tolist()))]
    for ids, (a, b) in zip(per_tile, pairwise(starts.tolist()), strict=True):
        ids[1:] = new[part[a:b]]
    shared = _partners(partners, per_tile)
    plane = colour(int(kept.sum()), shared[:, :2])
    seams = SeamTable.chained(tables, axes)
    ordered = seams.taken(np.lexsort((seams.tiles.max(axis=1), seams.tiles.min(axis=1))))  # whatever came first
    return Joined(bank, per_tile, plane, shared, failures, _named(ordered, per_tile))


def _looked_up(
    bank: Bank,
) -> tuple[list[int], NDArray[np.uint32], NDArray[np.bool_], list[NDArray[np.int64]], dict[int, str]]:
    """Of each tile the number of objects, their pixels in its core, who is seen whole, who shares pixels; failures."""
    count: list[int] = []
    pixels, wholes, partners = [np.zeros(0, np.uint32)], [np.zeros(0, bool)], []
    failures: dict[int, str] = {}
    for tile in range(len(bank.grid)):
        found = bank.found(tile)
        count.append(len(found.objects["own"]))
        pixels.append(found.objects["own"].astype(np.uint32))
        wholes.append(found.objects["cut"] == 0)
        partners.append(found.partners)
        failures |= {tile: found.failure} if found.failure else {}
    return count, np.concatenate(pixels), np.concatenate(wholes), partners, failures


def _partners(partners: Sequence[NDArray[np.int64]], ids: Sequence[Labels]) -> NDArray[np.int64]:
    """Pairs of objects of the image that share pixels, once each, and how many, int64 (K, 3)."""
    rows = [np.zeros((0, 3), np.int64)]
    for pairs, own in zip(partners, ids, strict=True):
        rows.append(np.concatenate([np.sort(own[pairs[:, :2]], axis=1), pairs[:, 2:]], axis=1))
    every = np.concatenate(rows)
    every = every[(every[:, 0] > 0) & (every[:, 0] != every[:, 1])]
    pairs, where = np.unique(every[:, :2], axis=0, return_inverse=True)
    counts = np.bincount(where.ravel(), every[:, 2], len(pairs)).astype(np.int64)
    return np.concatenate([pairs, counts[:, None]], axis=1)


def _named(seams: SeamTable, ids: Sequence[Labels]) -> SeamTable:
    """Seams with the ids of the image; of what was left out nothing is said."""
    starts = np.cumsum([0, *map(len, ids)])[:-1]
    labels = np.concatenate([*ids, np.zeros(0, np.uint32)])[starts[seams.tiles] + seams.ids].astype(np.int64)
    parted = (seams.kind == KINDS.index("joined")) & (labels[:, 0] != labels[:, 1])
    kind = np.where(parted, KINDS.index("conflict"), seams.kind).astype(np.uint8)
    return SeamTable(kind, seams.place, seams.tiles, labels).taken(labels[:, 0] > 0)


class _How(NamedTuple):
    """How the values of the parts of an object become one: by which function, from what, and divided by its pixels."""

    combine: np.ufunc
    start: float
    mean: bool = False


SUM, LEAST, MOST = _How(np.add, 0.0), _How(np.minimum, np.inf), _How(np.maximum, -np.inf)
MEAN = _How(np.add, 0.0, mean=True)


def _how(name: str) -> _How:
    """How a column is put together."""
    if name in ("seen", "own", "overlap") or name.startswith("sum_"):
        return SUM
    if name in ("gap", "cut") or name.startswith("min_"):
        return LEAST
    return MOST if name.startswith("max_") else MEAN


def _weighted(name: str, values: NDArray[Any], objects: Table) -> NDArray[Any]:
    """The values of a column as they are put together: of bounds those in the core, means by the pixels seen."""
    if name.startswith(("min_", "max_")):
        return np.where(objects["own"] > 0, values, _how(name).start)
    return values * objects["seen"] if _how(name).mean else values
