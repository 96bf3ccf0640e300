"""Growth: similarity, objects grown from a pixel, seeds set and taken away."""

from __future__ import annotations

import numpy as np
import pytest

from napari_discern.clustering import add_seed, grow, remove_object, similarity
from napari_discern.errors import BadArgument

LABELS = np.zeros((6, 12), np.uint32)
LABELS[:3, :4], LABELS[:3, 6:], LABELS[4:, 2:8] = 1, 2, 3
EMBEDDING = np.stack([4.0 * LABELS, 0.1 * np.indices(LABELS.shape)[1]]).astype(np.float32)


def test_similarity_is_what_the_paper_says() -> None:
    alike = similarity(EMBEDDING, (1, 2))
    distance = ((EMBEDDING - EMBEDDING[:, 1, 2][:, None, None]) ** 2).sum(0)
    np.testing.assert_allclose(alike, 2 / (1 + np.exp(distance)), rtol=1e-5)
    assert alike[1, 2] == 1


def test_an_object_grows_from_any_of_its_pixels() -> None:
    for place in ((0, 6), (2, 11)):
        mask, centre = grow(EMBEDDING, LABELS > 0, place, 1.0)
        assert np.array_equal(mask, LABELS == 2)
        np.testing.assert_allclose(centre, EMBEDDING[:, LABELS == 2].mean(1), rtol=1e-5)


def test_only_the_foreground_and_the_seed_are_taken() -> None:
    mask, _ = grow(EMBEDDING, np.zeros_like(LABELS, bool), (5, 11), 0.05)
    assert mask.sum() == 1
    assert mask[5, 11]


def test_a_seed_in_nobodys_pixels_makes_an_object_and_leaves_the_others() -> None:
    partial = np.where(LABELS == 3, 0, LABELS).astype(np.uint32)
    grown = add_seed(EMBEDDING, LABELS > 0, partial, (4, 3), 1.0)
    assert np.array_equal(grown, LABELS)


def test_a_seed_takes_only_what_lies_nearer_to_it() -> None:
    merged = np.where(LABELS == 2, 1, LABELS).astype(np.uint32)
    split = add_seed(EMBEDDING, LABELS > 0, merged, (1, 9), 1.0)
    assert np.array_equal(split == 4, LABELS == 2)
    assert np.array_equal(split == 1, LABELS == 1)
    assert np.array_equal(split == 3, LABELS == 3)


def test_a_seed_on_an_object_that_is_whole_is_refused() -> None:
    with pytest.raises(BadArgument, match="already"):
        add_seed(EMBEDDING * 0, LABELS > 0, (LABELS > 0).astype(np.uint32), (1, 1), 1.0)


def test_the_pixels_of_a_removed_object_go_to_the_nearest_within_reach() -> None:
    halves = LABELS.copy()
    halves[:3, 9:] = 4
    assert np.array_equal(remove_object(EMBEDDING, halves, 4, 1.0), LABELS)
    assert np.array_equal(remove_object(EMBEDDING, LABELS, 3, 1.0), np.where(LABELS == 3, 0, LABELS))
