"""Clustering: the paper's mean-shift thresholding in outcome, and the oracle around the true means."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stubs import script

from napari_discern.clustering import CentreThreshold, MeanShift, mean_shift, nearest
from napari_discern.clustering.nearest import average
from napari_discern.errors import BadArgument

literal = script("literal")


def one_to_one(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two label arrays say the same partition."""
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]).astype(np.int64), axis=1)
    return len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]


def embed(objects: np.ndarray, channels: int = 16, spread: float = 0.2, seed: int = 0) -> np.ndarray:
    """Embeddings of objects (0 is background) about centres that lie far apart on a lattice."""
    random = np.random.default_rng(seed)
    places = random.permutation(4**channels if channels < 8 else 4**8)[: objects.max() + 1]
    digits = (places[:, None] // 4 ** np.arange(min(channels, 8))) % 4
    centres = np.zeros((len(places), channels), np.float32)
    centres[:, : digits.shape[1]] = 4.0 * digits
    noise = random.uniform(-1, 1, (*objects.shape, channels)) * spread / channels**0.5
    return np.moveaxis(centres[objects] + noise, -1, 0).astype(np.float32)


def blocks(side: int, cell: int, gap: int = 1) -> np.ndarray:
    """Square objects on a grid, with background between them."""
    y, x = np.mgrid[:side, :side]
    ids = (y // cell) * -(-side // cell) + x // cell + 1
    ids[(y % cell < gap) | (x % cell < gap)] = 0
    return np.unique(ids, return_inverse=True)[1].reshape(side, side)


@pytest.mark.parametrize("shape", [(40, 40), (8, 20, 20), (2, 30, 30)], ids=["2D", "3D", "layers"])
def test_separated_objects_are_found(shape):
    objects = np.resize(blocks(40, 8), shape)
    found = MeanShift(bandwidth=1.0)(embed(objects), objects > 0)
    assert found.dtype == np.uint32
    assert found.shape == shape
    assert one_to_one(found, objects)
    assert set(np.unique(found)) == set(range(len(np.unique(objects))))


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=300), st.integers(1, 6), st.integers(0, 99), st.integers(0, 99)
)
def test_as_the_literal_loop(ids, channels, where, seed):
    objects = np.unique(ids, return_inverse=True)[1].reshape(1, -1) if 0 in ids else np.array([ids])
    objects = np.unique(np.append(objects, 0), return_inverse=True)[1][:-1].reshape(1, -1)
    objects = np.minimum(objects, 3**channels)
    embedding, foreground = embed(objects, channels, seed=where), objects > 0
    found = MeanShift(bandwidth=1.0, seed=seed)(embedding, foreground)
    slow = literal.literal_mean_shift(torch.from_numpy(embedding), torch.from_numpy(foreground), 1.0)
    assert one_to_one(found, slow.numpy())


def test_one_pixel_among_large_objects_is_found():
    objects = blocks(400, 20)
    objects[200, 200] = objects.max() + 1
    found = MeanShift(bandwidth=1.0)(embed(objects), objects > 0)
    assert one_to_one(found, objects)


def test_thousands_of_tiny_objects_come_to_an_end():
    objects = blocks(260, 4, gap=0)
    assert objects.max() + 1 == 65**2
    found = MeanShift(bandwidth=1.0)(embed(objects + 1), np.ones_like(objects, bool))
    assert one_to_one(found, objects)


def test_large_coordinates_cost_no_precision():
    x = np.repeat(np.arange(0, 4000, 4), 5).astype(np.float32)
    embedding = np.stack([x + np.tile([-0.3, -0.1, 0, 0.1, 0.3], 1000), np.full_like(x, 3000)]).astype(np.float32)
    found = MeanShift(bandwidth=0.7)(embedding, np.ones(len(x), bool))
    assert one_to_one(found, x.astype(int))


def test_a_start_at_the_rim_moves_to_the_middle():
    """A threshold about a rim point would cut the object in two; about the mean it does not."""
    embedding = np.concatenate([np.linspace(-0.9, 0.9, 50), np.linspace(9.1, 10.9, 50)])[None].astype(np.float32)
    for seed in range(20):
        found = MeanShift(bandwidth=1.0, seed=seed)(embedding, np.ones(100, bool))
        assert one_to_one(found, np.repeat([1, 2], 50))


def test_outliers_make_objects_of_their_own():
    embedding = np.array([[0, 0.1, 0.2, 7, 20]], np.float32)
    assert one_to_one(MeanShift(bandwidth=1.0)(embedding, np.ones(5, bool)), np.array([1, 1, 1, 2, 3]))


def test_a_seed_gives_one_result():
    embedding = np.random.default_rng(0).normal(0, 2, (2, 60, 60)).astype(np.float32)
    foreground = np.ones((60, 60), bool)
    first = MeanShift(bandwidth=1.0, seed=3)(embedding, foreground)
    assert np.array_equal(first, MeanShift(bandwidth=1.0, seed=3)(embedding, foreground))


def test_an_array_comes_back_as_it_came():
    objects = blocks(16, 8)
    embedding = embed(objects)
    found = MeanShift(bandwidth=1.0)(torch.from_numpy(embedding), torch.from_numpy(objects > 0))
    assert isinstance(found, torch.Tensor)
    assert found.dtype == torch.uint32
    sliced = MeanShift(bandwidth=1.0)(embedding[:, ::2], (objects > 0)[::2])
    assert one_to_one(sliced, objects[::2])
    double = MeanShift(bandwidth=1.0)(embedding.astype(np.float64), objects > 0)
    assert np.array_equal(double, found.numpy())


@pytest.mark.parametrize(
    ("embedding", "foreground", "words"),
    [
        (np.zeros((2, 3, 3), np.float32), np.ones((3, 4), bool), r"\(2, 3, 3\).*\(3, 4\)"),
        (np.zeros((2, 3, 3), np.int64), np.ones((3, 3), bool), "floating type"),
        (np.zeros((2, 3, 3), np.float32), np.ones((3, 3), np.uint8), "must be boolean"),
        (np.full((2, 3, 3), np.nan, np.float32), np.ones((3, 3), bool), "NaN or infinite at 9 of 9"),
    ],
)
def test_what_does_not_fit_is_refused(embedding, foreground, words):
    with pytest.raises(BadArgument, match=words):
        MeanShift()(embedding, foreground)


def test_true_centres_keep_their_own_and_leave_out_the_rest():
    embedding = np.array([[0, 1, 10, 11, 5.4, 40]], np.float32)
    truth = np.array([1, 1, 2, 2, 0, 0])
    found = CentreThreshold(bandwidth=6.0)(embedding, np.ones(6, bool), truth)
    assert found.tolist() == [1, 1, 2, 2, 1, 0]


def test_true_centres_of_nothing_find_nothing():
    found = CentreThreshold()(np.zeros((2, 4), np.float32), np.ones(4, bool), np.zeros(4, int))
    assert found.tolist() == [0, 0, 0, 0]


@given(
    st.integers(1, 400), st.integers(1, 3), st.integers(1, 12), st.sampled_from([0.5, 1.0, 2.0]), st.integers(0, 10_000)
)
def test_points_are_settled_as_if_all_were_looked_up_each_time(count, channels, number, bandwidth, seed):
    random = torch.Generator().manual_seed(seed)
    points = torch.rand(count, channels, generator=random) * 6
    centres = torch.rand(number, channels, generator=random) * 6

    def members(centres: torch.Tensor) -> torch.Tensor:
        distance, index = torch.cdist(points.double(), centres.double()).min(1)
        return torch.where(distance <= bandwidth, index, -1)

    expected, moved = members(centres), centres
    for _ in range(mean_shift.REFINEMENTS):
        moved = average(points, expected, moved)
        before, expected = expected, members(moved)
        if torch.equal(before, expected):
            break
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "FEW", 8)
        assert torch.equal(mean_shift.settle(points, centres, bandwidth), expected)


def test_a_cloud_comes_to_an_end():
    """As an untrained network gives: no modes to seek, and yet every pixel gets a label."""
    embedding = np.random.default_rng(0).normal(0, 3, (16, 128, 128)).astype(np.float32)
    found = MeanShift(bandwidth=1.0)(embedding, np.ones((128, 128), bool))
    assert found.min() == 1
    assert set(np.unique(found)) == set(range(1, int(found.max()) + 1))
