"""Margins: spread, gap, score and ambiguity, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_discern.clustering import margins
from napari_discern.clustering.margins import RIVALS
from napari_discern.errors import BadArgument


def by_definition(embedding: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
    ids = np.arange(1, labels.max() + 1)
    centres = np.array([embedding[:, labels == k].mean(axis=1) for k in ids])
    spread, gap, score, ambiguity = [], [], [], np.zeros(labels.shape)
    for k, centre in zip(ids, centres, strict=True):
        points = embedding[:, labels == k].T
        near = np.linalg.norm(points - centre, axis=1)
        others = np.delete(centres, k - 1, axis=0)
        far = np.linalg.norm(points[:, None] - others[None], axis=2).min(axis=1) if len(others) else np.inf
        ratio = np.minimum(near / far, 1)
        spread.append(near.mean())
        gap.append(np.linalg.norm(others - centre, axis=1).min() if len(others) else np.inf)
        score.append(1 - ratio.mean())
        ambiguity[labels == k] = ratio
    return np.array(spread), np.array(gap), np.array(score), ambiguity


@given(seed=st.integers(0, 999), objects=st.integers(1, RIVALS + 1), channels=st.integers(1, 4))
def test_they_are_what_they_are_defined_to_be(seed: int, objects: int, channels: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, objects + 1, (9, 11)).astype(np.uint32)
    labels[0, :objects] = np.arange(1, objects + 1)
    embedding = random.normal(size=(channels, 9, 11)).astype(np.float32)
    for found, expected in zip(margins(embedding, labels), by_definition(embedding, labels), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        assert found.dtype == np.float32


def test_far_and_tight_objects_score_high_and_mixed_ones_low() -> None:
    labels = np.repeat(np.arange(1, 4, dtype=np.uint32), 20).reshape(6, 10)
    noise = np.random.default_rng(0).normal(size=(2, 6, 10))
    apart = margins(np.stack([9.0 * labels, 0 * labels]) + 0.1 * noise, labels)
    mixed = margins(np.stack([0.1 * labels, 0 * labels]) + noise, labels)
    assert apart.score.min() > 0.95
    assert mixed.score.max() < 0.5
    assert apart.ambiguity.max() < 0.1 < 0.9 < mixed.ambiguity.max()


def test_without_objects_there_is_nothing_to_say() -> None:
    empty = margins(np.ones((3, 4, 5), np.float32), np.zeros((4, 5), np.uint32))
    assert [len(column) for column in empty[:3]] == [0, 0, 0]
    assert not empty.ambiguity.any()


def test_objects_at_one_point_are_wholly_ambiguous() -> None:
    found = margins(np.zeros((2, 2, 2), np.float32), np.array([[1, 1], [2, 2]], np.uint32))
    assert found.gap.tolist() == [0, 0]
    assert found.score.tolist() == [0, 0]


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadArgument, match="does not fit"):
        margins(np.zeros((2, 3, 4), np.float32), np.ones((3, 5), np.uint32))
