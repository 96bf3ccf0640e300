"""Patchwork: objects that share pixels, found tile by tile and put together again.

One label image cannot hold them, so that ngio's stitching does not apply. Here the masks of each tile are kept, and
masks of two tiles that agree over the pixels that both tiles saw become one object.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from napari_discern.instances import Instances
from napari_discern.tiles.mosaic import Tile

Box = tuple[slice, ...]
AGREE = 0.5
"""Two masks can be one object if their IoU over the pixels that both tiles saw is larger."""


@dataclass(frozen=True)
class Piece:
    """What one tile saw of an object: bool mask in a box of the image, and the part of the mask that is the tile's."""

    tile: int
    box: Box
    mask: np.ndarray
    own: np.ndarray

    def inside(self, box: Box) -> np.ndarray:
        """The mask in another box."""
        return _within(self.mask, self.box, box)


class Patchwork:
    """Tiles of an image and the pieces of objects found in them; parameters as of `Mosaic`."""

    def __init__(self, shape: Sequence[int], tile: Sequence[int], halo: Sequence[int]) -> None:
        self.shape = tuple(shape)
        self.cores = list(product(*(_parts(n, t) for n, t in zip(shape, tile, strict=True))))
        self.regions = [
            tuple(slice(max(0, c.start - h), min(n, c.stop + h)) for c, h, n in zip(core, halo, shape, strict=True))
            for core in self.cores
        ]
        self.pieces: list[Piece] = []

    def __len__(self) -> int:
        return len(self.cores)

    def tiles(self) -> Iterator[Tile]:
        """Every tile in turn; its writer takes label layers, uint32 (L, \\*S), ids 1..N, as `find_objects` gives."""
        for number, region in enumerate(self.regions):
            yield Tile(region, lambda layers, number=number: self._keep(number, layers))

    def read(self, min_size: int) -> tuple[Instances, np.ndarray]:
        """The objects, and for each piece the id of the object that it came to be part of (0 if left out)."""
        owner = _components(len(self.pieces), self._matches())
        layers = np.zeros((1, *self.shape), np.uint32)
        ids, number = np.zeros(int(owner.max(initial=-1)) + 1, np.int64), 0
        members: list[list[Piece]] = [[] for _ in ids]
        for piece, k in zip(self.pieces, owner, strict=True):
            members[k].append(piece)
        for k, pieces in enumerate(members):
            if sum(int(p.own.sum()) for p in pieces) >= max(1, min_size):
                number += 1
                ids[k] = number
                for piece in pieces:
                    layers = _lay(layers, piece, number)
        return Instances.from_layers(layers), ids[owner]

    def _keep(self, number: int, layers: np.ndarray) -> None:
        region, core = self.regions[number], self.cores[number]
        for _, box, mask in Instances.from_layers(layers).masks():
            place = tuple(slice(r.start + b.start, r.start + b.stop) for r, b in zip(region, box, strict=True))
            own, inside = np.zeros_like(mask), _common(core, place)
            if inside is not None:
                own[_relative(inside, place)] = mask[_relative(inside, place)]
            self.pieces.append(Piece(number, place, mask, own))

    def _matches(self) -> Iterator[tuple[int, int]]:
        """Pairs of pieces of two tiles that are one object."""
        by_tile: dict[int, list[int]] = {}
        for k, piece in enumerate(self.pieces):
            by_tile.setdefault(piece.tile, []).append(k)
        for one, other in product(by_tile, by_tile):
            both = _common(self.regions[one], self.regions[other])
            if one < other and both is not None:
                yield from self._partners(by_tile[one], by_tile[other], both)

    def _partners(self, ones: Sequence[int], others: Sequence[int], both: Box) -> Iterator[tuple[int, int]]:
        """Pairs of two tiles, the most alike first, each piece in one pair at most.

        Pieces are compared over the pixels that both tiles saw; where objects cover all of these alike, those pieces
        belong together that are alike as a whole.
        """
        agreeing = []
        near = [[k for k in some if _common(self.pieces[k].box, both) is not None] for some in (ones, others)]
        for a, b in product(*near):
            one, other = self.pieces[a], self.pieces[b]
            if _common(one.box, other.box) is not None:
                seen, whole = _iou(one, other, both), _iou(one, other, _hull(one.box, other.box))
                if seen > AGREE:
                    agreeing.append((seen, whole, a, b))
        taken: set[int] = set()
        for _, _, a, b in sorted(agreeing, reverse=True):
            if not {a, b} & taken:
                taken |= {a, b}
                yield a, b


def _parts(size: int, tile: int) -> list[slice]:
    """Parts of about equal length, none longer than a tile."""
    edges = np.linspace(0, size, -(-size // tile) + 1).round().astype(int).tolist()
    return [slice(a, b) for a, b in pairwise(edges)]


def _common(one: Box, other: Box) -> Box | None:
    """The box that two boxes share; None if they share nothing."""
    box = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return box if all(b.start < b.stop for b in box) else None


def _hull(one: Box, other: Box) -> Box:
    """The smallest box that holds two boxes."""
    return tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True))


def _iou(one: Piece, other: Piece, box: Box) -> float:
    """Intersection over union of two masks in a box; 0 where neither is there."""
    first, second = one.inside(box), other.inside(box)
    return float((first & second).sum() / max(1, (first | second).sum()))


def _within(mask: np.ndarray, place: Box, box: Box) -> np.ndarray:
    """What a mask that lies at one box is in another one."""
    out = np.zeros([b.stop - b.start for b in box], bool)
    common = _common(place, box)
    if common is not None:
        out[_relative(common, box)] = mask[_relative(common, place)]
    return out


def _relative(box: Box, origin: Box) -> Box:
    return tuple(slice(b.start - o.start, b.stop - o.start) for b, o in zip(box, origin, strict=True))


def _components(number: int, pairs: Iterator[tuple[int, int]]) -> np.ndarray:
    """The component 0..K-1 of each of so many nodes, in the order of their first."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = np.array(list(pairs), int).reshape(-1, 2)
    graph = coo_array((np.ones(len(edges), bool), edges.T), shape=(number, number))
    return np.asarray(connected_components(graph, directed=False)[1], int) if number else np.zeros(0, int)


def _lay(layers: np.ndarray, piece: Piece, label: int) -> np.ndarray:
    """The layers with a piece's own part on the first that is free at each pixel, once; a new one if none is."""
    left = piece.own & ~(layers[(slice(None), *piece.box)] == label).any(axis=0)
    for layer in layers:
        here = left & (layer[piece.box] == 0)
        layer[piece.box][here] = label
        left &= ~here
    if left.any():
        layers = np.concatenate([layers, np.zeros_like(layers[:1])])
        layers[-1][piece.box][left] = label
    return layers
