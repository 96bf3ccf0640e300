"""Seeds: picking them as the paper does, the masks that grow from them, and the labels that come of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from stubs import same_partition, script

from napari_discern.clustering import SeedMap, Seeds, proposals
from napari_discern.clustering.proposals import pick
from napari_discern.errors import BadArgument

literal = script("literal")

PICTURE = np.array([list(row) for row in (
    "11.2222",
    "11.2..2",
    "...2222",
    "333....",
)])  # fmt: skip
OBJECTS = np.where(PICTURE == ".", "0", PICTURE).astype(int)
CENTRES = np.array([[9, 9], [0, 0], [3, 0], [0, 3]], np.float32)


def embedding(noise: float = 0.05) -> np.ndarray:
    """Embeddings of the picture's pixels about a centre for each object."""
    random = np.random.default_rng(0)
    points = CENTRES[OBJECTS] + random.uniform(-noise, noise, (*OBJECTS.shape, 2))
    return np.moveaxis(points, -1, 0).astype(np.float32)


@given(
    count=st.integers(0, 400),
    channels=st.integers(1, 5),
    number=st.integers(1, 60),
    alpha=st.sampled_from([0.0, 0.1, 0.3, 2.0]),
    hopeless=st.floats(0, 1),
    few=st.sampled_from([4, 32, 1024]),
    seed=st.integers(0, 1000),
)
def test_the_seeds_are_those_of_the_whole_search(count, channels, number, alpha, hopeless, few, seed):
    random = torch.Generator().manual_seed(seed)
    points = torch.randn(count, channels, generator=random) * 3
    chance = torch.rand(count, generator=random) * (torch.rand(count, generator=random) >= hopeless)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proposals, "FEW", few)
        assert pick(points, chance, number, alpha).tolist() == literal.literal_seeds(points, chance, number, alpha)[0]


def test_far_from_the_origin_no_digits_are_lost():
    random = torch.Generator().manual_seed(0)
    points, chance = torch.randn(300, 3, generator=random) + 4000, torch.rand(300, generator=random)
    assert pick(points, chance, 50, 0.3).tolist() == literal.literal_seeds(points, chance, 50, 0.3)[0]


def test_equal_points_are_picked_once():
    points = torch.tensor([[0.0, 0.0]] * 5 + [[1.0, 0.0]] * 5)
    assert len(pick(points, torch.ones(10), 10, 0.3)) == 2


def test_a_mask_is_what_is_similar_enough():
    """Of a line of points 0.1 apart, seeds at both ends: sigma = 2 / (1 + exp(d^2))."""
    line = np.arange(30, dtype=np.float32)[None] / 10
    chance = np.zeros((2, 2, 30), np.float32)
    chance[0, 1, 0], chance[1, 1, 29] = 0.9, 0.8
    found = Seeds(proposals=2).propose(line, np.ones(30, bool), SeedMap((0.25, 0.75), torch.from_numpy(chance)))
    assert found.places.tolist() == [[0], [29]]
    for mask, tau, seed in zip(found.masks(), (0.25, 0.75), (0.0, 2.9), strict=True):
        assert np.array_equal(mask, 2 / (1 + np.exp((line[0] - np.float32(seed)) ** 2)) >= tau)
    _, masks = literal.literal_seeds(
        torch.from_numpy(line.T), torch.from_numpy(chance[:, 1].max(0)), 2, 0.3, (0.25, 0.75)
    )
    assert np.array_equal(found.masks(), np.stack([masks[0][0], masks[1][1]]))


def test_tau_class_and_confidence_are_the_surest():
    chance = np.full((2, 4, 1, 2), 0.1, np.float32)
    chance[1, 2, 0, 0] = 0.6
    chance[0, 3, 0, 1] = 0.5
    chance[0, 0] = 0.99  # how sure it is that there is none has no say
    found = Seeds(proposals=2).propose(np.array([[[0, 9]]], np.float32), np.ones((1, 2), bool),
                                       SeedMap((0.3, 0.7), torch.from_numpy(chance)))  # fmt: skip
    assert found.tau.tolist() == pytest.approx([0.7, 0.3])
    assert found.kind.tolist() == [2, 3]
    assert found.confidence.tolist() == pytest.approx([0.6, 0.5])


@pytest.mark.parametrize("guided", [True, False])
def test_the_objects_of_the_picture_are_found(guided):
    chance = torch.zeros(1, 2, *OBJECTS.shape)
    chance[:, 1] = torch.linspace(0.6, 0.9, OBJECTS.size).view(OBJECTS.shape)
    found = Seeds()(embedding(), OBJECTS > 0, SeedMap((0.5,), chance) if guided else None)
    assert found.dtype == np.uint32
    assert same_partition(found, OBJECTS)


def test_a_seed_is_as_good_as_its_mask_is_stable():
    """Of a tight cluster no more comes in with a larger radius; of an even line twice as much with twice the radius."""
    tight, line = np.zeros(200), 50 + 0.01 * np.arange(2000)
    points = np.concatenate([tight, line])[None].astype(np.float32)
    found = Seeds(proposals=40).propose(points, np.ones(points.shape[1:], bool))
    where = found.places[:, 0]
    assert found.confidence[torch.from_numpy(where < 200)].tolist() == [1]
    inner = torch.from_numpy((where > 400) & (where < 2000))
    assert inner.any()
    assert found.confidence[inner].tolist() == pytest.approx([0.5] * int(inner.sum()), abs=0.01)


def test_an_object_may_lie_in_pieces():
    pieces = np.array([[1, 1, 0, 2, 0, 1, 1]])
    found = Seeds()(np.moveaxis(CENTRES[pieces], -1, 0), pieces > 0)
    assert same_partition(found, pieces)


def test_masks_that_lie_in_better_ones_are_no_objects():
    """Points 0, 1 and 2 on a line, radius 1.1: the middle one's mask has all three, of each other one's it has all."""
    line, chance = np.array([[0, 1, 2]], np.float32), torch.tensor([[[0.0] * 3, [0.6, 0.9, 0.5]]])
    tau = 2 / (1 + math.exp(1.1**2))
    step, known = Seeds(proposals=3), SeedMap((tau,), chance)
    assert step(line, np.ones(3, bool), known).tolist() == [1, 1, 1]
    chance[0, 1] = torch.tensor([0.9, 0.6, 0.5])
    assert step(line, np.ones(3, bool), known).tolist() == [1, 1, 2]  # half of the last one's lies in the first
    assert step.model_copy(update={"overlap": 0.4})(line, np.ones(3, bool), known).tolist() == [1, 1, 0]
    shared = step.propose(line, np.ones(3, bool), known).masks()
    assert shared.sum(0).tolist() == [2, 3, 2]


def test_a_pixel_of_two_masks_goes_to_the_more_similar_seed():
    line = np.array([[0.0, 0.4, 0.9, 1.3]], np.float32)
    chance = torch.tensor([[[0.0] * 4, [0.9, 0.1, 0.1, 0.8]]])
    known = SeedMap((2 / (1 + math.exp(1)),), chance)
    step = Seeds(proposals=2, overlap=0.9)
    assert step.propose(line, np.ones(4, bool), known).masks().sum(1).tolist() == [3, 3]
    assert step(line, np.ones(4, bool), known).tolist() == [1, 1, 2, 2]


def test_auto_goes_on_until_none_is_left():
    many = np.arange(1, 251).repeat(4)[None]
    places = np.stack([many * 5.0, many * 0.0]).astype(np.float32)
    assert same_partition(Seeds()(places, many > 0), many)
    assert Seeds(proposals=100)(places, many > 0).max() == 100
    chance = torch.zeros(1, 2, *many.shape)
    chance[0, 1, 0, :480] = 0.7
    chance[0, 1, 0, 480:] = 0.3  # of these no one is sure
    sure = Seeds()(places, many > 0, SeedMap((0.5,), chance))
    assert 120 <= sure.max() <= 200
    assert set(np.unique(many[sure == 0])) <= set(range(121, 251))


def test_a_cloud_comes_to_an_end():
    """An untrained network may put every pixel far from all others: seeds are not picked until each is one."""
    apart = 9 * np.arange(200_000, dtype=np.float32)[None]
    assert Seeds()(apart, np.ones(apart.shape[1:], bool)).max() == 100


def test_more_seeds_than_pixels_no_pixel_and_no_good_one():
    points = embedding()
    assert same_partition(Seeds(proposals=10_000)(points, OBJECTS > 0), OBJECTS)
    assert not Seeds()(points, np.zeros(OBJECTS.shape, bool)).any()
    nothing = SeedMap((0.5,), torch.zeros(1, 2, *OBJECTS.shape))
    assert not Seeds()(points, OBJECTS > 0, nothing).any()
    empty = Seeds().propose(points, OBJECTS > 0, nothing)
    assert empty.masks().shape == (0, *OBJECTS.shape)
    assert empty.places.shape == (0, 2)


@pytest.mark.parametrize("shape", [(2, 2, 4, 7), (1, 1, 4, 7), (1, 2, 4, 6)])
def test_a_map_that_does_not_fit_is_refused(shape):
    with pytest.raises(BadArgument, match="does not fit"):
        Seeds()(embedding(), OBJECTS > 0, SeedMap((0.5,), torch.zeros(shape)))


@pytest.mark.parametrize("reach", [0.3, 1.2, 40.0])
def test_a_tau_that_reaches_so_far(reach):
    assert Seeds.reaching(reach).reach == pytest.approx(min(reach, 500**0.5), rel=0.05)


@pytest.mark.parametrize("tau", [0, 1, -0.5, 1.5])
def test_a_tau_beyond_its_bounds_is_refused(tau):
    with pytest.raises(ValidationError, match="tau"):
        Seeds(tau=tau)


def test_a_tensor_comes_back_as_one_and_a_seed_gives_one_result():
    points, inside = torch.from_numpy(embedding(2.0)), torch.from_numpy(OBJECTS > 0)
    found = Seeds(seed=3)(points, inside)
    assert isinstance(found, torch.Tensor)
    assert torch.equal(found.int(), Seeds(seed=3)(points, inside).int())
