"""Metrics: how well the objects found agree with the true ones.

Everything is a function of the contingency table (`compare`): which object shares how many pixels with
which, the areas of both, and the foreground. So each figure is the same whether masks overlap or not.
Masks with a confidence are scored over a set of images, as `Detections`.
"""

from napari_discern.metrics.contingency import Contingency, Matching, compare, match, matching
from napari_discern.metrics.detections import (
    Calibration,
    Detections,
    average_precision,
    average_recall,
    calibration,
    mean_average_precision,
    recall,
)
from napari_discern.metrics.report import Report, abridged, table_of
from napari_discern.metrics.score import THRESHOLDS, Figures, Score, mean, pool, score, score_of

__all__ = [
    "THRESHOLDS",
    "Calibration",
    "Contingency",
    "Detections",
    "Figures",
    "Matching",
    "Report",
    "Score",
    "abridged",
    "average_precision",
    "average_recall",
    "calibration",
    "compare",
    "match",
    "matching",
    "mean",
    "mean_average_precision",
    "pool",
    "recall",
    "score",
    "score_of",
    "table_of",
]
