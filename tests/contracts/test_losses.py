"""Losses: whichever the two families have, with numbers that any loss must give."""

from __future__ import annotations

import pytest
import torch
from stubs import walked
from torch import Tensor

from napari_discern.losses import ForegroundLoss, Loss

LABELS = torch.tensor([
    [[1, 1, 1, 0, 0, 2, 2, -1], [1, 1, 0, 0, 0, 2, 2, -1], [3, 3, 3, 3, 0, 0, -1, -1]],
    [[0, 0, 0, 0, 0, 0, 7, 7], [0, 5, 5, 5, -1, 7, 7, 7], [-1, -1, 5, 5, 5, -1, -1, 7]],
])  # fmt: skip
"""Two images, (B, H, W), none of whose objects has more pixels than a loss that draws some would draw."""
DEGENERATE = {
    "no object": torch.tensor([[[0, 0], [0, -1]], [[0, -1], [-1, 0]]]),
    "all unknown": torch.full((2, 2, 2), -1),
    "one object": torch.tensor([[[5, 5], [5, 5]], [[0, 0], [0, 0]]]),
    "one object an image": torch.tensor([[[1, 1], [0, 0]], [[0, 0], [1, 1]]]),
    "objects of one pixel": torch.tensor([[[1, 2], [3, 4]], [[0, 1], [2, 0]]]),
}


def points(labels: Tensor = LABELS, dimensions: int = 9, seed: int = 0) -> Tensor:
    """Points in no order, (B, E, *S)."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn(len(labels), dimensions, *labels.shape[1:], generator=random)


def apart(labels: Tensor = LABELS, dimensions: int = 9) -> Tensor:
    """Points that lie together for one label, and far from those of any other, (B, E, *S)."""
    return 12.0 * torch.nn.functional.one_hot(labels + 1, dimensions).movedim(-1, 1).float()


def value_and_gradient(loss, embedding: Tensor, *rest: Tensor | None) -> tuple[Tensor, Tensor]:
    """What a loss says, drawing alike each time, and how it pulls."""
    torch.manual_seed(0)
    x = embedding.clone().requires_grad_()
    value = loss(x, *rest)
    assert (value.dtype, value.shape) == (torch.float32, ())
    return value.detach(), torch.autograd.grad(value, x)[0]


@pytest.mark.parametrize("loss", walked(Loss))
class TestEveryLoss:
    def test_a_finite_number_that_pulls_at_every_object(self, loss):
        value, gradient = value_and_gradient(loss, points(), LABELS)
        assert value.isfinite()
        assert value > 0
        assert gradient.isfinite().all()
        for image, one in zip(gradient, LABELS, strict=True):
            assert all(image[:, one == label].abs().sum() > 0 for label in one.unique() if label > 0)

    def test_lower_where_objects_lie_apart_than_where_they_mix(self, loss):
        mixed = apart()[..., torch.randperm(8, generator=torch.Generator().manual_seed(1))]
        together = torch.zeros_like(mixed)
        best = value_and_gradient(loss, apart(), LABELS)[0]
        assert all(best < 0.5 * value_and_gradient(loss, x, LABELS)[0] for x in (mixed, together))

    def test_a_step_along_the_gradient_helps(self, loss):
        value, gradient = value_and_gradient(loss, points(), LABELS)
        step = 1e-3 * gradient / gradient.norm()
        assert value_and_gradient(loss, points() - step, LABELS)[0] < value

    def test_names_of_objects_mean_nothing(self, loss):
        others = torch.tensor([0, 900, 70_000, 3, 1, 2, 4, 41, -1])[LABELS]  # index -1 is the unknown
        torch.testing.assert_close(loss(points(), others), loss(points(), LABELS))

    def test_the_order_of_images_means_nothing(self, loss):
        torch.testing.assert_close(loss(points().flip(0), LABELS.flip(0)), loss(points(), LABELS))

    def test_unknown_pixels_change_nothing(self, loss):
        unknown = (LABELS < 0)[:, None]
        value, gradient = value_and_gradient(loss, points(), LABELS)
        assert value_and_gradient(loss, points().masked_fill(unknown, 77.0), LABELS)[0] == value
        assert not (gradient * unknown).any()

    @pytest.mark.parametrize("labels", DEGENERATE.values(), ids=DEGENERATE.keys())
    @pytest.mark.parametrize("same", [None, 0.25, 1000.3])
    def test_finite_whatever_there_is(self, loss, labels, same):
        embedding = points(labels) if same is None else torch.full_like(points(labels), same)
        value, gradient = value_and_gradient(loss, embedding, labels)
        assert value.isfinite()
        assert gradient.isfinite().all()
        if (labels < 0).all():
            assert value == 0
            assert not gradient.any()

    def test_classes_are_taken_and_those_of_the_background_have_no_say(self, loss):
        classes = torch.where(LABELS > 0, 1 + LABELS % 2, 0)
        value, gradient = value_and_gradient(loss, points(), LABELS, classes)
        assert value.isfinite()
        assert gradient.isfinite().all()
        same = torch.ones_like(LABELS)
        torch.testing.assert_close(loss(points(), LABELS, same), loss(points(), LABELS))

    def test_volumes_and_layers_are_more_elements(self, loss):
        """(B, E, L, H, W) says what its elements in a row say."""
        flat = loss(points().flatten(2), LABELS.flatten(1))
        torch.testing.assert_close(loss(points(), LABELS), flat)
        torch.testing.assert_close(loss(points().unflatten(3, (2, 4)), LABELS.unflatten(2, (2, 4))), flat)

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_low_precision_goes_in_and_float32_comes_out(self, loss, dtype):
        low = points().to(dtype)
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(loss(low, LABELS), loss(low.float(), LABELS), rtol=1e-3, atol=1e-4)

    def test_quality_tells_a_good_embedding_from_a_collapsed_one(self, loss):
        good, collapsed = loss.quality(apart(), LABELS), loss.quality(torch.zeros_like(apart()), LABELS)
        assert good == (1, 1)
        assert collapsed.beyond == 0
        assert all(0 <= share <= 1 for share in loss.quality(points(), LABELS))
        assert all(share != share for share in loss.quality(points(), torch.full_like(LABELS, -1)))  # NaN

    def test_it_says_how_many_dimensions_it_does_well_with(self, loss):
        assert isinstance(loss.dimensions, int)
        assert loss.dimensions >= 2


CLASSES = LABELS.clamp_max(1) + (LABELS > 2).long()
"""Background, two classes and the unknown."""


@pytest.mark.parametrize("loss", walked(ForegroundLoss))
class TestEveryForegroundLoss:
    def test_a_finite_number_that_pulls(self, loss):
        value, gradient = value_and_gradient(loss, points(CLASSES, 3), CLASSES, LABELS)
        assert value.isfinite()
        assert value > 0
        assert gradient.isfinite().all()
        assert gradient.abs().sum() > 0

    def test_lower_where_it_is_right_than_where_it_is_wrong(self, loss):
        right = 12.0 * torch.nn.functional.one_hot(CLASSES.clamp_min(0), 3).movedim(-1, 1)
        wrong = right[..., torch.randperm(8, generator=torch.Generator().manual_seed(1))]
        best = value_and_gradient(loss, right, CLASSES, LABELS)[0]
        assert all(
            best < 0.5 * value_and_gradient(loss, x, CLASSES, LABELS)[0] for x in (wrong, torch.zeros_like(right))
        )

    def test_names_of_objects_mean_nothing(self, loss):
        others = torch.tensor([0, 900, 70_000, 3, 1, 2, 4, 41, -1])[LABELS]
        scores = points(CLASSES, 3)
        torch.testing.assert_close(loss(scores, CLASSES, others), loss(scores, CLASSES, LABELS))

    def test_unknown_pixels_change_nothing(self, loss):
        unknown, scores = (CLASSES < 0)[:, None], points(CLASSES, 3)
        value, gradient = value_and_gradient(loss, scores, CLASSES, LABELS)
        other = value_and_gradient(loss, scores.masked_fill(unknown, 77.0), CLASSES, LABELS)[0]
        torch.testing.assert_close(other, value)
        assert not (gradient * unknown).any()

    @pytest.mark.parametrize("labels", DEGENERATE.values(), ids=DEGENERATE.keys())
    @pytest.mark.parametrize("same", [None, 0.25, 1000.3])
    def test_finite_whatever_there_is(self, loss, labels, same):
        scores = points(labels, 2) if same is None else torch.full_like(points(labels, 2), same)
        value, gradient = value_and_gradient(loss, scores, labels.clamp_max(1), labels)
        assert value.isfinite()
        assert gradient.isfinite().all()
        if (labels < 0).all():
            assert value == 0
            assert not gradient.any()

    def test_layers_where_objects_share_pixels(self, loss):
        """Labels (B, L, H, W) of scores and classes (B, ..., H, W)."""
        layers = torch.stack([LABELS, torch.where(LABELS == 2, 9, 0)], 1)
        value, gradient = value_and_gradient(loss, points(CLASSES, 3), (layers > 0).sum(1), layers)
        assert value.isfinite()
        assert gradient.isfinite().all()

    def test_low_precision_goes_in_and_float32_comes_out(self, loss):
        low = points(CLASSES, 3).bfloat16()
        value = value_and_gradient(loss, low, CLASSES, LABELS)[0]
        torch.testing.assert_close(value, loss(low.float(), CLASSES, LABELS), rtol=1e-3, atol=1e-4)

    def test_its_weight_is_that_of_the_whole(self, loss):
        heavier = loss.model_copy(update={"weight": 3 * loss.weight})
        one, three = (each(points(CLASSES, 3), CLASSES, LABELS) for each in (loss, heavier))
        torch.testing.assert_close(three, 3 * one)
