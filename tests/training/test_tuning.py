"""Tuning: bandwidth, foreground threshold and smallest object, on windows that say which is right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stubs import LINEAR, Fixed, balls, same_partition, stub

from napari_discern.clustering import MeanShift, Seeds
from napari_discern.evaluation import Window
from napari_discern.instances import Instances
from napari_discern.model import Model, Settings, find_objects
from napari_discern.progress import run
from napari_discern.training import choose, mean_score, tuning
from napari_discern.training.tuning import pick

TRUTH = np.zeros((20, 24), np.uint32)
TRUTH[4:14, 2:12], TRUTH[4:14, 12:22] = 1, 2


def window(truth: np.ndarray) -> Window:
    return Window(np.zeros((1, *truth.shape), np.float32), Instances.from_labels(truth))


def tuned(model: Model, *truths: np.ndarray) -> tuple[Settings, float]:
    chosen, scores = run(choose(model, [window(truth) for truth in truths]))
    assert list(scores) == ["S_mean"]
    return chosen, scores["S_mean"]


@pytest.mark.parametrize("start", [0.5, 1.75])
def test_the_bandwidth_that_fits_is_chosen(start: float) -> None:
    # Each object lies at two points 0.9 apart; between the objects it is 1.2. Below 0.9 objects fall apart, far
    # above they flow together.
    place = np.select([TRUTH == 1, TRUTH == 2], [0.0, 2.1]) + 0.9 * (np.indices(TRUTH.shape)[1] % 2)
    model = stub(Fixed(np.stack([place, 0 * place]), TRUTH > 0), cluster=MeanShift(bandwidth=start, seed=7))
    chosen, score = tuned(model, TRUTH)
    assert 0.9 < chosen.cluster.bandwidth < 1.75
    assert chosen.cluster.seed == 7
    assert score == 1
    labels = find_objects(model.embed(np.zeros((1, *TRUTH.shape))), chosen)
    assert same_partition(labels, TRUTH)


def test_seeds_are_tried_with_what_matters_to_them() -> None:
    """Each object lies at two points 0.5 apart, the two 2 apart: its tau must let in the one and not the other."""
    place = np.select([TRUTH == 1, TRUTH == 2], [0.0, 2.5]) + 0.5 * (np.indices(TRUTH.shape)[1] % 2)
    model = stub(Fixed(np.stack([place, 0 * place]), TRUTH > 0), cluster=Seeds(tau=0.95, seed=7))
    assert run(mean_score(model, [window(TRUTH)])) < 1
    chosen, score = tuned(model, TRUTH)
    assert score == 1
    assert chosen.cluster.kind == "seeds"
    assert chosen.cluster.seed == 7
    assert 2 / (1 + np.exp(2**2)) < chosen.cluster.tau < 2 / (1 + np.exp(0.5**2))


@pytest.mark.parametrize(("rim", "start", "low", "high"), [(0.42, 0.3, 0.42, 0.9), (0.42, 0.7, 0.42, 0.9)])
def test_the_threshold_that_fits_is_chosen(rim: float, start: float, low: float, high: float) -> None:
    wide = np.pad(TRUTH[3:15] == 0, ((3, 5), (0, 0)), constant_values=True)
    sure = np.where(TRUTH > 0, 0.65, np.where(~wide | (np.indices(TRUTH.shape)[0] < 17), rim, 0.01))
    model = stub(Fixed(np.stack([9.0 * (np.indices(TRUTH.shape)[1] > 11), 0 * sure]), sure), foreground_threshold=start)
    assert run(mean_score(model, [window(TRUTH)])) < 1
    chosen, score = tuned(model, TRUTH)
    assert low < chosen.foreground_threshold < 0.65
    assert score == 1


def test_specks_are_left_out() -> None:
    specks = np.zeros_like(TRUTH, bool)
    specks[17, 2:5] = specks[1, 8:10] = specks[18, 18:20] = True
    place = np.where(specks, 90 + 10 * np.indices(TRUTH.shape)[0], 9.0 * TRUTH)
    model = stub(Fixed(np.stack([place, 0 * place]), (TRUTH > 0) | specks))
    chosen, score = tuned(model, TRUTH)
    assert 3 < chosen.min_size <= 100
    assert score == 1


def test_small_objects_that_are_true_are_kept() -> None:
    small = np.where(np.indices(TRUTH.shape)[0] < 6, TRUTH, 0)
    model = stub(Fixed(np.stack([9.0 * small, 0 * small]), small > 0), min_size=50)
    chosen, score = tuned(model, small)
    assert chosen.min_size <= 20
    assert score == 1


def test_pieces_are_joined_where_that_is_right() -> None:
    """The lower rim of each object is embedded far from the rest of it."""
    rim = (np.indices(TRUTH.shape)[0] >= 11) & (TRUTH > 0)
    model = stub(Fixed(np.stack([9.0 * TRUTH, 9.0 * rim]), TRUTH > 0))
    assert run(mean_score(model, [window(TRUTH)])) < 1
    chosen, score = tuned(model, TRUTH)
    assert chosen.join_share > 30 / 70
    assert score == 1


def test_small_neighbours_are_not_joined() -> None:
    small = np.zeros_like(TRUTH)
    small[4:14, 2:12], small[4:14, 12:14] = 1, 2
    model = stub(Fixed(np.stack([9.0 * small, 0 * small]), small > 0), join_share=0.5)
    assert run(mean_score(model, [window(small)])) < 1
    chosen, score = tuned(model, small)
    assert chosen.join_share <= 20 / 100
    assert score == 1


def test_what_is_right_already_is_not_changed() -> None:
    start = {"cluster": MeanShift(bandwidth=1.1, seed=3), "foreground_threshold": 0.52, "min_size": 4}
    model = stub(Fixed(np.stack([9.0 * TRUTH, 0 * TRUTH]), TRUTH > 0), **start)
    assert tuned(model, TRUTH) == (Settings(normalise=LINEAR, **start), 1.0)


def test_without_any_object_nothing_goes_wrong() -> None:
    empty = np.zeros_like(TRUTH)
    model = stub(Fixed(np.zeros((2, *TRUTH.shape)), TRUTH > 0))
    chosen, score = tuned(model, empty)
    assert (chosen, score) == (model.card.settings, 0)
    assert tuned(stub(Fixed(np.zeros((2, *TRUTH.shape)), empty)), empty)[1] == 1


@settings(max_examples=6)
@given(
    seed=st.integers(0, 999),
    bandwidth=st.floats(0.2, 3),
    foreground=st.floats(0.1, 0.9),
    smallest=st.integers(0, 60),
)
def test_the_chosen_never_score_below_the_start(seed: int, bandwidth: float, foreground: float, smallest: int) -> None:
    random = np.random.default_rng(seed)
    truth = balls((24, 24), (4, 4), 6, seed)
    place = 1.5 * random.normal(size=(2, int(truth.max()) + 1))[:, truth] + 0.4 * random.normal(size=(2, 24, 24))
    sure = np.clip((truth > 0) * 0.3 + random.random((24, 24)) * 0.7, 0.01, 0.99)
    model = stub(
        Fixed(place, sure), cluster=MeanShift(bandwidth=bandwidth), foreground_threshold=foreground, min_size=smallest
    )
    checks = [window(truth)]
    chosen, scores = run(choose(model, checks))
    before, after = run(mean_score(model, checks)), run(mean_score(model.with_settings(chosen), checks))
    assert before <= after == scores["S_mean"]


def test_what_was_learnt_from_has_a_say_in_the_settings_but_not_in_the_score() -> None:
    """The two objects lie 1.2 apart: a wide bandwidth makes them one, as the windows that were learnt from want it."""
    place = np.select([TRUTH == 1, TRUTH == 2], [0.0, 1.2])
    model = stub(Fixed(np.stack([place, 0 * place]), TRUTH > 0), cluster=MeanShift(bandwidth=0.5))
    seen, learnt = [window(TRUTH)], [window((TRUTH > 0).astype(np.uint32))] * 3
    alone, score = run(choose(model, seen))
    assert (alone.cluster.bandwidth, score["S_mean"]) == (0.5, 1)
    together, score = run(choose(model, seen, learnt=learnt))
    assert together.cluster.bandwidth >= 1.2
    assert score["S_mean"] == run(mean_score(model.with_settings(together), seen)) < 0.5


def test_progress_rises_to_the_end_and_so_does_the_score() -> None:
    place = 0.9 * (np.indices(TRUTH.shape)[1] % 2) + 2.1 * (TRUTH == 2)
    model = stub(Fixed(np.stack([place, 0 * place]), TRUTH > 0), cluster=MeanShift(bandwidth=0.5))
    seen = [p for p in choose(model, [window(TRUTH)]) if p.values]
    assert seen[-1].fraction == 1
    for name in ([p.fraction for p in seen], [p.values["S_mean"] for p in seen]):
        assert name == sorted(name)
    assert seen[0].values["S_mean"] < seen[-1].values["S_mean"] == 1


def test_a_pick_is_some_of_the_images_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "CHOOSE", 3)
    picks = [pick(range(8), seed) for seed in (0, 0, 1)]
    assert picks[0] == picks[1] != picks[2]
    assert all(len(set(pick)) == 3 for pick in picks)


def test_few_images_are_all_looked_at() -> None:
    assert sorted(pick(range(2), 0)) == [0, 1]


def test_no_setting_is_tried_after_the_deadline(caplog: pytest.LogCaptureFixture) -> None:
    place = 0.9 * (np.indices(TRUTH.shape)[1] % 2) + 2.1 * (TRUTH == 2)
    model = stub(Fixed(np.stack([place, 0 * place]), TRUTH > 0), cluster=MeanShift(bandwidth=0.5))
    chosen, scores = run(choose(model, [window(TRUTH)], deadline=0))
    assert chosen == model.card.settings
    assert scores["S_mean"] == run(mean_score(model, [window(TRUTH)]))
    assert "time is up" in caplog.text
