"""Score: the figures of one image, or of several pooled into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from napari_discern.errors import BadArgument
from napari_discern.instances import Instances
from napari_discern.metrics.contingency import Contingency, compare, match
from napari_discern.metrics.sharing import Sharing, SharingFigures, pooled, sharing_of

THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))
"""IoU thresholds of S(t): 0.5, 0.55 ... 0.95."""

MEAN_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Those that `S_mean` averages."""


class Figures(TypedDict):
    """The figures of a `Score` as plain numbers; the keys of `S` are "0.50", "0.55" ... "0.95"."""

    S: dict[str, float]
    S_mean: float
    SBD: float
    DiC: float
    foreground_dice: float
    PQ: float
    SEG: float
    sharing: SharingFigures


@dataclass(frozen=True)
class Score:
    """Counts and sums that add up over images, and the figures that follow from them.

    Where there are no objects: all figures but DiC are 1 if there are none in the truth and none were found,
    and 0 if there are some in one of the two only.

    Attributes
    ----------
    n_found, n_truth : int
        Number of objects.
    tp : mapping of float to int
        Matched pairs (true positives) by IoU threshold, for each of `THRESHOLDS`.
    iou_sum : float
        Sum of the IoU of the pairs matched above 0.5.
    found_dice_sum, truth_dice_sum : float
        Sum of the best Dice of each found object with any true one, and the other way round.
    seg_sum : float
        Sum over true objects of the Jaccard index that `SEG` averages.
    found_foreground, truth_foreground, shared_foreground : int
        Pixels covered by found objects, by true ones, by both.
    sharing : Sharing
        What else is to be said of objects that share pixels.
    classed, right_class : int
        Pairs matched above 0.5 whose true class is known, and those of them that were found to be of it.
    """

    n_found: int
    n_truth: int
    tp: Mapping[float, int]
    iou_sum: float
    found_dice_sum: float
    truth_dice_sum: float
    seg_sum: float
    found_foreground: int
    truth_foreground: int
    shared_foreground: int
    sharing: Sharing = field(default_factory=Sharing)
    classed: int = 0
    right_class: int = 0

    @property
    def class_accuracy(self) -> float:
        """Share of the objects matched above 0.5, of those whose class is known, that are of the right class."""
        return self.right_class / self.classed if self.classed else float("nan")

    @property
    def fp(self) -> dict[float, int]:
        """Found objects without a partner (false positives) by IoU threshold."""
        return {threshold: self.n_found - tp for threshold, tp in self.tp.items()}

    @property
    def fn(self) -> dict[float, int]:
        """True objects without a partner (false negatives) by IoU threshold."""
        return {threshold: self.n_truth - tp for threshold, tp in self.tp.items()}

    @property
    def S(self) -> dict[float, float]:
        """``S(t) = TP / (TP + FP + FN)`` by IoU threshold; matched above t, one to one.

        Caicedo et al. 2019, Nature Methods 16:1247 (2018 Data Science Bowl).
        """
        return {t: self._ratio(tp, self.n_found + self.n_truth - tp) for t, tp in self.tp.items()}

    @property
    def S_mean(self) -> float:
        """Mean of S at 0.5, 0.6, 0.7, 0.8 and 0.9."""
        by_threshold = self.S
        return sum(by_threshold[t] for t in MEAN_THRESHOLDS) / len(MEAN_THRESHOLDS)

    @property
    def SBD(self) -> float:
        """Symmetric best Dice: the minimum of both directions of ``BD(A, B) = mean_a max_b Dice(a, b)``.

        Scharr et al. 2016, Machine Vision and Applications 27:585 (leaf segmentation challenge, LSC).
        """
        found = self._ratio(self.found_dice_sum, self.n_found)
        truth = self._ratio(self.truth_dice_sum, self.n_truth)
        return min(found, truth)

    @property
    def DiC(self) -> int:
        """Difference in count, ``n_found - n_truth``; too many is positive.

        Minervini et al. 2016, Pattern Recognition Letters 81:80, and the LSC.
        """
        return self.n_found - self.n_truth

    @property
    def foreground_dice(self) -> float:
        """Dice of the foregrounds, ``2 |A & B| / (|A| + |B|)``; a shared pixel counts once."""
        return self._ratio(2 * self.shared_foreground, self.found_foreground + self.truth_foreground)

    @property
    def PQ(self) -> float:
        """Panoptic quality, ``sum of matched IoU / (TP + FP/2 + FN/2)``, matched above 0.5, one class.

        Kirillov et al. 2019, CVPR, equation 1.
        """
        return self._ratio(self.iou_sum, (self.n_found + self.n_truth) / 2)

    @property
    def SEG(self) -> float:
        """Mean over true objects of the Jaccard index with the found object that covers more than half of it.

        0 for a true object of which none does; false finds do not count. Where found objects overlap and
        several do, the best of them. Maska et al. 2014, Bioinformatics 30:1609 (Cell Tracking Challenge).
        """
        return self._ratio(self.seg_sum, self.n_truth)

    def _ratio(self, part: float, whole: float) -> float:
        """``part / whole``, with the convention for images without objects."""
        if self.n_found == 0 or self.n_truth == 0:
            return float(self.n_found == self.n_truth)
        return float(part / whole)

    def figures(self) -> Figures:
        """The figures as plain numbers. DiC keeps its sign."""
        return Figures(
            S={f"{t:.2f}": value for t, value in self.S.items()},
            S_mean=self.S_mean,
            SBD=self.SBD,
            DiC=self.DiC,
            foreground_dice=self.foreground_dice,
            PQ=self.PQ,
            SEG=self.SEG,
            sharing=self.sharing.figures(),
        )


def score(found: Instances, truth: Instances) -> Score:
    """Compare the objects found with the true ones.

    Raises
    ------
    BadArgument
        If the two differ in shape.

    Examples
    --------
    >>> truth = Instances.from_labels(np.array([[1, 1, 0, 2]]))
    >>> found = Instances.from_labels(np.array([[1, 1, 0, 0]]))
    >>> score(found, truth).S[0.5]
    0.5
    """
    return score_of(compare(found, truth))


def score_of(table: Contingency) -> Score:
    """The score that follows from a contingency table."""
    found, truth = table.pairs.T - 1
    matched = match(table, 0.5)
    named = table.classes_of(matched)
    halved = 2 * table.shared > table.truth_areas[truth]
    return Score(
        n_found=table.n_found,
        n_truth=table.n_truth,
        tp={t: len(match(table, t)) for t in THRESHOLDS},
        iou_sum=float(table.iou[matched].sum()),
        found_dice_sum=_best_sum(found, table.dice, table.n_found),
        truth_dice_sum=_best_sum(truth, table.dice, table.n_truth),
        seg_sum=_best_sum(truth, np.where(halved, table.iou, 0), table.n_truth),
        found_foreground=table.found_foreground,
        truth_foreground=table.truth_foreground,
        shared_foreground=table.shared_foreground,
        sharing=sharing_of(table),
        classed=len(named),
        right_class=int(np.sum(named[:, 0] == named[:, 1])),
    )


def _best_sum(objects: NDArray[np.int64], values: NDArray[np.float64], n: int) -> float:
    """Sum over n objects of the largest value that each has; 0 for those with none."""
    best = np.zeros(n)
    np.maximum.at(best, objects, values)
    return float(best.sum())


def pool(scores: Sequence[Score]) -> Score:
    """The score of all images as if they were one: counts and sums are added, then divided once.

    So an image weighs by its objects (by its foreground in `foreground_dice`), and DiC is the signed
    difference of the total counts.

    Raises
    ------
    BadArgument
        If there are no scores.
    """
    _require(scores)
    added = [f.name for f in fields(Score) if f.name not in ("tp", "sharing")]
    return Score(
        tp={t: sum(s.tp[t] for s in scores) for t in THRESHOLDS},
        sharing=pooled([s.sharing for s in scores]),
        **{name: sum(getattr(s, name) for s in scores) for name in added},
    )


def mean(scores: Sequence[Score]) -> Figures:
    """The mean of each figure over images: every image weighs the same. DiC is the mean of ``|DiC|``.

    Raises
    ------
    BadArgument
        If there are no scores.
    """
    _require(scores)
    return cast("Figures", _averaged([{**s.figures(), "DiC": abs(s.DiC)} for s in scores]))


def _averaged(values: Sequence[Any]) -> Any:
    """The mean of numbers, or of each entry of mappings."""
    if isinstance(values[0], Mapping):
        return {key: _averaged([value[key] for value in values]) for key in values[0]}
    return sum(values) / len(values)


def _require(scores: Sequence[Score]) -> None:
    if not scores:
        raise BadArgument("there are no scores to average; score one image at least.")
