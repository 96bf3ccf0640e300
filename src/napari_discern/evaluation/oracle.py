"""Oracle: what holds a result back, the foreground or the clustering (De Brabandere et al. 2017, table 3)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_discern.clustering import CentreThreshold
from napari_discern.evaluation.windows import Labelled, Window, named_windows
from napari_discern.instances import Instances, stack_objects
from napari_discern.lazy.torch import torch
from napari_discern.losses import assign
from napari_discern.metrics import Report, Score, score
from napari_discern.model import Embedded, Model, as_layers, tidied
from napari_discern.progress import Progress, Steps

ROWS = (
    "found foreground, mean shift",
    "found foreground, true centres",
    "true foreground, mean shift",
    "true foreground, true centres",
)


def oracle(model: Model, data: Labelled) -> Steps[dict[str, Report]]:
    """Score a model with its foreground, its clustering, or both replaced by the truth.

    Of a large image, the middle is looked at (see `cut_window`).

    Parameters
    ----------
    model : Model
        With the settings to be looked at.
    data : sequence of (Image, Instances)
        Labelled images.

    Returns
    -------
    dict of str to Report
        The four rows, by the names in `ROWS`.
    """
    scores: dict[str, dict[str, Score]] = {row: {} for row in ROWS}
    for done, (name, window) in enumerate(named_windows(model, data), start=1):
        for row, labels in zip(ROWS, _rows(model, model.embed(window.patch), window), strict=True):
            scores[row][name] = score(Instances.from_layers(labels), window.truth)
        yield Progress("oracle", done, len(data))
    return {row: Report(found) for row, found in scores.items()}


def verdict(rows: dict[str, Report]) -> str:
    """What to do next, in one sentence."""
    found, centres, foreground, _ = (100 * rows[row].mean["S_mean"] for row in ROWS)
    lost_mask, lost_cluster = foreground - found, centres - found
    if max(lost_mask, lost_cluster) < 0.5:
        return "Neither the foreground nor the clustering by itself loses a point of mean S."
    advice = (
        "label more borders, or train longer"
        if lost_mask >= lost_cluster
        else "look at the bandwidth, or label more images in which objects touch"
    )
    return f"The foreground loses {lost_mask:.0f} points of mean S, the clustering {lost_cluster:.0f}: {advice}."


def _rows(model: Model, embedded: Embedded, window: Window) -> Iterator[NDArray[np.uint32]]:
    """The labels of each row, uint32."""
    settings = model.card.settings
    truth = torch.from_numpy(stack_objects(window.truth, embedded.layers).astype(np.int64)).to(model.device)
    truth = truth[0] if embedded.layers == 1 else assign(embedded.embedding[None], truth[None])[0]
    centres = CentreThreshold(bandwidth=settings.cluster.reach)
    for foreground in (embedded.foreground(settings.foreground_threshold, settings.overlap_threshold), truth != 0):
        for labels in (
            settings.cluster(embedded.embedding, foreground, embedded.seeds),
            centres(embedded.embedding, foreground, truth),
        ):
            yield tidied(as_layers(labels, embedded.layers), settings)
