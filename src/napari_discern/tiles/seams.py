"""Seams: which objects of two tiles are one, by the pixels that both tiles saw.

Embeddings of two tiles cannot be compared; who belongs together can.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeAlias

import numpy as np

from napari_discern.tiles.bank import Bank, Found
from napari_discern.tiles.grid import Box, Grid, relative

AGREE = 0.3
"""Two objects can be one if their IoU over the pixels that both tiles saw is larger."""
INSIDE = 0.75
"""What a tile saw only a part of belongs to the object of the other tile that holds this share of it."""
BEYOND = 0.1
"""An object is expected in the next tile if it reaches there with more than this share of what is seen of it."""
Kind: TypeAlias = Literal["joined", "apart", "conflict"]


@dataclass(frozen=True)
class Seam:
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


@dataclass(frozen=True)
class Seams:
    """What two tiles make of the pixels that both saw.

    Attributes
    ----------
    pairs : int array of shape (K, 2)
        Ids of the one and of the other that are one object.
    likeness : float array of shape (K,)
        Their IoU; 0 where one is a part of the other, whose tile could not see more of it.
    seams : list of Seam
        What is to be said of objects that reach from one core into the other.
    """

    pairs: np.ndarray
    likeness: np.ndarray
    seams: list[Seam]


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
    grid: Grid, tiles: tuple[int, int], both: Box, views: tuple[np.ndarray, np.ndarray], founds: tuple[Found, Found]
) -> Seams:
    """What two tiles make of the box that both saw."""
    one, other = tiles
    pairs, counts = _shared(*views)
    ends = _ends(views[0], grid.region(one), grid.region(other)), _ends(views[1], grid.region(other), grid.region(one))
    joined, likeness = _join(pairs, counts, views, founds, ends)
    cores = [relative(grid.core(tile), both) for tile in tiles]
    seams = _crossings(views, cores, pairs, counts, joined, (one, other), both)
    mirrored = _crossings(views[::-1], cores[::-1], pairs[:, ::-1], counts, joined[:, ::-1], (other, one), both)
    known = {(seam.one, seam.other) for seam in seams if seam.other[1]}
    return Seams(joined, likeness, seams + [seam for seam in mirrored if (seam.other, seam.one) not in known])


def _ends(view: np.ndarray, mine: Box, theirs: Box) -> np.ndarray:
    """By id, whether an object reaches a side of a tile's region beyond which the other tile sees more; bool."""
    ends = np.zeros(int(view.max(initial=0)) + 1, bool)
    for axis, (here, there) in enumerate(zip(mine, theirs, strict=True), start=1):
        if there.start < here.start:
            ends[view.take(0, axis)] = True
        if here.stop < there.stop:
            ends[view.take(-1, axis)] = True
    ends[0] = False
    return ends


def _shared(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of ids of two views (P, \\*S), (Q, \\*S) that lie on one another, int (K, 2), and on how many pixels."""
    base = int(other.max(initial=0)) + 1
    codes = []
    for first, second in product(one, other):
        there = (first > 0) & (second > 0)
        codes.append(first[there].astype(np.int64) * base + second[there])
    values, counts = np.unique(np.concatenate(codes), return_counts=True)
    return np.stack([values // base, values % base], axis=1), counts


def _join(
    pairs: np.ndarray,
    counts: np.ndarray,
    views: tuple[np.ndarray, np.ndarray],
    founds: tuple[Found, Found],
    ends: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Which pairs are one object: the most alike first, each object in one pair; then parts of what is seen whole.

    Where objects are alike over all that both tiles saw, as those that lie on one another, those belong together that
    are alike in size as a whole.
    """
    if not len(pairs):
        return np.zeros((0, 2), int), np.zeros(0)
    first, second = (np.bincount(view.ravel())[pairs[:, side]] for side, view in enumerate(views))
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
    return np.array(list(joined), int).reshape(-1, 2), np.array(list(joined.values()))


def _crossings(
    views: tuple[np.ndarray, ...],
    cores: list[Box],
    pairs: np.ndarray,
    counts: np.ndarray,
    joined: np.ndarray,
    tiles: tuple[int, int],
    both: Box,
) -> list[Seam]:
    """What is to be said of the objects of the first tile that reach from its core into that of the second."""
    view, seams = views[0], []
    here, there = (view[(slice(None), *_clipped(core, view.shape[1:]))] for core in cores)
    number = int(view.max(initial=0))
    at_home, abroad, seen = (np.bincount(part.ravel(), minlength=number + 1) for part in (here, there, view))
    for a in 1 + np.flatnonzero((at_home[1:] > 0) & (abroad[1:] > BEYOND * seen[1:])):
        partner = joined[joined[:, 0] == a, 1]
        rivals = pairs[(pairs[:, 0] == a) & (counts > BEYOND * seen[a]) & ~np.isin(pairs[:, 1], partner), 1]
        kind: Kind = "joined" if len(partner) else "apart"
        if len(partner) and len(rivals) and _crosses(views[1], cores, rivals):
            kind = "conflict"
        place = np.argwhere((there == a).any(axis=0)).mean(axis=0) + [
            max(0, core.start) + box.start for core, box in zip(cores[1], both, strict=True)
        ]
        best = int(partner[0]) if len(partner) else 0
        seams.append(Seam(kind, tuple(place.tolist()), (tiles[0], int(a)), (tiles[1], best)))
    return seams


def _crosses(view: np.ndarray, cores: list[Box], ids: np.ndarray) -> bool:
    """Whether one of these objects reaches into both cores."""
    parts = [view[(slice(None), *_clipped(core, view.shape[1:]))] for core in cores]
    return bool(np.isin(ids, parts[0]).any() and np.isin(ids, parts[1]).any())


def _clipped(box: Box, shape: tuple[int, ...]) -> Box:
    return tuple(slice(max(0, b.start), min(max(0, b.stop), n)) for b, n in zip(box, shape, strict=True))
