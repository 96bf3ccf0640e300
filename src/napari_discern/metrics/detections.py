"""Detections: scores of masks that come with a confidence, and may overlap, over a set of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating[Any]]
OVERLAPS = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))
"""IoU over which recall is averaged (Hosang et al. 2016)."""


@dataclass(frozen=True, eq=False)
class Detections:
    """The masks found in one image, in the order in which they were proposed, and how they lie on the truth.

    Attributes
    ----------
    confidence : float array of shape (K,)
    iou : float array of shape (K, N)
        Of each mask with each true object.
    kind : int array of shape (K,)
        Semantic class of each mask.
    true_kind : int array of shape (N,)
        Semantic class of each true object.
    """

    confidence: Floats
    iou: Floats
    kind: NDArray[np.integer[Any]]
    true_kind: NDArray[np.integer[Any]]

    def first(self, number: int) -> Detections:
        """So many of the masks, those that were proposed first."""
        return Detections(self.confidence[:number], self.iou[:number], self.kind[:number], self.true_kind)


def average_precision(images: Sequence[Detections], threshold: float, kind: int = 1) -> float:
    """AP^r: the area under the curve of precision over recall, of one semantic class.

    The masks of all images are taken by falling confidence. One whose IoU with a true object of its class is above the
    threshold is right, unless that object was found before; precision at a recall is the best at that or a higher one
    (Hariharan et al. 2014; Everingham et al. 2015).

    Parameters
    ----------
    images : sequence of Detections
        The masks of each image.
    threshold : float
        IoU above which a mask may be right.
    kind : int
        Number of the class.

    Returns
    -------
    float
        0 to 1; NaN where there is no true object of the class.
    """
    right, confidence, total = [], [], 0
    for image in images:
        of = image.kind == kind
        right.append(_right(image.iou[of][:, image.true_kind == kind], image.confidence[of], threshold))
        confidence.append(image.confidence[of])
        total += int((image.true_kind == kind).sum())
    if not total:
        return float("nan")
    hits = np.concatenate(right)[(-np.concatenate(confidence)).argsort(kind="stable")]
    found = hits.cumsum()
    precision = np.maximum.accumulate((found / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float(precision[hits].sum() / total)


def mean_average_precision(images: Sequence[Detections], threshold: float) -> float:
    """mAP^r: `average_precision`, averaged over the classes that there are; NaN where there is no true object."""
    kinds = np.unique(np.concatenate([np.zeros(0, int), *(image.true_kind for image in images)]))
    each = [average_precision(images, threshold, int(kind)) for kind in kinds]
    return float(np.mean(each)) if each else float("nan")


def recall(images: Sequence[Detections], threshold: float) -> float:
    """Share of the true objects that some mask has an IoU above the threshold with, whatever its class.

    Returns
    -------
    float
        0 to 1; NaN where there is no true object.
    """
    best = [image.iou.max(axis=0, initial=0) for image in images]
    every = np.concatenate(best) if best else np.zeros(0)
    return float((every > threshold).mean()) if len(every) else float("nan")


def average_recall(images: Sequence[Detections]) -> float:
    """AR: `recall`, averaged over the IoU 0.5, 0.55 ... 0.95 (Hosang et al. 2016)."""
    return float(np.mean([recall(images, threshold) for threshold in OVERLAPS]))


class Calibration(NamedTuple):
    """Whether masks are as often good as their confidence says, in bins of equal width.

    Attributes
    ----------
    confidence, good : float arrays of shape (bins,)
        Mean confidence of the masks of a bin, and the share of them that have an IoU above the threshold with a true
        object of their class; NaN where a bin is empty.
    masks : int array of shape (bins,)
        How many there are in each bin.
    error : float
        Expected calibration error: the mean gap between the two, weighted by the masks (Guo et al. 2017, equation 3).
    """

    confidence: NDArray[np.float64]
    good: NDArray[np.float64]
    masks: NDArray[np.int64]
    error: float


def calibration(images: Sequence[Detections], threshold: float = 0.5, bins: int = 10) -> Calibration:
    """Compare confidence with the share of masks that are good.

    Parameters
    ----------
    images : sequence of Detections
        The masks of each image.
    threshold : float
        IoU above which a mask is good.
    bins : int
        Bins of equal width in confidence.
    """
    said = np.concatenate([image.confidence for image in images]) if images else np.zeros(0)
    same = [np.where(image.kind[:, None] == image.true_kind, image.iou, 0).max(axis=1, initial=0) for image in images]
    good = np.concatenate(same) > threshold if images else np.zeros(0, bool)
    place = np.clip((said * bins).astype(int), 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean, share = (np.bincount(place, values, bins) / count for values in (said, good))
    gap = np.nan_to_num(np.abs(mean - share))
    return Calibration(mean, share, count, float((gap * count).sum() / max(1, count.sum())))


def _right(iou: Floats, confidence: Floats, threshold: float) -> NDArray[np.bool_]:
    """Whether each mask of one image and class finds an object that none of more confidence did; bool (K,)."""
    right, found = np.zeros(len(iou), bool), set()
    for k in (-confidence).argsort(kind="stable") if iou.shape[1] else ():
        best = int(iou[k].argmax())
        if iou[k, best] > threshold and best not in found:
            right[k] = True
            found.add(best)
    return right
