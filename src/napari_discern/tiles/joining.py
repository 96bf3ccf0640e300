"""Joining: the objects of all tiles put together, ids 1..N, and a report of the seams."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from napari_discern.instances import colour
from napari_discern.progress import Progress, Steps
from napari_discern.tiles.bank import Bank, Found, Table
from napari_discern.tiles.seams import Seam, compare


@dataclass(frozen=True)
class Joined:
    """The objects of an image, put together from its tiles.

    Attributes
    ----------
    ids : list of int64 array
        For each tile, the id in the image of each of its ids; 0 for 0 and for what is left out.
    plane : int array of shape (N + 1,)
        The plane of each object, so that no two that share pixels lie in one.
    founds : list of Found
        What each tile says of its objects.
    seams : list of Seam
        What became of objects that reach from one tile into another, the ids being those in the image.
    """

    bank: Bank
    ids: list[np.ndarray]
    plane: np.ndarray
    founds: list[Found]
    seams: list[Seam]

    @property
    def n(self) -> int:
        """Number of objects."""
        return len(self.plane) - 1

    @property
    def planes(self) -> int:
        """Number of planes; 1 where nothing was found."""
        return int(self.plane.max(initial=0)) + 1

    def core(self, tile: int) -> np.ndarray:
        """The label planes of the core of a tile, uint32 (P, \\*S), of the image."""
        grid = self.bank.grid
        labels = self.ids[tile][self.bank.read(tile, grid.cores[tile])].astype(np.uint32)
        if self.planes == 1:
            return np.asarray(labels.max(axis=0, keepdims=True))
        plane = self.plane[labels]
        return np.stack([np.where(plane == p, labels, 0).max(axis=0) for p in range(self.planes)])

    def labels(self) -> np.ndarray:
        """All label planes, uint32 (P, \\*S)."""
        planes = np.zeros((self.planes, *self.bank.grid.shape), np.uint32)
        for tile, core in enumerate(self.bank.grid.cores):
            planes[(slice(None), *core)] = self.core(tile)
        return planes

    def objects(self) -> Table:
        """What is known of objects 1..N, from all tiles; columns as of `Found.objects`.

        Pixels and sums are added up, bounds are those of all parts, `gap` is the least; an object is `cut` if it is in
        every tile that saw it. Other measures are means by the pixels that each tile saw.
        """
        owner = np.concatenate([ids[1:] for ids in self.ids]) if self.ids else np.zeros(0, np.int64)
        kept = owner > 0
        owner = owner[kept] - 1
        names = dict.fromkeys(name for found in self.founds for name in found.objects)
        parts = {
            name: np.concatenate([f.objects.get(name, np.zeros(f.n)) for f in self.founds])[kept] for name in names
        }
        return {name: _combined(name, values, owner, parts, self.n) for name, values in parts.items()}


def join(bank: Bank, min_size: int) -> Steps[Joined]:
    """Put the objects of all tiles together; those of fewer than `min_size` pixels are left out.

    Yields
    ------
    Progress
        One a pair of neighbouring tiles.
    """
    grid = bank.grid
    founds = [bank.found(tile) for tile in range(len(grid))]
    starts = np.concatenate([[0], np.cumsum([found.n for found in founds])]).astype(int)
    pairs, seams = [], []
    neighbours = list(grid.neighbours())
    for done, (one, other, both) in enumerate(neighbours):
        yield Progress("join", done, len(neighbours))
        joined, said = compare(bank, one, other, both, (founds[one], founds[other]))
        pairs.append(joined + np.array([starts[one] - 1, starts[other] - 1]))
        seams += said
    part = _components(int(starts[-1]), np.concatenate(pairs) if pairs else np.zeros((0, 2), int))
    own = np.concatenate([found.objects["own"] for found in founds])
    kept = np.bincount(part, own, minlength=int(part.max(initial=-1)) + 1) >= max(1, min_size)
    ids = (np.cumsum(kept) * kept)[part]
    per_tile = [np.concatenate([[0], ids[a:b]]).astype(np.int64) for a, b in pairwise(starts)]
    plane = colour(int(kept.sum()), _partners(founds, per_tile))
    plane[:1] = 0
    return Joined(bank, per_tile, plane, founds, _named(seams, per_tile))


def _components(number: int, pairs: np.ndarray) -> np.ndarray:
    """The component 0..K-1 of each of so many nodes, in the order of their first."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not number:
        return np.zeros(0, int)
    graph = coo_array((np.ones(len(pairs), bool), pairs.T), shape=(number, number))
    found = np.asarray(connected_components(graph, directed=False)[1], int)
    return np.unique(np.unique(found, return_index=True)[1][found], return_inverse=True)[1]


def _partners(founds: list[Found], ids: list[np.ndarray]) -> np.ndarray:
    """Pairs of objects of the image that share pixels, int (K, 2), once each."""
    pairs = [np.sort(own[found.partners], axis=1) for found, own in zip(founds, ids, strict=True)]
    every = np.unique(np.concatenate(pairs), axis=0) if pairs else np.zeros((0, 2), int)
    return np.asarray(every[(every[:, 0] > 0) & (every[:, 0] != every[:, 1])])


def _named(seams: list[Seam], ids: list[np.ndarray]) -> list[Seam]:
    """Seams with the ids of the image; of what was left out nothing is said."""
    named = []
    for seam in seams:
        (one, a), (other, b) = seam.one, seam.other
        label, partner = int(ids[one][a]), int(ids[other][b])
        if label:
            named.append(Seam(seam.kind, seam.place, (one, label), (other, partner)))
    return named


def _combined(name: str, values: np.ndarray, owner: np.ndarray, parts: Table, number: int) -> np.ndarray:
    """A column of so many objects from those of their parts."""
    if name in ("seen", "own", "overlap") or name.startswith("sum_"):
        return np.bincount(owner, values, number)
    least, most = name in ("gap", "cut") or name.startswith("min_"), name.startswith("max_")
    if least or most:
        inside = values if name in ("gap", "cut") else np.where(parts["own"] > 0, values, np.inf if least else -np.inf)
        result = np.full(number, np.inf if least else -np.inf)
        (np.minimum if least else np.maximum).at(result, owner, inside)
        return result
    weights = parts["seen"]
    mean: np.ndarray = np.bincount(owner, weights * values, number) / np.maximum(np.bincount(owner, weights, number), 1)
    return mean
