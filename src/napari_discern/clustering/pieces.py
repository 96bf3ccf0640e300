"""Pieces: small ones that a clustering cut off from an object, joined to it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy import sparse

OUTLINE = 0.35
"""Share of a piece's outline that must lie along larger objects; convex neighbours share less."""


def join_pieces(labels: NDArray[np.uint32], share: float) -> NDArray[np.uint32]:
    """Join each piece to the larger object along which it lies.

    The embedding of an object's rim may lie beyond the bandwidth from that of its middle; such a rim becomes a sliver
    or a cap along it. What is less than `share` as large as a neighbour, in pixels, and has at least `OUTLINE` of its
    outline along such neighbours, is part of the one that it shares the longest border with. Outlines are counted in
    sides of pixels, without those at the image's border.

    Parameters
    ----------
    labels : uint32 array of shape (\\*S)
        0 is background.
    share : float
        From 0, which joins none, to 1.

    Returns
    -------
    uint32 array of shape (\\*S)
        Objects keep their ids; those of pieces are gone.
    """
    number = int(labels.max(initial=0)) + 1
    pixels = np.bincount(labels.ravel(), minlength=number)
    sides = _sides(labels, number)
    outline = np.asarray(sides.sum(axis=1)).ravel()
    piece, whole, length = sides.row, sides.col, sides.data
    larger = (piece > 0) & (whole > 0) & (pixels[piece] < share * pixels[whole])
    along = np.bincount(piece[larger], length[larger], number)
    larger &= along[piece] >= OUTLINE * outline[piece]
    order = np.argsort(length[larger], kind="stable")  # of several the longest comes last, and stays
    to = np.arange(number, dtype=labels.dtype)
    to[piece[larger][order]] = whole[larger][order]
    while (to[to] != to).any():  # each is joined to a larger one, so this ends
        to = to[to]
    return np.asarray(to[labels])


def _sides(labels: np.ndarray, number: int) -> sparse.coo_array:
    """How many sides of pixels lie between each two labels, both ways, background included."""
    from scipy import sparse

    pairs = []
    for axis in range(labels.ndim):
        lines = np.moveaxis(labels, axis, 0)
        before, after = lines[:-1], lines[1:]
        apart = before != after
        pairs.append(np.stack([before[apart], after[apart]]))
    one, other = np.concatenate(pairs, axis=1).astype(np.int64)
    ends = np.concatenate([one, other]), np.concatenate([other, one])
    counted = sparse.coo_array((np.ones(len(ends[0])), ends), shape=(number, number))
    counted.sum_duplicates()
    return counted
