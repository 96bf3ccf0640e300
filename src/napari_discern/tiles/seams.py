"""Seams: which objects of two tiles are one, by the pixels that both tiles saw.

Embeddings of two tiles cannot be compared; who belongs together can.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeAlias

import numpy as np

from napari_discern.tiles.bank import Bank, Found
from napari_discern.tiles.grid import Box, relative

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


def compare(bank: Bank, one: int, other: int, both: Box, founds: tuple[Found, Found]) -> tuple[np.ndarray, list[Seam]]:
    """Pairs of ids of two tiles that are one object, int (K, 2), and what is to be said of their seam.

    Parameters
    ----------
    one, other : int
        Two tiles.
    both : tuple of slice
        The box that both saw.
    founds : (Found, Found)
        What each says of its objects.
    """
    views = bank.read(one, both), bank.read(other, both)
    if not (views[0].any() or views[1].any()):
        return np.zeros((0, 2), int), []
    pairs, counts = _shared(*views)
    joined = _join(pairs, counts, views, founds)
    cores = [relative(bank.grid.cores[tile], both) for tile in (one, other)]
    seams = _crossings(views, cores, pairs, counts, joined, (one, other), both)
    mirrored = _crossings(views[::-1], cores[::-1], pairs[:, ::-1], counts, joined[:, ::-1], (other, one), both)
    known = {(seam.one, seam.other) for seam in seams if seam.other[1]}
    return joined, seams + [seam for seam in mirrored if (seam.other, seam.one) not in known]


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
    pairs: np.ndarray, counts: np.ndarray, views: tuple[np.ndarray, np.ndarray], founds: tuple[Found, Found]
) -> np.ndarray:
    """Which pairs are one object: the most alike first, each object in one pair; then parts of what is seen whole.

    Where objects are alike over all that both tiles saw, as those that lie on one another, those belong together that
    are alike in size as a whole.
    """
    if not len(pairs):
        return np.zeros((0, 2), int)
    sizes = [np.bincount(view.ravel()) for view in views]
    first, second = (size[pairs[:, side]] for side, size in enumerate(sizes))
    iou = counts / (first + second - counts)
    wholes = [found.objects["seen"][pairs[:, side] - 1] for side, found in enumerate(founds)]
    alike = counts / (wholes[0] + wholes[1] - counts)
    taken: tuple[set[int], set[int]] = set(), set()
    joined = []
    for k in np.lexsort((-alike, -iou)):
        a, b = pairs[k].tolist()
        if iou[k] > AGREE and a not in taken[0] and b not in taken[1]:
            taken[0].add(a)
            taken[1].add(b)
            joined.append((a, b))
    if max(len(view) for view in views) == 1:
        joined += _parts(pairs, (counts / first, counts / second), founds, taken)
    return np.array(joined, int).reshape(-1, 2)


def _parts(
    pairs: np.ndarray,
    inside: tuple[np.ndarray, np.ndarray],
    founds: tuple[Found, Found],
    taken: tuple[set[int], set[int]],
) -> list[tuple[int, int]]:
    """Pairs of which one is a part of the other: its tile's view ends there, and could not tell what it belongs to."""
    cut = [found.objects["cut"][pairs[:, side] - 1] > 0 for side, found in enumerate(founds)]
    return [
        (int(a), int(b))
        for k, (a, b) in enumerate(pairs)
        for side, label in enumerate((a, b))
        if label not in taken[side] and cut[side][k] and inside[side][k] >= INSIDE
    ]


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
    for a in np.flatnonzero((at_home > 0) & (abroad > BEYOND * seen))[0:]:
        if a == 0:
            continue
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
