"""Windows: what a model finds on parts of images, each under a name of its own, the worst first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stubs import discs, tiny

from napari_discern.evaluation import Labelled, evaluate_model, oracle, score_windows, windows
from napari_discern.instances import Instances
from napari_discern.metrics import score
from napari_discern.model import Model
from napari_discern.progress import Progress, run


@pytest.fixture
def model() -> Model:
    return Model.create(tiny(), "cpu")


@pytest.fixture
def data(model: Model) -> Labelled:
    """Three pictures, two of one name; the truth of all is what the model finds, but for what is taken away."""
    pictures = []
    for (image, _), kept, name in zip(discs(3, 24, 3.0), (1.0, 0.2, 0.6), ("a", "a", "b"), strict=True):
        window = windows.cut_window(
            image, Instances.from_labels(np.ones((24, 24), np.uint32)), model.card.settings.normalise(image)
        )
        labels = windows.score_window(model, window)[0].planes[0].copy()
        labels[round(24 * kept) :] = 0
        labels[-1, -1] = labels.max() + 1  # an object at least
        pictures.append((replace(image, name=name), Instances.from_labels(labels)))
    return pictures


def test_windows_are_scored_the_worst_first(model: Model, data: Labelled) -> None:
    seen: list[Progress] = []
    scores, worst = run(score_windows(model, data), seen.append)
    assert sorted(scores) == ["a", "a (2)", "b"]
    marks = [(one.S[0.5], one.S_mean) for one in scores.values()]
    assert marks == sorted(set(marks))
    assert list(scores) != ["a", "a (2)", "b"]
    assert worst is not None
    name, window, found = worst
    assert name == next(iter(scores))
    assert score(found, window.truth) == scores[name]
    assert [(p.stage, p.done, p.total) for p in seen] == [("score", k, 3) for k in range(3)]


def test_without_images_nothing_is_scored(model: Model) -> None:
    assert run(score_windows(model, [])) == ({}, None)


def test_names_are_the_same_wherever_images_are_scored(model: Model, data: Labelled) -> None:
    names = {"a", "a (2)", "b"}
    assert set(run(evaluate_model(model, data)).scores) == names
    assert all(set(report.scores) == names for report in run(oracle(model, data)).values())
