"""Joining: the objects of all tiles put together, ids 1..N, and a report of the seams."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from napari_discern.instances import colour
from napari_discern.progress import Progress, Steps
from napari_discern.tiles.bank import Bank, Found, Table
from napari_discern.tiles.seams import Seam, Seams, compare


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
    partners : int64 array of shape (K, 3)
        Pairs of objects that share pixels, the smaller id first, and how many.
    seams : list of Seam
        What became of objects that reach from one tile into another, the ids being those in the image.
    """

    bank: Bank
    ids: list[np.ndarray]
    plane: np.ndarray
    founds: list[Found]
    partners: np.ndarray
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
        """The label planes of the core of a tile, int64 (P, \\*S), with the ids of the image."""
        ids = self.ids[tile]
        return lay(self.bank.read(tile, self.bank.grid.core(tile)), ids, self.plane[ids], self.planes)

    def labels(self) -> np.ndarray:
        """All label planes, uint32 (P, \\*S)."""
        planes = np.zeros((self.planes, *self.bank.grid.shape), np.uint32)
        for tile in range(len(self.bank.grid)):
            planes[(slice(None), *self.bank.grid.core(tile))] = self.core(tile)
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
        columns = {name: _combined(name, values, owner, parts, self.n) for name, values in parts.items()}
        shared = np.zeros(self.n + 1)
        for side in (0, 1):
            np.add.at(shared, self.partners[:, side], self.partners[:, 2])
        return {**columns, "overlap": np.minimum(shared[1:], columns["overlap"])} if columns else columns


def lay(found: np.ndarray, ids: np.ndarray, plane: np.ndarray, planes: int) -> np.ndarray:
    """Label planes of a tile, (planes, \\*S) of the dtype of `ids`, with the ids and on the planes of the image.

    `ids` and `plane` say of each id of the tile which id and plane it has in the image.
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
    number = len(bank.grid)
    said: dict[int, list[tuple[int, Seams]]] = {}
    for answer in compared if compared is not None else ((tile, compare(bank, tile)) for tile in range(number)):
        said |= [answer] if answer is not None else []
        yield Progress("join", len(said), number)
    founds = [bank.found(tile) for tile in range(number)]
    starts = np.concatenate([[0], np.cumsum([found.n for found in founds])]).astype(int)
    seams: list[Seam] = []
    links: list[np.ndarray] = []
    for one, (other, told) in ((tile, answer) for tile in range(number) for answer in said[tile]):
        nodes = told.pairs + np.array([starts[one] - 1, starts[other] - 1])
        links.append(np.concatenate([nodes, told.likeness[:, None]], axis=1))
        seams += told.seams
    tile_of = np.repeat(np.arange(len(founds)), [found.n for found in founds])
    whole = np.concatenate([found.objects["cut"] == 0 for found in founds])
    part = _components(tile_of, whole, np.concatenate(links) if links else np.zeros((0, 3)))
    own = np.concatenate([found.objects["own"] for found in founds])
    kept = np.bincount(part, own, minlength=int(part.max(initial=-1)) + 1) >= max(1, min_size)
    ids = (np.cumsum(kept) * kept)[part]
    per_tile = [np.concatenate([[0], ids[a:b]]).astype(np.int64) for a, b in pairwise(starts)]
    shared = _partners(founds, per_tile)
    plane = colour(int(kept.sum()), shared[:, :2])
    plane[:1] = 0
    return Joined(bank, per_tile, plane, founds, shared, _named(seams, per_tile))


def _components(tile_of: np.ndarray, whole: np.ndarray, links: np.ndarray) -> np.ndarray:
    """The component 0..K-1 of each node, in the order of their first; `links` are (node, node, likeness).

    The strongest links come first. One that would make two objects of one tile one is left out, for that tile saw them
    apart; of parts, whose likeness is 0, only if it saw both whole.
    """
    parent = np.arange(len(tile_of))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = int(parent[node])
        return node

    tiles: dict[int, set[int]] = {}  # of each component, and those of them that saw an object of it whole
    sure: dict[int, set[int]] = {}
    order = np.lexsort((links[:, 1], links[:, 0], -links[:, 2]))
    for one, other, likeness in links[order].tolist():
        a, b = sorted((root(int(one)), root(int(other))))
        if a == b:
            continue
        ones, others = (tiles.pop(node, {int(tile_of[node])}) for node in (a, b))
        known, also = (sure.pop(node, {int(tile_of[node])} if whole[node] else set()) for node in (a, b))
        refused = ones & others if likeness else known & also
        if not refused:
            parent[b] = a
            ones, known = ones | others, known | also
        else:
            tiles[b], sure[b] = others, also
        tiles[a], sure[a] = ones, known
    linked = np.flatnonzero(parent != np.arange(len(parent)))
    parent[linked] = [root(node) for node in linked.tolist()]
    return np.unique(parent, return_inverse=True)[1]


def _partners(founds: list[Found], ids: list[np.ndarray]) -> np.ndarray:
    """Pairs of objects of the image that share pixels, once each, and how many, int64 (K, 3)."""
    rows = [np.zeros((0, 3), np.int64)]
    for found, own in zip(founds, ids, strict=True):
        rows.append(np.concatenate([np.sort(own[found.partners[:, :2]], axis=1), found.partners[:, 2:]], axis=1))
    every = np.concatenate(rows)
    every = every[(every[:, 0] > 0) & (every[:, 0] != every[:, 1])]
    pairs, where = np.unique(every[:, :2], axis=0, return_inverse=True)
    counts = np.bincount(where.ravel(), every[:, 2], len(pairs)).astype(np.int64)
    return np.concatenate([pairs, counts[:, None]], axis=1)


def _named(seams: list[Seam], ids: list[np.ndarray]) -> list[Seam]:
    """Seams with the ids of the image; of what was left out nothing is said."""
    named = []
    for seam in seams:
        (one, a), (other, b) = seam.one, seam.other
        label, partner = int(ids[one][a]), int(ids[other][b])
        kind = "conflict" if seam.kind == "joined" and label != partner else seam.kind
        if label:
            named.append(Seam(kind, seam.place, (one, label), (other, partner)))
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
