"""Components: which objects of all tiles are one, by the links between them.

A large volume has millions of objects and links. Nothing is kept of a link but on disk, and of an object no more than
its component; only those few that the tiles do not agree on are looked at closely.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 13
"""Links that are looked at at a time."""
LINK = np.dtype([("nodes", np.int64, 2), ("likeness", np.float64)])
Block: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64]]
"""The ends of links, int64 (L, 2), and how alike these are, float64 (L,)."""
Nodes: TypeAlias = NDArray[np.int32 | np.int64]
"""A node for each node; of fewer than 2^31 in four bytes."""


class Links:
    """Links in a file without a name, which is there while the context is; they can be gone through again and again."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed with the context)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, nodes: NDArray[np.int64], likeness: NDArray[np.float64]) -> None:
        """Keep links; arrays as of a `Block`."""
        rows = np.empty(len(nodes), LINK)
        rows["nodes"], rows["likeness"] = nodes, likeness
        self._file.write(rows.tobytes())

    def __iter__(self) -> Iterator[Block]:
        self._file.seek(0)
        while data := self._file.read(BLOCK * LINK.itemsize):
            rows = np.frombuffer(data, LINK)
            yield rows["nodes"], rows["likeness"]


def components(count: Sequence[int], whole: NDArray[np.bool_], links: Iterable[Block]) -> Nodes:
    """The component of each node, int (N,), 0..K-1 in the order of their first.

    The strongest links come first. One that would make two objects of one tile one is left out, for that tile saw them
    apart; of parts, whose likeness is 0, only if it saw both whole.

    Parameters
    ----------
    count : sequence of int
        Nodes of each tile; they are numbered tile after tile.
    whole : bool array of shape (N,)
        Whether its tile saw all of a node.
    links : iterable
        In any order; gone through twice.
    """
    forest = _Forest(len(whole))
    for nodes, _ in links:
        forest.join_all(nodes)
    root = forest.roots
    mixed = np.zeros(len(whole), bool)  # by root: some tile saw two of its nodes
    for start, stop in zip(np.cumsum([0, *count]), np.cumsum(count), strict=False):
        found, number = np.unique(root[start:stop], return_counts=True)
        mixed[found[number > 1]] = True
    of_mixed = np.flatnonzero(mixed[root])
    if len(of_mixed):
        tile_of = np.repeat(np.arange(len(count)), count)[of_mixed]
        root[of_mixed] = of_mixed[_apart(tile_of, whole[of_mixed], *_between(of_mixed, links))]
    is_root = root == np.arange(len(root), dtype=root.dtype)
    return np.asarray((np.cumsum(is_root, dtype=root.dtype) - 1)[root])


def _between(chosen: NDArray[np.int64], links: Iterable[Block]) -> Block:
    """The links between chosen nodes, by their places among these."""
    every, likeness = [np.zeros((0, 2), np.int64)], [np.zeros(0)]
    for nodes, alike in links:
        place = np.searchsorted(chosen, nodes).clip(max=len(chosen) - 1)
        kept = (chosen[place] == nodes).all(axis=1)
        every.append(place[kept])
        likeness.append(alike[kept])
    return np.concatenate(every), np.concatenate(likeness)


def _apart(
    tile_of: NDArray[np.int64], whole: NDArray[np.bool_], nodes: NDArray[np.int64], likeness: NDArray[np.float64]
) -> Nodes:
    """The root of each node, one link after another, the strongest first."""
    forest = _Forest(len(tile_of))
    known = [({tile}, {tile} if all_of_it else set()) for tile, all_of_it in zip(tile_of.tolist(), whole, strict=True)]
    for row in np.lexsort((nodes[:, 1], nodes[:, 0], -likeness)):
        a, b = sorted(map(forest.root, nodes[row].tolist()))
        seen = 0 if likeness[row] else 1
        if a != b and not known[a][seen] & known[b][seen]:
            forest.parent[b] = a
            for side in (0, 1):
                known[a][side].update(known[b][side])
            known[b] = (set(), set())
    return forest.roots


class _Forest:
    """Trees of nodes, whose roots are their least nodes."""

    def __init__(self, number: int) -> None:
        self.parent: Nodes = np.arange(number, dtype=np.int32 if number <= np.iinfo(np.int32).max else np.int64)

    def root(self, node: int) -> int:
        parent = self.parent
        while (above := int(parent[node])) != node:
            parent[node] = parent[above]
            node = int(parent[node])
        return node

    def join_all(self, nodes: NDArray[np.int64]) -> None:
        """Make one tree of those of both ends of each link."""
        for one, other in nodes.tolist():
            a, b = self.root(one), self.root(other)
            self.parent[max(a, b)] = min(a, b)

    @property
    def roots(self) -> Nodes:
        """The root of each node, int (N,)."""
        while not np.array_equal(above := self.parent[self.parent], self.parent):
            self.parent = above
        return self.parent
