"""Proposals: how many of the true objects the masks of seeds find (Fathi et al. 2017, tables 2 and 3)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_discern.clustering import Proposals, Seeds
from napari_discern.errors import BadArgument
from napari_discern.evaluation.windows import Labelled, named_windows
from napari_discern.instances import Instances, count_pairs
from napari_discern.metrics import Calibration, Detections, average_recall, calibration, mean_average_precision, recall
from napari_discern.model import Model
from napari_discern.progress import Progress, Steps

ALPHAS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
"""Weights of diversity (Fathi et al. 2017, table 2)."""
NUMBERS = (10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 200, 500, 1000)
"""Numbers of seeds (Fathi et al. 2017, table 3)."""
THRESHOLDS = (0.5, 0.6, 0.7)
"""IoU at which average precision is taken (Fathi et al. 2017, table 1)."""


@dataclass(frozen=True)
class ProposalScores:
    """What the proposals of a model find.

    Attributes
    ----------
    precision : dict of float to dict of float to float
        mAP^r by alpha and IoU, of as many seeds as the most asked for; of the masks that are objects of their own.
    recall, average_recall, precision_by_number : dict of int to float
        By the number of seeds: the share of the true objects that a mask has an IoU above 0.5 with, the mean of that
        share over the IoU 0.5 to 0.95, and mAP^r at 0.5.
    calibration : Calibration
        Whether masks are as often good as their confidence says.
    """

    precision: dict[float, dict[float, float]]
    recall: dict[int, float]
    average_recall: dict[int, float]
    precision_by_number: dict[int, float]
    calibration: Calibration

    def table(self) -> str:
        """All figures as aligned text."""
        head = "alpha  " + "  ".join(f"mAP^r {threshold:g}" for threshold in THRESHOLDS)
        rows = [f"{alpha:5g}  " + "  ".join(f"{v:9.3f}" for v in row.values()) for alpha, row in self.precision.items()]
        second = "seeds  recall 0.5  average recall  mAP^r 0.5"
        more = [
            f"{n:5d}  {self.recall[n]:10.3f}  {self.average_recall[n]:14.3f}  {self.precision_by_number[n]:9.3f}"
            for n in self.recall
        ]
        error = f"expected calibration error {self.calibration.error:.3f}"
        return "\n".join([head, *rows, "", second, *more, "", error]) + "\n"

    def to_json(self) -> str:
        """All figures as JSON; null where there is nothing to score."""
        c = self.calibration
        values: dict[str, Any] = {
            "mAP^r": {f"{a:g}": {f"{t:g}": _plain(v) for t, v in row.items()} for a, row in self.precision.items()},
            "seeds": {
                str(n): {
                    "recall": _plain(self.recall[n]),
                    "average_recall": _plain(self.average_recall[n]),
                    "mAP^r": _plain(self.precision_by_number[n]),
                }
                for n in self.recall
            },
            "calibration": {
                "confidence": [_plain(v) for v in c.confidence],
                "good": [_plain(v) for v in c.good],
                "masks": c.masks.tolist(),
                "error": c.error,
            },
        }
        return json.dumps(values, indent=2, allow_nan=False) + "\n"


def score_proposals(
    model: Model, data: Labelled, alphas: Sequence[float] = ALPHAS, numbers: Sequence[int] = NUMBERS
) -> Steps[ProposalScores]:
    """Score the proposals of any model, by the weight of diversity and by the number of seeds.

    Of a large image, the middle is looked at (see `cut_window`). The second table is made with the alpha of the model's
    settings, or 0.3 where these do not cluster by seeds; masks reach as far then as the objects of their clustering.

    Parameters
    ----------
    model : Model
    data : sequence of (Image, Instances)
        Labelled images; each yields once it is scored.
    alphas, numbers : sequence of float, sequence of int
        Weights of diversity, and numbers of seeds.

    Raises
    ------
    BadArgument
        If there is no image, or one does not fit the model.
    """
    if not data:
        raise BadArgument("there is no labelled image to score proposals on.")
    settings = model.card.settings
    own = settings.cluster if isinstance(settings.cluster, Seeds) else Seeds.reaching(settings.cluster.reach)
    steps = {a: own.model_copy(update={"diversity": a, "proposals": max(numbers)}) for a in (*alphas, own.diversity)}
    every: dict[float, list[Detections]] = {alpha: [] for alpha in steps}
    some: dict[int, list[tuple[Detections, Detections]]] = {number: [] for number in numbers}
    for done, (_, window) in enumerate(named_windows(model, data), start=1):
        embedded = model.embed(window.patch)
        inside = embedded.foreground(settings.foreground_threshold, settings.overlap_threshold)
        for alpha, step in steps.items():
            proposals = step.propose(embedded.embedding, inside, embedded.seeds)
            every[alpha].append(_scored(proposals, window.truth, own.overlap, embedded.classes)[1])
            if alpha == own.diversity:
                for number in numbers:
                    some[number].append(_scored(proposals.first(number), window.truth, own.overlap, embedded.classes))
        yield Progress("proposals", done, len(data))
    return _tables({alpha: every[alpha] for alpha in alphas}, some)


def _tables(
    every: dict[float, list[Detections]], some: dict[int, list[tuple[Detections, Detections]]]
) -> ProposalScores:
    """Figures by the weight of diversity, from masks that are objects, and by the number of seeds."""
    return ProposalScores(
        {alpha: {t: mean_average_precision(kept, t) for t in THRESHOLDS} for alpha, kept in every.items()},
        {number: recall([seen for seen, _ in pairs], 0.5) for number, pairs in some.items()},
        {number: average_recall([seen for seen, _ in pairs]) for number, pairs in some.items()},
        {number: mean_average_precision([kept for _, kept in pairs], 0.5) for number, pairs in some.items()},
        calibration([kept for _, kept in some[max(some)]]),
    )


def detections(proposals: Proposals, truth: Instances, classes: Sequence[str] = ()) -> Detections:
    """How the masks of proposals lie on the true objects; a pixel of several layers counts once.

    Parameters
    ----------
    proposals : Proposals
    truth : Instances
        The true objects of the same pixels.
    classes : sequence of str
        Names of those that are told apart; a true object of no such class is of class 0.
    """
    proposal, element, _ = (part.cpu().numpy() for part in proposals.members)
    size = int(np.prod(truth.shape))
    pixel = np.flatnonzero(proposals.elements.foreground.cpu().numpy())[element] % size
    proposal, pixel = np.divmod(np.unique(proposal * size + pixel), size)
    planes = truth.planes.reshape(len(truth.planes), -1)
    pairs, pixels = count_pairs(1 + proposal[None], planes[:, pixel])
    shared = np.zeros((len(proposals), truth.n), np.int64)
    shared[tuple(pairs.T - 1)] = pixels
    areas = np.bincount(proposal, minlength=len(proposals))
    iou = shared / np.maximum(areas[:, None] + truth.areas - shared, 1)
    kind, confidence = proposals.kind.cpu().numpy(), proposals.confidence.double().cpu().numpy()
    true_kind = truth.class_numbers(classes) if classes else np.ones(truth.n, np.int64)
    return Detections(confidence, iou, kind, true_kind)


def _scored(
    proposals: Proposals, truth: Instances, overlap: float, classes: Sequence[str]
) -> tuple[Detections, Detections]:
    """All masks, and those of them that are objects of their own."""
    kept, seen = proposals.ranks(overlap) > 0, detections(proposals, truth, classes)
    return seen, Detections(seen.confidence[kept], seen.iou[kept], seen.kind[kept], seen.true_kind)


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
