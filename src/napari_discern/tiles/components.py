"""Components: which objects of all tiles are one, by the links between them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BLOCK = 1 << 16
"""Links that are looked at at a time."""


def components(tile_of: np.ndarray, whole: np.ndarray, nodes: np.ndarray, likeness: np.ndarray) -> np.ndarray:
    """The component of each node, 0..K-1 in the order of their first.

    The strongest links come first. One that would make two objects of one tile one is left out, for that tile saw them
    apart; of parts, whose likeness is 0, only if it saw both whole.

    Parameters
    ----------
    tile_of : int array of shape (N,)
        The tile that saw each node.
    whole : bool array of shape (N,)
        Whether it saw all of it.
    nodes : int array of shape (L, 2)
        The ends of each link.
    likeness : float array of shape (L,)
    """
    forest = _Forest(len(tile_of))
    order = np.lexsort((nodes[:, 1], nodes[:, 0], -likeness))
    for rows in _blocks(order):
        for (one, other), alike in zip(nodes[rows].tolist(), likeness[rows].tolist(), strict=True):
            a, b = sorted((forest.root(one), forest.root(other)))
            if a == b:
                continue
            sides = (forest.members(node) for node in (a, b))
            known = [{tile_of.item(node) for node in side if alike or whole.item(node)} for side in sides]
            if not known[0] & known[1]:
                forest.join(a, b)
    return forest.numbers


class _Forest:
    """Trees of nodes, whose roots are their least nodes; those of a tree go round in a circle as well.

    Of a node no more is kept than two numbers: of large volumes there are millions.
    """

    def __init__(self, number: int) -> None:
        self.parent = np.arange(number)
        self.next = np.arange(number)

    def root(self, node: int) -> int:
        parent = self.parent
        while (above := parent.item(node)) != node:
            parent[node] = parent[above]
            node = parent.item(node)
        return node

    def members(self, root: int) -> Iterator[int]:
        """All nodes of a tree."""
        yield root
        node = self.next.item(root)
        while node != root:
            yield node
            node = self.next.item(node)

    def join(self, low: int, high: int) -> None:
        """Make one tree of two, by their roots."""
        self.parent[high] = low
        self.next[[low, high]] = self.next[[high, low]]

    @property
    def numbers(self) -> np.ndarray:
        """The number of the tree of each node, int64 (N,), from 0 on in the order of the roots."""
        every = np.arange(len(self.parent))
        for rows in _blocks(np.flatnonzero(self.parent != every)):
            self.parent[rows] = [self.root(node) for node in rows.tolist()]
        return np.asarray((np.cumsum(self.parent == every) - 1)[self.parent])


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), BLOCK):
        yield rows[start : start + BLOCK]
