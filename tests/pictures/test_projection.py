"""Projection: an embedding as colours."""

from __future__ import annotations

import numpy as np

from napari_discern.pictures import as_colours, principal_axes, random_axes

RANDOM = np.random.default_rng(0)
LABELS = np.repeat([[1, 2, 3, 0]], 12, axis=0).repeat(5, axis=1)
CENTRES = np.array([[0, 0, 0, 0], [9, 0, 0, 0], [0, 5, 0, 0], [0, 0, 2, 0]], float)
EMBEDDING = np.moveaxis(CENTRES[LABELS] + 0.05 * RANDOM.normal(size=(*LABELS.shape, 4)), -1, 0).astype(np.float32)


def test_the_axes_are_those_of_the_largest_spread() -> None:
    axes = principal_axes(EMBEDDING, LABELS > 0, 3)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-5)
    spread = np.var(np.tensordot(axes, EMBEDDING[:, LABELS > 0], 1), axis=1)
    assert spread[0] > spread[1] > spread[2]
    assert spread[:2].sum() > 0.99 * np.var(EMBEDDING[:, LABELS > 0], axis=1).sum()


def test_few_dimensions_give_as_many_axes_as_asked_for() -> None:
    axes = principal_axes(EMBEDDING[:2], LABELS > 0, 3)
    assert axes.shape == (3, 2)
    assert not axes[2].any()


def test_objects_have_different_colours_and_the_background_is_dim() -> None:
    for axes in (principal_axes(EMBEDDING, LABELS > 0, 3), random_axes(4, 3, seed=1)):
        colours = as_colours(EMBEDDING, LABELS > 0, axes)
        assert colours.shape == (*LABELS.shape, 3)
        means = np.array([colours[LABELS == k].mean(axis=0) for k in (1, 2, 3)])
        apart = np.linalg.norm(means[:, None] - means[None], axis=2)[np.triu_indices(3, 1)]
        assert apart.min() > 40
        assert colours[LABELS == 0].max() <= 64


def test_an_image_without_foreground_has_colours_as_well() -> None:
    nothing = np.zeros(LABELS.shape, bool)
    assert as_colours(EMBEDDING, nothing, principal_axes(EMBEDDING, nothing, 3)).any()
