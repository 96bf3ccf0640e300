"""Sharing: the figures of objects that share pixels, as the cervical cytology challenge defines them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import TypedDict

import numpy as np

from napari_discern.metrics.contingency import Contingency

GOOD = 0.7
"""Dice above which a cell counts as well found."""


class SharingFigures(TypedDict):
    """The figures of `Sharing` as plain numbers."""

    well_found_dice: float
    object_fnr: float
    pixel_tpr: float
    pixel_fpr: float
    mean_iou: float
    overlap_recall: float


@dataclass(frozen=True)
class Sharing:
    """Counts and sums that add up over images, and the figures that follow; each is 1, or a rate 0, of nothing.

    The first four are those of Lu et al. 2017, IEEE JBHI 21:441 (overlapping cervical cytology challenge, ISBI 2014).

    Attributes
    ----------
    n_truth, n_good : int
        True objects, and those of them that some found object meets with a Dice above 0.7.
    dice_sum, tpr_sum, fpr_sum : float
        Sums over the well found objects.
    iou_sum : float
        Sum over all true objects of the best IoU with a found one.
    truth_overlap, shared_overlap : int
        Pixels that bear several true objects, and those of them that bear several found ones.
    """

    n_truth: int = 0
    n_good: int = 0
    dice_sum: float = 0.0
    tpr_sum: float = 0.0
    fpr_sum: float = 0.0
    iou_sum: float = 0.0
    truth_overlap: int = 0
    shared_overlap: int = 0

    def figures(self) -> SharingFigures:
        """Mean Dice of the well found, share of the others, their mean rates of pixels, and of all the mean IoU."""
        return SharingFigures(
            well_found_dice=self.dice_sum / self.n_good if self.n_good else 1.0,
            object_fnr=1 - self.n_good / self.n_truth if self.n_truth else 0.0,
            pixel_tpr=self.tpr_sum / self.n_good if self.n_good else 1.0,
            pixel_fpr=self.fpr_sum / self.n_good if self.n_good else 0.0,
            mean_iou=self.iou_sum / self.n_truth if self.n_truth else 1.0,
            overlap_recall=self.shared_overlap / self.truth_overlap if self.truth_overlap else 1.0,
        )


def sharing_of(table: Contingency) -> Sharing:
    """The counts that follow from a contingency table; each true object is seen with the found one of the best Dice."""
    best = np.lexsort((table.dice, table.pairs[:, 1]))
    last = np.flatnonzero(np.diff(table.pairs[best, 1], append=0)) if len(best) else best
    best = best[last]
    found, truth = table.pairs[best].T - 1
    dice, iou, shared = table.dice[best], table.iou[best], table.shared[best]
    good = dice > GOOD
    areas, others = table.truth_areas[truth], table.found_areas[found] - shared
    return Sharing(
        n_truth=table.n_truth,
        n_good=int(good.sum()),
        dice_sum=float(dice[good].sum()),
        tpr_sum=float((shared / areas)[good].sum()),
        fpr_sum=float((others / np.maximum(1, table.size - areas))[good].sum()),
        iou_sum=float(iou.sum()),
        truth_overlap=table.truth_overlap,
        shared_overlap=table.shared_overlap,
    )


def pooled(parts: Sequence[Sharing]) -> Sharing:
    """All images as if they were one: counts and sums added."""
    return Sharing(*(sum(values) for values in zip(*map(astuple, parts), strict=True)))
