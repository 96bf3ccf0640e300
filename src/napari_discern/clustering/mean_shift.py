"""Mean-shift thresholding (De Brabandere, Neven and Van Gool 2017, section 3.2)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field

from napari_discern.clustering.elements import Array, Elements
from napari_discern.clustering.nearest import average, dense, distances, half_gaps, nearest, neighbourhoods, search
from napari_discern.lazy.torch import Tensor, torch
from napari_discern.params import Params

STARTS = 4096
"""Points that starts are picked from in the first round; in later ones `PER_OBJECT` times the objects just found."""
PER_OBJECT = 8
STRICT = 8
"""Rounds in which objects must lie two bandwidths apart; later, among what is then left of diffuse points, one."""
PAIRS = 1 << 20
"""Distances from starts to points of the sample in one step of the mean shift, about; more of few starts."""
MANY, DUST = 256, 3
"""So many objects in one round, of fewer points each than that, are no objects; see `_is_dust`."""
BATCH = 512
"""Points among which starts are picked one by one."""
STEPS = 100
"""Steps of the mean shift on the sample, at most."""
REFINEMENTS = 8
"""Steps of the mean shift on all points, at most."""
BANDWIDTHS = (0.5, 0.75, 1.0, 1.2, 1.35, 1.5, 1.75, 2.0)
"""What is tried on validation images."""
REST = 1e-3
"""A mean has converged when it moves less than this, in bandwidths."""
BEYOND = 1.5
"""How far centres are looked for, in bandwidths, so as to know which points a moving centre may come to."""


class MeanShift(Params):
    """Selects what lies within the bandwidth of a random element, moves to its mean until that rests, repeats.

    The method of De Brabandere et al. 2017 in outcome: every foreground element gets a label, outliers in small
    objects of their own. But many objects are sought at a time, on a sample, in rounds. Those of one round lie
    two bandwidths apart, so that no element is claimed twice; others wait for the next round, which sees only
    the elements that are left.

    Examples
    --------
    >>> embedding = np.array([[[0.0, 0.1, 9.0, 9.2]]])
    >>> MeanShift(bandwidth=1.0)(embedding, np.ones((1, 4), bool)).tolist()
    [[1, 1, 2, 2]]
    """

    kind: Literal["mean-shift"] = "mean-shift"
    bandwidth: float = Field(1.2, gt=0)
    """Largest distance of an object's pixels from its mean, in units of the embedding."""
    seed: int = Field(0, ge=0, lt=1 << 32)
    """Seed of the random choice of pixels to start from."""

    @property
    def reach(self) -> float:
        """Largest distance of an object's pixels from its mean, in units of the embedding."""
        return self.bandwidth

    @property
    def trials(self) -> list[dict[str, float]]:
        """Changes to be tried on validation images, the smallest first."""
        return [{"bandwidth": b} for b in sorted(BANDWIDTHS, key=lambda b: abs(b - self.bandwidth))]

    def __call__(self, embedding: Array, foreground: Array, seeds: Any = None) -> Array:
        """Cluster the foreground.

        Parameters
        ----------
        embedding : floating array or tensor of shape (E, \\*S)
            Any number of axes: pixels, voxels, (layer, pixel) elements. Computed in float32, on its device.
        foreground : bool array or tensor of shape (\\*S)
        seeds : optional
            Of no account.

        Returns
        -------
        uint32 array or tensor of shape (\\*S)
            0 is background; ids are 1..N without gaps.

        Raises
        ------
        BadArgument
            If a shape or type does not fit, or an embedding in the foreground is not a finite number.
        """
        elements = Elements.gather(embedding, foreground)
        return elements.paint(self._cluster(elements.points), embedding)

    def _cluster(self, points: Tensor) -> Tensor:
        """Ids 1..N of points (N, E), in rounds on those that are left."""
        generator = torch.Generator().manual_seed(self.seed)
        ids = torch.zeros(len(points), dtype=torch.int64, device=points.device)
        left, found, starts = torch.arange(len(points), device=points.device), 0, STARTS
        turn = 0
        while len(left):
            rest = points.index_select(0, left) if found else points
            apart = self.bandwidth * (2 if turn < STRICT else 1)
            centres = modes(draw(rest, max(starts, PAIRS // 32), generator), starts, self.bandwidth, apart)
            index = dense(settle(rest, centres, self.bandwidth))
            if _is_dust(index):  # also where a bandwidth is too small for float32
                index = (rest / self.bandwidth).floor().unique(dim=0, return_inverse=True)[1]
            ids[left] = torch.where(index >= 0, index + 1 + found, 0)
            found += int(index.max()) + 1
            left, starts, turn = left[index < 0], max(BATCH, PER_OBJECT * len(centres)), turn + 1
        return ids


def _is_dust(index: Tensor) -> bool:
    """Whether a round found nothing, or many objects of a point or two: a cloud, as untrained networks give.

    Seeking the modes of a cloud one by one takes as many rounds as it has points; a grid of cells, a bandwidth
    wide, says as much about it.
    """
    found = int(index.max()) + 1
    return found == 0 or (found >= MANY and int((index >= 0).sum()) < DUST * found)


def modes(sample: Tensor, starts: int, bandwidth: float, apart: float) -> Tensor:
    """Where the mean shift ends from random points, so far apart, first come; float32 (K, E)."""
    seeds = cover(sample[:starts], apart)
    return cover(shift(seeds, sample[: max(starts, PAIRS // len(seeds))], bandwidth), apart)


def draw(points: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Random points in random order; all of them where there are no more than asked for."""
    n = len(points)
    chosen = torch.randperm(n, generator=generator) if n <= size else torch.randint(n, (size,), generator=generator)
    return points.index_select(0, chosen.to(points.device))


def cover(points: Tensor, radius: float) -> Tensor:
    """Points so that each is within the radius of one taken, and no two taken are: first come, first taken."""
    taken = []
    while len(points):
        batch, points = points[:BATCH], points[BATCH:]
        batch = batch[_first_come(batch, radius)]
        far = torch.ones(len(points), dtype=torch.bool, device=points.device)
        for row, _, squared in neighbourhoods(points, batch, radius):
            far[row] = squared.amin(dim=1) > radius**2
        points = points[far]
        taken.append(batch)
    return torch.cat(taken)


def _first_come(points: Tensor, radius: float) -> Tensor:
    """Which of a few points are further than the radius from every earlier one that was taken; bool (N,)."""
    points = points.double()
    close = (torch.cdist(points, points) <= radius).cpu().numpy()
    covered, taken = np.zeros(len(points), bool), torch.zeros(len(points), dtype=torch.bool)
    for k, row in enumerate(close):
        if not covered[k]:
            taken[k] = True
            covered |= row
    return taken.to(points.device)


def shift(centres: Tensor, sample: Tensor, bandwidth: float) -> Tensor:
    """Move each centre to the mean of the sample within the bandwidth of it, until it rests; float32 (K, E)."""
    centres = centres.clone()
    moving = torch.arange(len(centres), device=centres.device)
    for _ in range(STEPS):
        means = local_means(centres[moving], sample, bandwidth)
        moved = torch.linalg.vector_norm(means - centres[moving], dim=1)
        centres[moving] = means
        moving = moving[moved > REST * bandwidth]
        if not len(moving):
            break
    return centres


def local_means(centres: Tensor, sample: Tensor, bandwidth: float) -> Tensor:
    """The mean of the sample within the bandwidth of each centre, float32 (K, E)."""
    means = centres.clone()
    for row, column, squared in neighbourhoods(centres, sample, bandwidth):
        within = (squared <= bandwidth**2).double()
        counts = within.sum(dim=1, keepdim=True)
        mean = within @ sample.index_select(0, column).double() / counts
        means[row] = torch.where(counts > 0, mean, centres[row].double()).float()
    return means


def settle(points: Tensor, centres: Tensor, bandwidth: float) -> Tensor:
    """Give points to the nearest centre within the bandwidth, move centres to the mean of theirs, repeat.

    Only the points whose centre may have changed are looked up again: those that are further from it than another may
    have come near (Hamerly 2010).

    Returns
    -------
    int64 tensor of shape (N,)
        Index of each point's centre; -1 where none is within the bandwidth.
    """
    sure, drift = half_gaps(centres, bandwidth), 0.0
    index, distance, others = nearest(points, centres, BEYOND * bandwidth, sure)
    members = torch.where(distance <= bandwidth, index, -1)
    for _ in range(REFINEMENTS):
        means = average(points, members, centres)
        moved = torch.linalg.vector_norm(means - centres, dim=1)
        centres, sure, drift = means, half_gaps(means, bandwidth), drift + float(moved.max())
        own = index.clamp(min=0)
        distance += moved.index_select(0, own)
        others -= moved.max()
        todo = (distance > sure.index_select(0, own)).logical_and_(index >= 0).nonzero()[:, 0]
        mine = index.index_select(0, todo)
        distance[todo] = distances(points.index_select(0, todo), centres, mine)
        todo = todo[distance[todo] > torch.maximum(sure[mine], others[todo])]
        if drift > (BEYOND - 1) * bandwidth:  # a centre may have come near to a point that had none
            todo, drift = torch.cat([todo, (index < 0).nonzero()[:, 0]]), 0.0
        index[todo], distance[todo], others[todo] = search(points[todo], centres, BEYOND * bandwidth)
        before, members = members, torch.where(distance <= bandwidth, index, -1)
        if torch.equal(before, members):
            break
    return members
