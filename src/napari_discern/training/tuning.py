"""Tuning: thresholds of clustering and foreground, joined pieces and the smallest object, on validation images."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_discern.clustering import Clustering
from napari_discern.evaluation import Window, cut_window, score_window
from napari_discern.instances import Instances
from napari_discern.metrics import score
from napari_discern.model import Embedded, Model, Settings, clustered, tidied
from napari_discern.progress import Progress, Steps
from napari_discern.training.crops import Example

T = TypeVar("T")
log = logging.getLogger(__name__)
CHOOSE, CHECK = 40, 16
"""Windows that the settings are chosen on, and that are scored each time during training, at most."""
FOREGROUND_THRESHOLDS = (0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7)
MIN_SIZES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4)
"""Smallest object as a share of the median object's pixels."""
JOIN_SHARES = (0.0, 0.1, 0.2, 0.3, 0.5)


def pick(data: Sequence[T], seed: int) -> list[T]:
    """Up to `CHOOSE` of the images to look at, in an order at random."""
    return [data[i] for i in np.random.default_rng(seed).permutation(len(data))[:CHOOSE]]


def windows(examples: Sequence[Example]) -> list[Window]:
    """The middle of each image."""
    return [cut_window(example.image, example.truth, example.scaling) for example in examples]


def mean_score(model: Model, seen: Sequence[Window]) -> Steps[float]:
    """Mean S(0.5..0.9) over the first `CHECK` windows with the model's present settings.

    Parameters
    ----------
    model : Model
    seen : sequence of Window
        From validation images; each yields before it is scored.
    """
    scores: list[float] = []
    seen = seen[:CHECK]
    for window in seen:
        yield Progress("validate", len(scores), len(seen))
        scores.append(score_window(model, window)[1].S_mean)
    return float(np.mean(scores))


def choose(
    model: Model, seen: Sequence[Window], deadline: float = math.inf, learnt: Sequence[Window] = ()
) -> Steps[tuple[Settings, dict[str, float]]]:
    """The settings with the best mean S(0.5..0.9) on the windows, one setting after another.

    Parameters
    ----------
    model : Model
        With the settings to start from.
    seen : sequence of Window
        From validation images.
    deadline : float
        No further setting is tried after it, in seconds of `time.monotonic`.
    learnt : sequence of Window
        Further ones from images that the model has learnt from, of which no score is reported. One or two images say
        little about the best settings for others; a few more say more, even such.

    Returns
    -------
    Settings
        As the model's, with the chosen thresholds, share of pieces and smallest object.
    dict of str to float
        What `seen` scores with them ("S_mean").
    """
    looked = []
    for window in (*seen, *learnt):
        yield Progress("choose settings", 0, 1)
        looked.append(_Looked(model.embed(window.patch), window.truth))
    areas = np.concatenate([window.truth.areas for window in looked])
    middle, layers = float(np.median(areas)) if len(areas) else 0.0, model.card.architecture.layers
    settings, scores = yield from _best_of(looked, model.card.settings, (middle, layers), deadline, len(seen))
    return settings, {"S_mean": float(np.mean(scores[: len(seen)]))}


def _best_of(
    looked: Sequence[_Looked], best: Settings, objects: tuple[float, int], deadline: float, number: int
) -> Steps[tuple[Settings, list[float]]]:
    """The best settings that are found before the deadline, and their scores; of the first windows these are shown."""
    top = yield from _scores(looked, best, Progress("choose settings", 0, 1))
    trials, known = list(_trials(best, *objects)), [best]
    for done, change in enumerate(trials):
        if time.monotonic() > deadline:
            log.warning("time is up: %d of %d settings were not tried.", len(trials) - done, len(trials))
            break
        tried = _changed(best, change)
        if tried not in known:
            known.append(tried)
            scores = yield from _scores(looked, tried, Progress("choose settings", done, len(trials)))
            if np.mean(scores) > np.mean(top):
                best, top = tried, scores
        yield Progress("choose settings", done + 1, len(trials), {"S_mean": float(np.mean(top[:number]))})
    return best, top


@dataclass
class _Looked:
    """A window that was looked at; its last clustering is kept, since not each setting takes another one."""

    embedded: Embedded
    truth: Instances
    how: tuple[Clustering, float, float] | None = None
    layers: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))

    def score(self, settings: Settings) -> float:
        """Mean S(0.5..0.9) with these settings."""
        how = settings.cluster, settings.foreground_threshold, settings.overlap_threshold
        if how != self.how:
            self.how, self.layers = how, clustered(self.embedded, settings)
        return score(Instances.from_layers(tidied(self.layers, settings)), self.truth).S_mean


def _trials(start: Settings, middle: float, layers: int) -> Iterator[dict[str, Any]]:
    """One change after another, each value near to the one at the start first, in case time does not do for all."""
    clusterings = [{"cluster": change} for change in start.cluster.trials]
    yield from clusterings
    sizes = [{"min_size": round(s * middle)} for s in MIN_SIZES]
    yield from sizes
    if layers == 1:  # a smaller object may do once pieces are joined
        yield from ({"join_share": s} for s in _nearest_first(JOIN_SHARES, start.join_share))
        yield from sizes
    yield from ({"foreground_threshold": f} for f in _nearest_first(FOREGROUND_THRESHOLDS, start.foreground_threshold))
    if layers > 1:
        yield from ({"overlap_threshold": f} for f in _nearest_first(FOREGROUND_THRESHOLDS, start.overlap_threshold))
    yield from clusterings


def _changed(settings: Settings, change: dict[str, Any]) -> Settings:
    if "cluster" in change:
        change = {"cluster": settings.cluster.model_copy(update=change["cluster"])}
    return settings.model_copy(update=change)


def _nearest_first(values: Sequence[float], start: float) -> list[float]:
    return sorted(values, key=lambda v: abs(v - start))


def _scores(looked: Sequence[_Looked], settings: Settings, step: Progress) -> Steps[list[float]]:
    """Scores of the windows; each yields the step that is being done."""
    scores: list[float] = []
    for window in looked:
        yield step
        scores.append(window.score(settings))
    return scores
