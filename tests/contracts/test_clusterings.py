"""Clusterings: whichever the family has, on groups that each of them must find."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from stubs import balls, same_partition, walked

from napari_discern.clustering import Clustering
from napari_discern.errors import BadArgument

SHAPES = {"2D": (30, 32), "3D": (9, 14, 16), "layers": (2, 20, 22)}


def groups(step, objects: np.ndarray, channels: int = 5, spread: float = 0.3) -> np.ndarray:
    """An embedding (E, *S) whose objects lie four reaches apart, each as wide as a share of the reach."""
    random = np.random.default_rng(0)
    ids = np.arange(objects.max() + 1)
    centres = 4.0 * np.stack([ids // 7**k % 7 for k in range(channels)], -1)
    noise = random.uniform(-1, 1, (*objects.shape, channels)) * spread / channels**0.5
    return np.moveaxis(step.reach * (centres[objects] + noise), -1, 0).astype(np.float32)


def scene(shape: tuple[int, ...] = SHAPES["2D"]) -> np.ndarray:
    """Objects, 0 for the background, one of which lies in two pieces."""
    objects = balls(shape, [min(3, n / 4) for n in shape], 12).astype(np.int64)
    objects[objects == objects.max()] = 1
    return objects


@pytest.mark.parametrize("step", walked(Clustering))
class TestEveryClustering:
    @pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
    def test_groups_that_lie_apart_are_found(self, step, shape):
        objects = scene(shape)
        found = step(groups(step, objects), objects > 0)
        assert (found.dtype, found.shape) == (np.uint32, shape)
        assert set(np.unique(found)) == set(range(len(np.unique(objects))))
        assert same_partition(found, objects)

    def test_so_they_are_with_each_change_that_is_tried(self, step):
        objects = scene()
        assert step.trials
        for trial in step.trials:
            changed = TypeAdapter(Clustering).validate_python({**step.model_dump(), **trial})
            assert same_partition(changed(groups(changed, objects), objects > 0), objects), trial

    def test_where_they_lie_does_not_matter(self, step):
        objects = scene()
        loose = groups(step, objects, spread=1.5)
        shift = np.array([8, -16, 32, 0, 4], np.float32)[:, None, None]
        loose = np.round(loose * 1024) / 1024  # so that the shift costs no digits
        assert same_partition(step(loose + shift, objects > 0), step(loose, objects > 0))

    def test_the_background_has_no_say(self, step):
        objects = scene()
        embedding = groups(step, objects)
        found = step(np.where(objects > 0, embedding, np.nan), objects > 0)
        assert np.array_equal(found, step(embedding, objects > 0))
        assert not found[objects == 0].any()

    def test_nothing_one_pixel_and_all_alike(self, step):
        alike, none = np.zeros((3, 4, 4), np.float32), np.zeros((4, 4), bool)
        one = none.copy()
        one[1, 2] = True
        assert not step(alike, none).any()
        assert np.array_equal(step(alike, one), one)
        assert np.array_equal(step(alike, ~none), np.ones((4, 4)))

    def test_a_cloud_comes_to_an_end_and_ids_have_no_gaps(self, step):
        """As an untrained network gives."""
        cloud = 3 * step.reach * np.random.default_rng(0).normal(size=(8, 64, 64)).astype(np.float32)
        found = step(cloud, np.ones((64, 64), bool))
        assert set(np.unique(found)) - {0} == set(range(1, int(found.max()) + 1))

    def test_it_says_the_same_twice_and_gives_back_what_it_got(self, step):
        objects = scene()
        embedding, foreground = groups(step, objects, spread=1.5), objects > 0
        kept = embedding.copy()
        found = step(embedding, foreground)
        again = step(torch.from_numpy(embedding), torch.from_numpy(foreground))
        assert isinstance(again, torch.Tensor)
        assert again.dtype == torch.uint32
        assert np.array_equal(again.numpy(), found)
        assert np.array_equal(embedding, kept)
        assert np.array_equal(step(embedding.astype(np.float64), foreground), found)

    @pytest.mark.parametrize(
        ("embedding", "foreground"),
        [
            (np.zeros((2, 3, 3), np.float32), np.ones((3, 4), bool)),
            (np.zeros((2, 3, 3), np.int64), np.ones((3, 3), bool)),
            (np.zeros((2, 3, 3), np.float32), np.ones((3, 3), np.uint8)),
            (np.full((2, 3, 3), np.nan, np.float32), np.ones((3, 3), bool)),
        ],
        ids=["shape", "whole numbers", "foreground of numbers", "not a number"],
    )
    def test_what_does_not_fit_is_refused(self, step, embedding, foreground):
        with pytest.raises(BadArgument):
            step(embedding, foreground)

    def test_it_comes_back_from_json(self, step):
        assert TypeAdapter(Clustering).validate_json(step.model_dump_json()) == step
