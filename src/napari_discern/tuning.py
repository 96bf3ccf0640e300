"""Tuning: bandwidth, foreground threshold and smallest object, on validation images."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from napari_discern.instances import Instances
from napari_discern.metrics import score
from napari_discern.model import Embedded, Model, Settings, find_objects
from napari_discern.progress import Progress, Steps
from napari_discern.sample import Example, Window, cut_window

log = logging.getLogger(__name__)
MOST = 40
"""Validation windows, at most."""
BANDWIDTHS = (0.5, 0.75, 1.0, 1.2, 1.35, 1.5, 1.75, 2.0)
FOREGROUNDS = (0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7)
SMALLEST = (0.0, 0.02, 0.05, 0.1, 0.2)
"""Smallest object as a share of the median object's pixels."""


def windows(examples: Sequence[Example], seed: int) -> list[Window]:
    """Windows from the middle of up to `MOST` images, picked at random."""
    picked = sorted(np.random.default_rng(seed).permutation(len(examples))[:MOST])
    return [cut_window(examples[i]) for i in picked]


def mean_score(model: Model, checks: Sequence[Window]) -> float:
    """Mean S(0.5..0.9) over the windows with the model's present settings."""
    settings = model.card.settings
    return float(np.mean([_score(model.embed(w.patch), w, settings) for w in checks]))


def choose(
    model: Model, checks: Sequence[Window], deadline: float = math.inf
) -> Steps[tuple[Settings, dict[str, float]]]:
    """The settings with the best mean S(0.5..0.9) on the windows, one setting after another.

    No further setting is tried after `deadline`, in seconds of `time.monotonic`.

    Returns
    -------
    Settings
        As the model's, with the chosen bandwidth, foreground threshold and smallest object.
    dict of str to float
        What the windows score with them ("S_mean").
    """
    embedded = [model.embed(w.patch) for w in checks]
    best = model.card.settings
    top = _mean(embedded, checks, best)
    areas = np.concatenate([w.truth.areas for w in checks])
    middle = float(np.median(areas)) if len(areas) else 0.0
    trials = list(_trials(middle))
    for done, change in enumerate(trials, start=1):
        if time.monotonic() > deadline:
            log.warning("time is up: %d of %d settings were not tried.", len(trials) - done + 1, len(trials))
            break
        tried = _changed(best, change)
        value = _mean(embedded, checks, tried)
        if value > top:
            best, top = tried, value
        yield Progress("choose settings", done, len(trials), {"S_mean": top})
    return best, {"S_mean": top}


def _trials(middle: float) -> Iterator[dict[str, Any]]:
    yield from ({"bandwidth": b} for b in BANDWIDTHS)
    yield from ({"smallest": round(s * middle)} for s in SMALLEST)
    yield from ({"foreground": f} for f in FOREGROUNDS)
    yield from ({"bandwidth": b} for b in BANDWIDTHS)


def _changed(settings: Settings, change: dict[str, Any]) -> Settings:
    if "bandwidth" in change:
        return settings.model_copy(update={"cluster": settings.cluster.model_copy(update=change)})
    return settings.model_copy(update=change)


def _mean(embedded: Sequence[Embedded], checks: Sequence[Window], settings: Settings) -> float:
    return float(np.mean([_score(e, w, settings) for e, w in zip(embedded, checks, strict=True)]))


def _score(embedded: Embedded, window: Window, settings: Settings) -> float:
    found = find_objects(embedded, settings)
    return score(Instances(found[None]), window.truth).S_mean
