"""Sample: crops in which image and labels stay together, whatever is done to them.

Most images here say of each pixel where it lies (a channel an axis), and each pixel is an object of its own, so
that a crop tells where each of its pixels came from, once by the image and once by the label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from stubs import LINEAR

from napari_discern.errors import BadArgument
from napari_discern.evaluation import cut_window
from napari_discern.image import Image
from napari_discern.instances import UNKNOWN, Instances
from napari_discern.normalise import Scaling
from napari_discern.training import Augmentation, Example, Sampler

STILL = Augmentation(flip=False, rotate=0, shrink=1, grow=1, brightness=0, contrast=0, gamma=0, noise=0, blur=0)
MOVED = Augmentation(brightness=0, contrast=0, gamma=0, noise=0, blur=0)
LIT = Augmentation(flip=False, rotate=0, shrink=1, grow=1)


def as_it_is(channels: int) -> Scaling:
    return Scaling(np.zeros(channels, np.float32), np.ones(channels, np.float32))


def example(labels: np.ndarray, pixels: np.ndarray | None = None) -> Example:
    """A labelled image of one channel; where no pixels are given, its foreground is 1."""
    pixels = (labels > 0).astype(np.float32) if pixels is None else pixels
    return Example(Image(pixels, "zyx"[-labels.ndim :]), Instances.from_labels(labels), as_it_is(1))


def self_telling(*shape: int) -> Example:
    """Channel a is the place along axis a; label k + 1 lies at the flat index k."""
    image = Image(np.indices(shape).astype(np.float32), "c" + "zyx"[-len(shape) :])
    labels = np.arange(1, np.prod(shape) + 1).reshape(shape)
    return Example(image, Instances.from_labels(labels), as_it_is(len(shape)))


def draw(examples: Sequence[Example], crop: Sequence[int], augmentation: Augmentation, n: int, **options: float):
    """Image (n, C, *S), labels and classes (n, *S) as arrays."""
    batch = Sampler(examples, crop, augmentation, **options).draw(n)
    assert batch.image.dtype == torch.float32
    assert batch.labels.dtype == batch.classes.dtype == torch.int64
    return batch.image.numpy(), batch.labels.numpy(), batch.classes.numpy()


class TestWithoutAugmentation:
    @pytest.mark.parametrize("crop", [(16, 16), (15, 22), (50, 40)])
    def test_a_crop_is_a_window_of_the_image(self, crop):
        whole = self_telling(50, 40)
        image, labels, classes = draw([whole], crop, STILL, 8)
        assert (classes == 1).all()
        for (down, across), found in zip(image, labels, strict=True):
            y, x = np.unravel_index(found[0, 0] - 1, (50, 40))
            region = slice(y, y + crop[0]), slice(x, x + crop[1])
            assert (found == whole.truth.labels[region]).all()
            np.testing.assert_allclose(down, whole.image.read(region)[0], atol=1e-3)
            np.testing.assert_allclose(across, whole.image.read(region)[1], atol=1e-3)

    def test_crops_lie_all_over_the_image(self):
        _, labels, _ = draw([self_telling(50, 40)], (16, 16), STILL, 60)
        y, x = np.unravel_index(labels[:, 0, 0] - 1, (50, 40))
        assert (y.min(), y.max(), x.min(), x.max()) == (0, 34, 0, 24)
        assert len(np.unique(labels[:, 0, 0])) > 30

    def test_an_image_smaller_than_the_crop_lies_in_its_middle(self):
        image, labels, classes = draw([self_telling(10, 12)], (16, 32), STILL, 3)
        for found, kind in zip(labels, classes, strict=True):
            assert (found[3:13, 10:22] == np.arange(1, 121).reshape(10, 12)).all()
            assert (found >= 0).sum() == (kind >= 0).sum() == 120
        assert image[0, 0, :, 16].tolist() == pytest.approx([2, 1, 0, *range(10), 9, 8, 7], abs=1e-3)

    def test_volumes(self):
        image, labels, _ = draw([self_telling(6, 20, 24)], (4, 16, 16), STILL, 4)
        assert image.shape == (4, 3, 4, 16, 16)
        places = np.stack(np.unravel_index(labels - 1, (6, 20, 24)), axis=1)
        np.testing.assert_allclose(image, places, atol=1e-3)

    def test_the_image_is_normalised(self):
        labels = np.ones((20, 20), int)
        scaled = Example(
            Image(np.full((20, 20), 30, np.uint16), "yx"),
            Instances.from_labels(labels),
            Scaling(np.array([10], np.float32), np.array([40], np.float32)),
        )
        image, _, _ = draw([scaled], (8, 8), STILL, 1)
        np.testing.assert_allclose(image, 0.5, atol=1e-6)

    def test_only_the_window_is_read(self):
        class Recorder:
            shape, dtype = (400, 400), np.dtype(np.float32)
            read = 0

            def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
                part = np.zeros(self.shape, self.dtype)[key]
                self.read += part.size
                return part

        data = Recorder()
        one = Example(Image(data, "yx"), Instances.from_labels(np.ones((400, 400), int)), as_it_is(1))
        draw([one], (16, 16), Augmentation(), 5)
        assert 0 < data.read <= 5 * np.ceil(16 * 2**0.5 / 0.7) ** 2


class TestMoved:
    """Flips, rotations and scales."""

    @pytest.mark.parametrize("crop", [(32, 32), (48, 8), (9, 40)])
    def test_image_and_labels_stay_together_to_half_a_pixel(self, crop):
        """Also with more than 65,535 objects."""
        image, labels, _ = draw([self_telling(300, 280)], crop, MOVED, 16)
        known = labels >= 0
        assert known.mean() > 0.9
        places = np.stack(np.unravel_index(np.maximum(labels, 1) - 1, (300, 280)), axis=1)
        apart = np.abs(image - places).max(axis=1)
        assert apart[known].max() <= 0.5 + 1e-3
        assert apart[known].mean() > 0.2, "nothing was moved"

    def test_rotations_cover_the_circle_and_scales_keep_their_bounds(self):
        image, _, _ = draw([self_telling(200, 200)], (16, 16), MOVED, 60)
        across = image[:, :, 8, 9] - image[:, :, 8, 8]  # source pixels a crop pixel, (n, 2)
        down = image[:, :, 9, 8] - image[:, :, 8, 8]
        angles = np.degrees(np.arctan2(across[:, 0], across[:, 1])) % 360
        assert set((angles // 45).astype(int)) == set(range(8))
        for step in (across, down):
            length = np.linalg.norm(step, axis=1)
            assert length.min() > 1 / 1.5 - 0.01
            assert length.max() < 1 / 0.7 + 0.01
            assert length.max() - length.min() > 0.4
        mirrored = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0] > 0
        assert 15 < mirrored.sum() < 45

    @pytest.mark.parametrize("shape", [(20, 20), (4, 20, 20)])
    def test_what_stands_upright_is_mirrored_left_and_right_only(self, shape):
        whole = self_telling(*shape)
        upright = STILL.model_copy(update={"flip": True, "upright": True})
        image, _, _ = draw([whole], shape, upright, 12)
        turned = {tuple(bool(np.diff(i, axis=a).mean() < 0) for a, i in enumerate(one)) for one in image}
        assert turned == {(False,) * len(shape), (*(False,) * (len(shape) - 1), True)}

    def test_each_change_can_be_left_out(self):
        still = STILL.model_dump()
        for name, value in {"flip": True, "rotate": 180.0, "grow": 1.5}.items():
            image, _, _ = draw([self_telling(99, 99)], (16, 16), Augmentation(**{**still, name: value}), 12)
            yy, xy = (image[:, :, 9, 8] - image[:, :, 8, 8]).T
            yx, xx = (image[:, :, 8, 9] - image[:, :, 8, 8]).T
            turned = max(np.abs(yx).max(), np.abs(xy).max()) > 0.01
            mirrored = (yy * xx - yx * xy < 0).any()
            scaled = np.abs(np.abs(yy * xx - yx * xy) - 1).max() > 0.01
            assert (mirrored, turned, scaled) == (name == "flip", name == "rotate", name == "grow")

    def test_the_depth_of_a_volume_is_neither_turned_nor_stretched(self):
        image, labels, _ = draw([self_telling(12, 90, 90)], (6, 16, 16), MOVED, 12)
        z, y, x = image.swapaxes(0, 1)
        steps = np.diff(z, axis=1)
        assert np.abs(np.abs(steps) - 1).max() < 1e-3, "stretched, or turned out of the plane"
        assert {float(s) for s in np.sign(steps[:, 0, 0, 0])} == {-1.0, 1.0}
        for within in (np.diff(z, axis=2), np.diff(z, axis=3), np.diff(y, axis=1), np.diff(x, axis=1)):
            assert np.abs(within).max() < 1e-3
        assert np.abs(np.diff(y, axis=3)).max() > 0.3, "not turned in the plane"
        places = np.stack(np.unravel_index(np.maximum(labels, 1) - 1, (12, 90, 90)), axis=1)
        assert np.abs(image - places).max(axis=1)[labels >= 0].max() <= 0.5 + 1e-3

    @pytest.mark.parametrize("shape", [(10, 12), (40, 12), (5, 10, 12)])
    def test_outside_the_image_nothing_is_known(self, shape):
        """The image is one object from edge to edge: a background in a crop would be made up."""
        crop = (8, 24, 24)[-len(shape) :]
        image, labels, classes = draw([example(np.ones(shape, int))], crop, MOVED, 12)
        assert set(np.unique(labels)) == set(np.unique(classes)) == {UNKNOWN, 1}
        assert (labels == classes).all()
        np.testing.assert_allclose(image, 1, atol=1e-3)

    @pytest.mark.parametrize("crop", [(32, 32), (64, 12)])
    def test_the_crop_is_filled_where_the_image_is_large(self, crop):
        """Whatever the angle and scale, a crop in the middle of a large image knows all its pixels."""
        labels = np.zeros((400, 400), int)
        labels[150:250, 150:250] = 1
        _, labels, _ = draw([example(labels)], crop, MOVED, 30, centred=1.0)
        assert (labels != UNKNOWN).all()


class TestSharedPixels:
    def test_are_foreground_of_unknown_object(self):
        masks = np.zeros((2, 20, 20), bool)
        masks[0, 2:12, 2:12] = masks[1, 8:18, 8:18] = True
        pixels = masks.sum(axis=0).astype(np.float32)
        one = Example(Image(pixels, "yx"), Instances.from_masks(masks), as_it_is(1))
        _, labels, classes = draw([one], (20, 20), STILL, 1)
        shared = masks.all(axis=0)
        assert (labels[0][shared] == UNKNOWN).all()
        assert (classes[0] == masks.any(axis=0)).all()
        assert (labels[0][~shared] == (masks[0] + 2 * masks[1])[~shared]).all()


class TestWhereCropsLie:
    def speck(self) -> Example:
        labels = np.zeros((200, 200), int)
        labels[10:16, 10:16] = 1
        return example(labels)

    def share_with_object(self, centred: float) -> float:
        _, labels, _ = draw([self.speck()], (32, 32), STILL, 80, centred=centred)
        return float((labels == 1).any(axis=(1, 2)).mean())

    def test_around_objects_as_often_as_asked(self):
        assert self.share_with_object(1.0) == 1
        assert 0.5 < self.share_with_object(0.7) < 0.9
        assert self.share_with_object(0.0) < 0.2

    def test_objects_lie_anywhere_in_the_crop(self):
        labels = np.zeros((200, 200), int)
        labels[100, 100] = 1
        _, labels, _ = draw([example(labels)], (32, 32), STILL, 60, centred=1.0)
        _, y, x = np.nonzero(labels == 1)
        assert len(y) == 60
        assert y.max() - y.min() > 12
        assert x.max() - x.min() > 12

    def test_an_image_without_objects_is_drawn_from_as_well(self):
        empty = example(np.zeros((60, 60), int), np.full((60, 60), 5, np.float32))
        image, _, classes = draw([self.speck(), empty], (16, 16), STILL, 40)
        from_empty = image.max(axis=(1, 2, 3)) > 4
        assert 0 < from_empty.sum() < 40
        assert (classes[from_empty] == 0).all()

    def test_of_many_windows_those_with_many_objects_are_taken(self):
        """Nine specks lie close together on the left, one on the right."""
        labels = np.zeros((30, 400), int)
        for k in range(9):
            labels[10 + 3 * (k // 3), 30 + 3 * (k % 3)] = k + 1
        labels[15, 360] = 10
        shares = []
        for windows in (1, 60):
            sampler = Sampler([example(labels)], (20, 20), STILL.model_copy(update={"windows": windows}), centred=0)
            found = [set(np.unique(sampler.draw(1).labels)) - {0, UNKNOWN} for _ in range(150)]
            shares.append([np.mean([bool(f) for f in found]), np.mean([len(f) > 4 for f in found])])
        alone, many = shares
        assert alone[0] < 0.3
        assert many[0] > 0.95
        assert many[1] > 0.6

    def test_a_larger_image_is_drawn_by_the_root_of_its_size(self):
        one, two = example(np.ones((16, 16), int)), example(np.ones((64, 64), int), np.zeros((64, 64), np.float32))
        image, _, _ = draw([one, two], (8, 8), STILL, 200)
        assert 25 < (image[:, 0, 0, 0] > 0.5).sum() < 58  # expected 40


class TestIntensities:
    def test_change_the_image_and_leave_the_labels_alone(self):
        whole = self_telling(50, 40)
        plain, labels, classes = draw([whole], (16, 16), STILL, 40)
        lit, same_labels, same_classes = draw([whole], (16, 16), LIT, 40)
        assert (labels == same_labels).all()
        assert (classes == same_classes).all()
        assert np.isfinite(lit).all()
        changed = np.abs(lit - plain).max(axis=(1, 2, 3)) > 1e-3
        assert 25 < changed.sum() < 40, "some crops stay as they are"

    @pytest.mark.parametrize(
        ("name", "value", "low", "high"), [("brightness", 0.1, 0.4, 0.6), ("contrast", 0.3, 0.35, 0.65)]
    )
    def test_stay_within_their_bounds(self, name, value, low, high):
        one = example(np.ones((30, 30), int), np.full((30, 30), 0.5, np.float32))
        image, _, _ = draw([one], (8, 8), Augmentation(**{**STILL.model_dump(), name: value}), 40)
        assert image.min() >= low - 1e-6
        assert image.max() <= high + 1e-6
        assert image.min() < 0.5 - 0.6 * (0.5 - low)
        assert image.max() > 0.5 + 0.6 * (high - 0.5)

    @pytest.mark.parametrize(("name", "value"), [("gamma", 0.4), ("noise", 0.05), ("blur", 1.0)])
    def test_each_can_be_left_out_or_taken_alone(self, name, value):
        random = np.random.default_rng(0).random((60, 60)).astype(np.float32)
        one = example(np.ones((60, 60), int), random)
        image, _, _ = draw([one], (16, 16), Augmentation(**{**STILL.model_dump(), name: value}), 40)
        plain, _, _ = draw([one], (16, 16), STILL, 40)
        changed = np.abs(image - plain).max(axis=(1, 2, 3)) > 1e-3
        assert 0 < changed.sum() < 40


class TestSeed:
    def crops(self, seed: int) -> tuple[np.ndarray, ...]:
        return draw([self_telling(50, 40), self_telling(30, 30)], (16, 16), Augmentation(), 6, seed=seed)

    def test_the_same_seed_gives_the_same_crops(self):
        first = self.crops(3)
        np.random.random(5)  # noqa: NPY002  what others draw does not matter
        torch.rand(5)
        for a, b in zip(first, self.crops(3), strict=True):
            assert (a == b).all()

    def test_another_seed_gives_others(self):
        first, second = self.crops(3), self.crops(4)
        assert not (first[0] == second[0]).all()
        assert not (first[1] == second[1]).all()

    def test_one_batch_is_not_the_next(self):
        sampler = Sampler([self_telling(50, 40)], (16, 16), Augmentation())
        assert not torch.equal(sampler.draw(2).image, sampler.draw(2).image)


MISFIT = np.ones((5, 4), int)


class TestErrors:
    def test_sizes_that_differ_are_both_named(self):
        with pytest.raises(BadArgument) as caught:
            Example(Image(np.zeros((4, 5)), "yx", name="leaf_07"), Instances.from_labels(MISFIT), as_it_is(1))
        assert all(part in str(caught.value) for part in ("leaf_07", "(4, 5)", "(5, 4)"))

    def test_dimensions_that_differ(self):
        with pytest.raises(BadArgument, match=r"\(3, 5, 4\).*\(5, 4\)"):
            Example(Image(np.zeros((3, 5, 4)), "zyx"), Instances.from_labels(MISFIT), as_it_is(1))

    @pytest.mark.parametrize("examples", [[], [example(np.zeros((9, 9), int))] * 2])
    def test_nothing_to_learn_from(self, examples):
        with pytest.raises(BadArgument, match="label some first"):
            Sampler(examples, (8, 8), STILL)


class TestWindow:
    def test_is_the_middle_normalised_with_its_objects(self):
        labels = np.zeros((10, 20), int)
        labels[0, 0], labels[4, 9], labels[5, 12] = 1, 2, 3
        one = Example(
            Image(np.arange(200.0).reshape(10, 20), "yx"),
            Instances.from_labels(labels),
            Scaling(np.array([100], np.float32), np.array([2], np.float32)),
        )
        window = cut_window(one.image, one.truth, one.scaling, {2: 6})
        assert window.patch.shape == (1, 6, 6)
        assert window.patch[0, 0, 0] == (2 * 20 + 7 - 100) / 2
        assert window.truth.n == 2
        assert (window.truth.labels[2, 2], window.truth.labels[3, 5]) == (1, 2)

    def test_is_all_of_a_smaller_image(self):
        one = self_telling(5, 20, 30)
        window = cut_window(one.image, one.truth, one.scaling)
        assert window.patch.shape == (3, 5, 20, 30)
        assert window.truth.n == 3000


def test_where_nothing_is_known_nothing_is_learnt() -> None:
    labels = np.zeros((8, 8), np.uint32)
    labels[2:4, 2:4] = 1
    known = labels > 0
    known[6:] = True
    truth = Instances.from_labels(labels, known=known)
    targets = Example(Image(np.eye(8), "yx"), truth, LINEAR(Image(np.eye(8), "yx"))).targets
    assert (targets[:, ~known] == UNKNOWN).all()
    assert (targets[:, 6:] == 0).all()
    assert (targets[:, 2:4, 2:4] == 1).all()
