"""The contingency table of two sets of objects, and the one-to-one matching drawn from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_discern.errors import BadArgument
from napari_discern.instances import Instances, count_pairs, count_pixels


@dataclass(frozen=True, eq=False)
class Contingency:
    """Which found object shares how many pixels with which true one.

    Attributes
    ----------
    pairs : int64 (K, 2)
        Id of the found and of the true object, for each pair that shares a pixel; sorted.
    shared : int64 (K,)
        Pixels that the pair shares.
    found_areas, truth_areas : int64 (F,), (T,)
        Pixels of each object, in the order of the ids.
    found_foreground, truth_foreground, shared_foreground : int
        Pixels covered by any found object, by any true one, by both.
    truth_overlap, shared_overlap : int
        Pixels that bear several true objects, and those of them that bear several found ones.
    size : int
        Pixels of the image.
    found_classes, truth_classes : str (F,), (T,), optional
        Semantic class of each object, "" where it is not known.
    """

    pairs: NDArray[np.int64]
    shared: NDArray[np.int64]
    found_areas: NDArray[np.int64]
    truth_areas: NDArray[np.int64]
    found_foreground: int
    truth_foreground: int
    shared_foreground: int
    truth_overlap: int = 0
    shared_overlap: int = 0
    size: int = 0
    found_classes: NDArray[np.str_] | None = None
    truth_classes: NDArray[np.str_] | None = None

    @property
    def n_found(self) -> int:
        """Number of objects found."""
        return len(self.found_areas)

    @property
    def n_truth(self) -> int:
        """Number of true objects."""
        return len(self.truth_areas)

    def classes_of(self, rows: NDArray[np.int64]) -> NDArray[np.str_]:
        """Found and true class of pairs, by their rows, str (M, 2); without those whose true class is not known."""
        if self.found_classes is None or self.truth_classes is None:
            return np.zeros((0, 2), str)
        found, truth = (self.pairs[rows] - 1).T
        named = np.stack([self.found_classes[found], self.truth_classes[truth]], axis=1)
        return np.asarray(named[named[:, 1] != ""])

    @property
    def summed_areas(self) -> NDArray[np.int64]:
        """Area of the found and of the true object together, int64 (K,)."""
        return self.found_areas[self.pairs[:, 0] - 1] + self.truth_areas[self.pairs[:, 1] - 1]

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union (Jaccard index) of each pair, float64 (K,)."""
        return np.asarray(self.shared / (self.summed_areas - self.shared))

    @property
    def dice(self) -> NDArray[np.float64]:
        """Dice coefficient of each pair, ``2 |A & B| / (|A| + |B|)``, float64 (K,)."""
        return np.asarray(2 * self.shared / self.summed_areas)


def compare(found: Instances, truth: Instances) -> Contingency:
    """Count the pixels that found and true objects share.

    Summed over all pairs of planes. Each object lies whole in one plane, so the counts are exact also where
    objects overlap. Where the truth is not known everywhere, found objects that lie mostly where it is not do not
    count, and the foregrounds are compared where it is.

    Raises
    ------
    BadArgument
        If the two differ in shape.
    """
    if found.shape != truth.shape:
        raise BadArgument(f"the objects found have shape {found.shape}, the true ones {truth.shape}; compare like.")
    known = np.ones(truth.shape, bool) if truth.known is None else truth.known
    if truth.known is not None:
        found = _within(found, truth.known)
    pairs, shared = count_pairs(found.planes, truth.planes)
    covered, true = found.foreground & known, truth.foreground & known
    return Contingency(
        pairs=pairs,
        shared=shared,
        found_areas=found.areas,
        truth_areas=truth.areas,
        found_foreground=int(covered.sum()),
        truth_foreground=int(true.sum()),
        shared_foreground=int((covered & true).sum()),
        truth_overlap=int((truth.shared & known).sum()),
        shared_overlap=int((truth.shared & found.shared & known).sum()),
        size=int(known.sum()),
        found_classes=found.classes,
        truth_classes=truth.classes,
    )


def _within(found: Instances, known: NDArray[np.bool_]) -> Instances:
    """The objects of which at least half the pixels are known."""
    there = count_pixels(found.planes[:, known], found.n)
    dropped = np.flatnonzero(2 * there[1:] < found.areas) + 1
    planes = np.where(np.isin(found.planes, dropped), 0, found.planes).astype(np.uint32)
    return Instances.from_planes(
        planes, measures={name: np.delete(v, dropped - 1) for name, v in found.measures.items()}
    )


class Matching(NamedTuple):
    """One-to-one partners, and who has none.

    Attributes
    ----------
    pairs : int64 (K, 2)
        Id of the found and of the true object of each match, sorted.
    missed : int64 (M,)
        Ids of true objects without a partner.
    false : int64 (L,)
        Ids of found objects without a partner.
    """

    pairs: NDArray[np.int64]
    missed: NDArray[np.int64]
    false: NDArray[np.int64]


def matching(found: Instances, truth: Instances, threshold: float = 0.5) -> Matching:
    """Match found and true objects one to one, by their ids; see `match`.

    Parameters
    ----------
    found, truth : Instances
        Of one shape.
    threshold : float
        IoU above which two may match, from 0 to below 1.
    """
    table = compare(found, truth)
    pairs = table.pairs[match(table, threshold)]
    return Matching(
        pairs,
        missed=np.setdiff1d(np.arange(1, table.n_truth + 1), pairs[:, 1]),
        false=np.setdiff1d(np.arange(1, table.n_found + 1), pairs[:, 0]),
    )


def match(table: Contingency, threshold: float) -> NDArray[np.int64]:
    """Rows of ``table.pairs`` that are matched, int64, ascending.

    A pair may match where its IoU is above (not at) `threshold`. Of all one-to-one matchings that with the
    most pairs is taken, and of these that with the largest sum of IoU. At 0.5 and above no choice is left
    where objects do not overlap (Kirillov et al. 2019, section 4.1); else rivals are assigned.

    Raises
    ------
    BadArgument
        If `threshold` is not in [0, 1).
    """
    if not 0 <= threshold < 1:
        raise BadArgument(f"the IoU threshold {threshold} must be at least 0 and below 1.")
    rows = np.flatnonzero(table.iou > threshold)
    found, truth = table.pairs[rows].T
    alone = (np.bincount(found)[found] == 1) & (np.bincount(truth)[truth] == 1)
    if alone.all():
        return rows
    rivals = rows[~alone]
    best = rivals[_assign(found[~alone], truth[~alone], table.iou[rivals])]
    return np.sort(np.concatenate([rows[alone], best]))


def _assign(found: NDArray[np.int64], truth: NDArray[np.int64], iou: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which of the pairs of ids make the best one-to-one matching, as indices.

    The sparse solver wants a partner for everyone. So each object gets a stand-in on the other side, at a
    cost of 2; a pair costs 2 less a little for its IoU, its two stand-ins 1 with one another. One more pair
    then saves more than any sum of IoU.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    found, truth = (np.unique(ids, return_inverse=True)[1] for ids in (found, truth))
    n_found, n_truth = int(found.max()) + 1, int(truth.max()) + 1
    n = n_found + n_truth
    pair_cost = 2 - iou / (2 * min(n_found, n_truth))
    cost = np.concatenate([pair_cost, np.full(n, 2.0), np.ones(len(iou))])
    rows = np.concatenate([found, np.arange(n), n_found + truth])
    columns = np.concatenate([truth, n_truth + np.arange(n_found), np.arange(n_truth), n_truth + found])
    partner = np.empty(n, np.int64)
    row, column = min_weight_full_bipartite_matching(csr_array((cost, (rows, columns)), shape=(n, n)))
    partner[row] = column
    return np.flatnonzero(partner[found] == truth)
