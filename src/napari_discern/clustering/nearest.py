"""Who is near whom: exact searches among many points, in blocks, so that no matrix is ever whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from napari_discern.lazy.torch import Tensor, torch

ENTRIES, MOST = 1 << 16, 1 << 20
"""Entries of a matrix of distances that are held at a time, about, and at most, unless 64 rows have more."""
BLOCK = 1 << 14
"""Points whose differences from centres are held at a time."""
STRIDE = 4
"""One point in so many is looked up first; those between two of them are likely to have a centre of theirs."""
FEW = 4096
"""So many points are looked up at once, without guesses."""


class Nearest(NamedTuple):
    """For each point its nearest centre within reach.

    Attributes
    ----------
    centre : int64 tensor of shape (N,)
        Index of the centre; -1 where none is within reach.
    distance : float32 tensor of shape (N,)
        Distance to that centre; infinite where there is none.
    others : float32 tensor of shape (N,)
        No other centre is nearer than this; the reach at most.
    """

    centre: Tensor
    distance: Tensor
    others: Tensor


def neighbourhoods(rows: Tensor, columns: Tensor, radius: float) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Blocks of rows, each with all the columns that may lie within the radius, and more.

    Both are sorted along the channel in which the columns spread most, so that a block meets few columns.

    Parameters
    ----------
    rows, columns : float32 tensors of shape (N, E) and (K, E)
        K is at least 1.
    radius : float
        Columns further away than this from all rows of a block may be left out.

    Yields
    ------
    row, column : int64 tensors of shape (R,) and (C,)
        Indices into `rows` and `columns`. Rows that have no column near come up in no block.
    squared : float64 tensor of shape (R, C)
        Squared distances. In float32 they would be wrong where coordinates of thousands were added.
    """
    channel = int((columns.amax(dim=0) - columns.amin(dim=0)).argmax())
    by_row, by_column = (points[:, channel].argsort(stable=True) for points in (rows, columns))
    columns = columns.index_select(0, by_column).double()
    along, lengths = columns[:, channel].contiguous(), columns.square().sum(dim=1)
    slack = radius * torch.tensor([-1.000001, 1.000001], dtype=torch.float64, device=rows.device)
    near = max(1, min(len(columns), int(len(columns) * 2 * radius / max(float(along[-1] - along[0]), radius))))
    for row in by_row.split(max(64, ENTRIES // near)) if len(rows) else ():
        block = rows.index_select(0, row).double()
        start, stop = torch.searchsorted(along, block[[0, -1], channel] + slack).tolist()
        if start == stop:
            continue
        size = max(64, MOST // (stop - start))  # where the columns lie closer together than they do on average
        for part, points in zip(row.split(size), block.split(size), strict=True):
            squared = torch.addmm(lengths[start:stop], points, columns[start:stop].T, alpha=-2)
            squared += points.square().sum(dim=1, keepdim=True)
            yield part, by_column[start:stop], squared


def search(points: Tensor, centres: Tensor, reach: float) -> Nearest:
    """The nearest centre of each point, looked for among all."""
    index = points.new_full((len(points),), -1, dtype=torch.int64)
    distance, others = points.new_full((len(points),), torch.inf), points.new_full((len(points),), reach)
    for row, column, squared in neighbourhoods(points, centres, reach):
        near, which = squared.min(dim=1)
        hit = near <= reach**2
        index[row] = torch.where(hit, column[which], -1)
        distance[row] = torch.where(hit, near.clamp_(min=0).sqrt_(), torch.inf).float()
        second = squared.scatter_(1, which[:, None], torch.inf).amin(dim=1)
        others[row] = second.clamp_(min=0, max=reach**2).sqrt_().float()
    return Nearest(index, distance, others)


def half_gaps(centres: Tensor, most: float) -> Tensor:
    """Half the distance from each centre to the next one, `most` at most; float32 (K,).

    A point nearer to a centre than this has no nearer one, by the triangle inequality.
    """
    gaps = centres.new_full((len(centres),), 2 * most)
    for row, column, squared in neighbourhoods(centres, centres, 2 * most):
        squared.masked_fill_(row[:, None] == column, torch.inf)
        gaps[row] = squared.amin(dim=1).clamp_(min=0).sqrt_().float().clamp_(max=2 * most)
    return gaps / 2


def nearest(points: Tensor, centres: Tensor, reach: float, sure: Tensor | None = None) -> Nearest:
    """The nearest centre of each point, tried first on the centres of the points before and after it.

    Exact whatever the order of the points; fast where they come in the order of an image's pixels.

    Parameters
    ----------
    points, centres : float32 tensors of shape (N, E) and (K, E)
    reach : float
        Centres further away than this do not count.
    sure : float32 tensor of shape (K,), optional
        The distance from each centre within which a point cannot have a nearer one, `reach` at most.
    """
    if len(points) <= FEW:
        return search(points, centres, reach)
    sure = half_gaps(centres, reach) if sure is None else sure
    coarse = nearest(points[::STRIDE], centres, reach, sure).centre.clamp_(min=0)
    index, after = (guess.repeat_interleave(STRIDE)[: len(points)] for guess in (coarse, coarse.roll(-1)))
    distance = distances(points, centres, index)
    todo = (distance > sure.index_select(0, index)).nonzero()[:, 0]
    index[todo] = after[todo]
    distance[todo] = distances(points[todo], centres, index[todo])
    todo = todo[distance[todo] > sure[index[todo]]]
    others = 2 * sure.index_select(0, index) - distance
    index[todo], distance[todo], others[todo] = search(points[todo], centres, reach)
    return Nearest(index, distance, others)


def distances(points: Tensor, centres: Tensor, index: Tensor) -> Tensor:
    """Distance of each point from the centre of that index, float32 (N,)."""
    squared = [
        (block - centres.index_select(0, which)).square_().sum(dim=1)
        for block, which in zip(points.split(BLOCK), index.split(BLOCK), strict=True)
    ]
    return torch.cat(squared).sqrt_()


def average(points: Tensor, index: Tensor, centres: Tensor) -> Tensor:
    """Mean of the points of each index (-1: of none), float32 (K, E); centres without any stay where they are.

    Summed in float64 and rounded, so that the order of the additions, which CUDA leaves open, does not show.
    """
    totals = points.new_zeros((len(centres) + 1, points.shape[1]), dtype=torch.float64)
    for block, which in zip(points.split(BLOCK), index.split(BLOCK), strict=True):
        totals.index_add_(0, which + 1, block.double())
    counts = torch.bincount(index + 1, minlength=len(totals))[1:, None]
    return torch.where(counts > 0, totals[1:] / counts, centres.double()).float()


def dense(index: Tensor) -> Tensor:
    """The same indices without gaps, 0..K-1 in their order; -1 stays."""
    present = torch.bincount(index + 1, minlength=1)[1:] > 0
    return torch.nn.functional.pad(present.cumsum(0) - 1, (1, 0), value=-1)[index + 1]
