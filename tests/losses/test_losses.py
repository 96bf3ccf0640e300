"""Losses: against the paper's equations written out object by object, and against numbers worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_discern.losses import (
    ClassCentres,
    Discriminative,
    Foreground,
    Seediness,
    Similarity,
    centre_scores,
    class_means,
)
from napari_discern.losses.groups import draw


def literal(loss: Discriminative, embedding: Tensor, labels: Tensor, classes: Tensor | None = None) -> Tensor:
    """The equations of De Brabandere et al. 2017, section 3.1, one object at a time, in double precision."""
    classes = torch.zeros_like(labels) if classes is None else classes
    images = [i for i in range(len(labels)) if (labels[i] > 0).any()]
    total = embedding.double().sum() * 0
    for i in images:
        for kind in classes[i][labels[i] > 0].unique():
            mine = [(labels[i] == c) for c in labels[i][(labels[i] > 0) & (classes[i] == kind)].unique()]
            total = total + literal_of_one_class(loss, [embedding[i].double()[:, m].T for m in mine]) / len(images)
    return total


def literal_of_one_class(loss: Discriminative, objects: list[Tensor]) -> Tensor:
    """`objects`: for each the embeddings of its pixels, (N_c, E)."""
    count, zero = len(objects), objects[0].sum() * 0
    means = [x.mean(dim=0) for x in objects]
    var, dist, reg = zero, zero, zero
    for x, mu in zip(objects, means, strict=True):
        pulls = [torch.relu((mu - x_i).norm(loss.norm) - loss.delta_v) ** 2 for x_i in x]
        var = var + sum(pulls) / len(x) / count
        reg = reg + mu.norm(loss.norm) / count
    for a in range(count):
        others = [(means[a] - means[b]).norm(loss.norm) for b in range(count) if a != b]
        if loss.pairs == "close":
            others = [distance for distance in others if distance < 2 * loss.delta_d]
        for distance in others:
            dist = dist + torch.relu(2 * loss.delta_d - distance) ** 2 / (count * len(others))
    return loss.alpha * var + loss.beta * dist + loss.gamma * reg


def both(loss: Discriminative, embedding: Tensor, labels: Tensor, classes: Tensor | None = None) -> tuple[Tensor, ...]:
    """Value and gradient, ours and the literal ones."""
    results = []
    for function in (loss, lambda *args: literal(loss, *args)):
        x = embedding.clone().requires_grad_()
        value = function(x, labels, classes)
        results += [value, *torch.autograd.grad(value, x)]
    return tuple(results)


def agree(loss: Discriminative, embedding: Tensor, labels: Tensor, classes: Tensor | None = None) -> None:
    value, gradient, true_value, true_gradient = both(loss, embedding, labels, classes)
    torch.testing.assert_close(value, true_value.float(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradient, true_gradient.float(), rtol=1e-3, atol=1e-5)


def scene(seed: int, images: int, size: tuple[int, ...], dimensions: int, top: int) -> tuple[Tensor, Tensor]:
    """Random embeddings (B, E, *S), and labels between -1 and `top`, with gaps."""
    random = torch.Generator().manual_seed(seed)
    embedding = torch.randn(images, dimensions, *size, generator=random) * 1.5
    labels = torch.randint(-1, top + 1, (images, *size), generator=random)
    return embedding, labels * (labels != 2) if top > 3 else labels


class TestDiscriminativeAgainstThePaper:
    @settings(max_examples=40)
    @given(
        seed=st.integers(0, 10_000),
        images=st.integers(1, 3),
        dimensions=st.integers(1, 5),
        top=st.integers(0, 7),
        norm=st.sampled_from([1, 2]),
        pairs=st.sampled_from(["all", "close"]),
    )
    def test_value_and_gradient(self, seed, images, dimensions, top, norm, pairs):
        loss = Discriminative(norm=norm, pairs=pairs, delta_v=0.7, delta_d=1.25, alpha=0.5, beta=2.0, gamma=0.25)
        agree(loss, *scene(seed, images, (3, 4), dimensions, top))

    @settings(max_examples=20)
    @given(seed=st.integers(0, 10_000), norm=st.sampled_from([1, 2]))
    def test_each_class_by_itself(self, seed, norm):
        embedding, labels = scene(seed, 2, (4, 5), 3, 7)
        agree(Discriminative(norm=norm), embedding, labels, labels % 3)

    @pytest.mark.parametrize("norm", [1, 2])
    def test_many_objects_far_from_the_origin(self, norm):
        """Added coordinates make means large; distances between them must not lose their digits."""
        random = torch.Generator().manual_seed(0)
        labels = torch.arange(1, 61).repeat_interleave(3)[None]
        centres = torch.rand(1, 2, 60, generator=random) * 6 + 40
        embedding = centres.repeat_interleave(3, dim=2) + torch.randn(1, 2, 180, generator=random)
        agree(Discriminative(norm=norm, gamma=0), embedding, labels)

    @pytest.mark.parametrize("norm", [1, 2])
    def test_objects_all_but_in_one_place(self, norm):
        """Far from the origin and a thousandth apart, they are still pushed the right way."""
        embedding = 40 + torch.tensor([[[0.0, 0.002, 0.001, 0.0], [0.0, 0.001, -0.002, 3.0]]])
        agree(Discriminative(norm=norm, gamma=0), embedding, torch.tensor([[1, 2, 3, 4]]))

    def test_volumes(self):
        agree(Discriminative(), *scene(3, 2, (2, 3, 4), 4, 5))

    def test_elements_that_are_layers_of_pixels(self):
        """(B, E, L, H, W): the layers are more elements of the same objects."""
        embedding, labels = scene(4, 2, (2, 3, 4), 4, 5)
        loss = Discriminative()
        agree(loss, embedding, labels)
        side_by_side = loss(embedding.flatten(2), labels.flatten(1))
        torch.testing.assert_close(loss(embedding, labels), side_by_side)


class TestDiscriminativeByHand:
    """Object 1 at 0 and 4, object 2 at 3, in one dimension: means 2 and 3, default margins 0.5 and 1.5."""

    EMBEDDING = torch.tensor([[[0.0, 4.0, 3.0, 9.0, -9.0]]])
    LABELS = torch.tensor([[1, 1, 2, 0, -1]])

    def gradient(self, **weights: float) -> list[float]:
        x = self.EMBEDDING.clone().requires_grad_()
        Discriminative(**{"alpha": 0, "beta": 0, "gamma": 0, **weights})(x, self.LABELS).backward()
        return x.grad.flatten().tolist()

    def test_the_three_forces(self):
        forces = Discriminative().forces(self.EMBEDDING, self.LABELS)
        pull = ((2 - 0.5) ** 2 + 0) / 2
        push = (3 - 1) ** 2
        assert [f.item() for f in forces] == pytest.approx([pull, push, 2.5])
        assert Discriminative()(self.EMBEDDING, self.LABELS).item() == pytest.approx(pull + push + 0.001 * 2.5)

    def test_pixels_are_pulled_to_their_mean(self):
        assert self.gradient(alpha=1) == pytest.approx([-0.75, 0.75, 0, 0, 0])

    def test_means_are_pushed_apart(self):
        assert self.gradient(beta=1) == pytest.approx([2, 2, -4, 0, 0])

    def test_means_are_drawn_to_the_origin(self):
        assert self.gradient(gamma=1) == pytest.approx([0.25, 0.25, 0.5, 0, 0])

    def test_within_the_margins_nothing_moves(self):
        near = torch.tensor([[[0.0, 0.9, 4.0, 4.2]]], requires_grad=True)
        loss = Discriminative(gamma=0)(near, torch.tensor([[1, 1, 2, 2]]))
        loss.backward()
        assert loss.item() == 0
        assert not near.grad.any()

    def test_the_mean_of_all_pairs_or_of_those_too_close(self):
        """Means 0, 1 and 100: of three pairs one is closer than 3, by 2."""
        points, labels = torch.tensor([[[0.0, 1.0, 100.0]]]), torch.tensor([[1, 2, 3]])
        assert Discriminative().forces(points, labels).push.item() == pytest.approx(2**2 / 3)
        assert Discriminative(pairs="close").forces(points, labels).push.item() == pytest.approx((4 + 4 + 0) / 3)

    def test_objects_of_other_classes_or_images_do_not_push(self):
        together = torch.zeros(1, 2, 4)
        labels = torch.tensor([[1, 1, 2, 2]])
        assert Discriminative().forces(together, labels).push.item() == pytest.approx(9)
        assert Discriminative().forces(together, labels, torch.tensor([[1, 1, 2, 2]])).push.item() == 0
        apart = Discriminative().forces(together.view(2, 2, 2), labels.view(2, 2))
        assert apart.push.item() == 0

    def test_images_without_objects_do_not_dilute(self):
        x, labels = scene(5, 1, (4, 4), 3, 5)
        more = torch.cat([torch.randn_like(x), x, torch.randn_like(x)])
        more_labels = torch.cat([torch.zeros_like(labels), labels, torch.full_like(labels, -1)])
        torch.testing.assert_close(Discriminative()(more, more_labels), Discriminative()(x, labels))

    def test_background_and_unknown_have_no_say(self):
        x, labels = scene(7, 2, (4, 4), 3, 5)
        changed = torch.where((labels > 0)[:, None], x, torch.nan)
        changed.requires_grad_()
        loss = Discriminative()(changed, labels)
        assert loss == Discriminative()(x, labels)
        loss.backward()
        assert changed.grad.isfinite().all()


DEGENERATE = {
    "no object": torch.tensor([[[0, 0], [0, -1]], [[0, -1], [-1, 0]]]),
    "all unknown": torch.full((2, 2, 2), -1),
    "one object": torch.tensor([[[5, 5], [5, 5]], [[0, 0], [0, 0]]]),
    "one object an image": torch.tensor([[[1, 1], [0, 0]], [[0, 0], [1, 1]]]),
    "objects of one pixel": torch.tensor([[[1, 2], [3, 4]], [[0, 1], [2, 0]]]),
}


@pytest.mark.parametrize("norm", [1, 2])
@pytest.mark.parametrize("labels", DEGENERATE.values(), ids=DEGENERATE.keys())
@pytest.mark.parametrize("pairs", ["all", "close"])
@pytest.mark.parametrize("same", [None, 0.25, 1000.3])
def test_value_and_gradient_are_finite(labels, norm, pairs, same):
    x = (torch.randn(2, 3, 2, 2) if same is None else torch.full((2, 3, 2, 2), same)).requires_grad_()
    loss = Discriminative(norm=norm, pairs=pairs, gamma=0.1)(x, labels)
    loss.backward()
    assert loss.isfinite()
    assert x.grad.isfinite().all()
    if not (labels > 0).any():
        assert loss.item() == 0
        assert not x.grad.any()


def test_everything_at_the_origin_is_finite():
    x = torch.zeros(1, 2, 4, requires_grad=True)
    Discriminative(gamma=1)(x, torch.tensor([[1, 1, 2, 3]])).backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_goes_in_and_float32_comes_out(dtype):
    """Summed in bfloat16, 4,000 ones make 256; means and distances need float32."""
    x = torch.randn(1, 3, 4000).add(40).to(dtype)
    labels = torch.arange(4000)[None] % 40
    with torch.autocast("cpu", torch.bfloat16):
        mixed = Discriminative()(x, labels)
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, literal_fast(x.double(), labels), rtol=1e-3, atol=1e-4)


def literal_fast(x: Tensor, labels: Tensor) -> Tensor:
    """The default loss of one image, without a loop over pixels."""
    loss, objects = Discriminative(), [x[0, :, labels[0] == c].T for c in labels.unique() if c > 0]
    means = torch.stack([o.mean(0) for o in objects])
    pulls = [(o - m).norm(dim=1) - loss.delta_v for o, m in zip(objects, means, strict=True)]
    var = sum(torch.relu(pull).square().mean() for pull in pulls)
    gaps = torch.relu(2 * loss.delta_d - torch.pdist(means)).square().mean()
    return (var / len(objects) + gaps + loss.gamma * means.norm(dim=1).mean()).float()


def row(*values: int) -> Tensor:
    """One image of one row, (1, 1, W)."""
    return torch.tensor([[values]])


def binary(difference: Tensor) -> Tensor:
    """Logits (B, 2, *S) of background and object that lie this far apart."""
    return torch.stack([-difference / 2, difference / 2], dim=1)


class TestClassCentres:
    def test_images_of_a_step_share_their_means(self):
        """Each image by itself is as it should be; that a class lies elsewhere in the other costs."""
        points = torch.tensor([[[0.0, 0.0, 5.0, 5.0]], [[0.0, 0.0, 9.0, 9.0]]])[:, None, 0].expand(2, 2, 4)[:, :, None]
        classes = row(0, 0, 1, 1).expand(2, 1, 4)
        alone = [ClassCentres()(points[k : k + 1], classes[:1], classes[:1]) for k in (0, 1)]
        both = ClassCentres()(points, classes, classes)
        drift = [math.sqrt(2) * far / 2 * 0.001 for far in (5, 9, 7)]
        assert [x.item() for x in alone] == pytest.approx(drift[:2])
        pull = (math.sqrt(2) * 2 - 0.5) ** 2 / 2  # each of class 1 is sqrt(8) from its mean; half of the classes
        assert both.item() == pytest.approx(pull + drift[2])
        assert ClassCentres(weight=3)(points, classes, classes).item() == pytest.approx(3 * both.item())

    def test_unknown_pixels_cost_nothing(self):
        points = torch.tensor([[[0.0, 0.0, 5.0, 77.0]]])[:, None, 0].expand(1, 2, 4)[:, :, None]
        loss = ClassCentres()(points, row(0, 0, 1, -1), row(0, 0, 1, -1))
        assert loss.item() == pytest.approx(math.sqrt(2) * 5 / 2 * 0.001)

    def test_means_of_absent_classes_stay(self):
        points = torch.tensor([1.0, 3.0, 8.0, 50.0]).view(1, 1, 1, 4)
        found = class_means(points, row(0, 0, 2, -1), torch.tensor([[0.0], [7.0], [0.0]]))
        assert found.tolist() == [[2.0], [7.0], [8.0]]

    def test_a_pixel_is_of_the_nearest_class_and_of_none_far_from_all(self):
        centres = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
        points = torch.tensor([[0.2, 0.0], [3.6, 0.3], [0.0, 5.0], [4.0, 1.6], [40.0, 40.0]])
        scores = centre_scores(points.T.reshape(1, 2, 1, 5), centres)
        assert scores.argmax(1).flatten().tolist() == [0, 1, 2, 0, 0]
        assert scores[0, :, 0, 1].tolist() == pytest.approx([-(1.5**2), -(0.4**2 + 0.3**2), -(3.6**2 + 3.7**2)])


class TestForeground:
    def test_by_hand(self):
        """Nothing known yet: cross-entropy ln 2, chances one half, Dice (2 * 1 + 1) / (2 + 2 + 1)."""
        logits = torch.zeros(1, 2, 1, 4)
        labels = row(1, 1, 0, 0)
        assert Foreground()(logits, labels, labels).item() == pytest.approx(math.log(2) + 1 - 3 / 5)
        assert Foreground(dice=0)(logits, labels, labels).item() == pytest.approx(math.log(2))
        assert Foreground(dice=2, weight=3)(logits, labels, labels).item() == pytest.approx(3 * (math.log(2) + 0.8))

    def test_sure_and_right_costs_nothing_and_sure_and_wrong_much(self):
        labels = row(1, 1, 0, 0, 2, 2)
        classes = labels.clamp_max(1)
        sure = binary((2 * classes - 1) * 40.0)
        assert Foreground()(sure, classes, labels).item() == pytest.approx(0, abs=1e-5)
        assert Foreground()(-sure, classes, labels).item() == pytest.approx(40 + 1 - 1 / 7, rel=1e-4)

    def price(self, labels: Tensor, classes: Tensor, column: int, boundary: float = 1.0) -> float:
        """What it costs to be wrong at one pixel, times the weights of all pixels."""
        right = (2.0 * classes - 1) * 30
        right[..., column] *= -1
        return Foreground(dice=0, boundary=boundary)(binary(right), classes, labels).item() / 30

    def test_borders_between_objects_and_to_the_background_weigh_more(self):
        labels = row(0, 0, 0, 1, 1, 1, 2, 2)
        classes = labels.clamp_max(1)
        weights = [1, 1, 2, 2, 1, 2, 2, 1]
        prices = [self.price(labels, classes, column) for column in range(8)]
        assert prices == pytest.approx([w / 12 for w in weights], rel=1e-3)
        triple = [self.price(labels, classes, column, boundary=3.0) for column in range(8)]
        assert triple == pytest.approx([(3 * w - 2) / 20 for w in weights], rel=1e-3)

    def test_the_unknown_makes_no_border(self):
        labels = row(1, 1, -1, -1, 0, 0)
        classes = row(1, 1, -1, -1, 0, 0)
        prices = [self.price(labels, classes, column) for column in range(6)]
        assert prices == pytest.approx([0.25, 0.25, 0, 0, 0.25, 0.25], rel=1e-3)

    def test_a_pixel_that_two_objects_share_is_foreground_at_a_border(self):
        prices = [self.price(row(1, 1, -1, 2, 2), row(1, 1, 1, 1, 1), column) for column in range(5)]
        assert prices == pytest.approx([1 / 6, 1 / 6, 2 / 6, 1 / 6, 1 / 6], rel=1e-3)

    def test_borders_are_found_in_depth(self):
        labels = torch.ones(1, 3, 3, 3, dtype=torch.long)
        labels[:, 2] = 2
        classes = torch.ones_like(labels)
        logits = binary(classes * 30.0)
        wrong_far, wrong_near = logits.clone(), logits.clone()
        wrong_far[..., 0, 1, 1] *= -1
        wrong_near[..., 1, 1, 1] *= -1
        far, near = (Foreground(dice=0)(x, classes, labels).item() for x in (wrong_far, wrong_near))
        assert near == pytest.approx(2 * far, rel=1e-3)

    def test_a_pixel_of_a_rare_class_counts_as_many_of_the_commonest(self):
        classes = torch.ones(1, 1, 20, dtype=torch.long)
        classes[..., :4] = 2
        logits = 20.0 * torch.nn.functional.one_hot(classes, 3).movedim(-1, 1)
        wrong_rare, wrong_common = logits.clone(), logits.clone()
        wrong_rare[..., 0], wrong_common[..., -1] = 0, 0

        def price(values, **settings):
            return Foreground(dice=0, boundary=0, **settings)(values, classes, classes).item()

        assert price(wrong_rare) == pytest.approx(16 / 4 * price(wrong_common), rel=1e-3)
        assert price(wrong_rare, rare=2) == pytest.approx(2 * price(wrong_common, rare=2), rel=1e-3)
        assert price(wrong_rare, rare=1) == pytest.approx(price(wrong_common, rare=1), rel=1e-3)

    def test_unknown_pixels_have_no_say(self):
        random = torch.Generator().manual_seed(0)
        classes = torch.randint(-1, 2, (2, 6, 7), generator=random)
        logits = torch.randn(2, 2, 6, 7, generator=random).requires_grad_()
        loss = Foreground()(logits, classes, classes)
        (gradient,) = torch.autograd.grad(loss, logits)
        unknown = (classes < 0)[:, None].expand_as(gradient)
        assert not gradient[unknown].any()
        assert gradient[~unknown].any()
        other = torch.where(unknown, torch.full_like(logits, 25.0), logits)
        assert Foreground()(other, classes, classes) == loss

    def test_several_classes(self):
        classes = torch.tensor([[[0, 1, 2, 2]]])
        right = torch.nn.functional.one_hot(classes, 3).movedim(-1, 1) * 40.0
        assert Foreground()(right, classes, classes).item() == pytest.approx(0, abs=1e-5)
        mixed_up = right[:, [0, 2, 1]]
        dice = (1 - 1 / 4 + 1 - 1 / 4) / 2
        assert Foreground(boundary=0, rare=1)(mixed_up, classes, classes).item() == pytest.approx(
            40 * 3 / 4 + dice, rel=1e-4
        )

    def test_shared_pixels_weigh_as_much_in_dice_as_in_cross_entropy(self):
        """Chances of a third: Dice of one and more (2 * 2 + 1) / (8/3 + 3 + 1), of two (2/3 + 1) / (4/3 + 1 + 1).

        They weigh 3 pixels and 1 pixel of a class that is half as common as the commonest.
        """
        classes, labels = torch.tensor([[[0, 1, 1, 2]]]), torch.tensor([[[[0, 1, 1, 1]], [[0, 0, 0, 2]]]])
        loss = Foreground(boundary=0)(torch.zeros(1, 3, 1, 4), classes, labels)
        assert loss.item() == pytest.approx(math.log(3) + (3 * 0.25 + 2 * 0.5) / 5, rel=1e-4)

    def test_dice_is_that_of_the_batch(self):
        """An image without objects has no Dice of its own: (2 * 1 + 1) / (2 + 2 + 1) over both."""
        labels = torch.tensor([[[1, 1]], [[0, 0]]])
        assert Foreground()(torch.zeros(2, 2, 1, 2), labels, labels).item() == pytest.approx(math.log(2) + 1 - 3 / 5)

    def test_low_precision_goes_in_and_float32_comes_out(self):
        random = torch.Generator().manual_seed(0)
        logits = torch.randn(2, 2, 40, 40, generator=random).bfloat16()
        labels = torch.randint(-1, 4, (2, 40, 40), generator=random)
        loss = Foreground()(logits, labels.clamp_max(1), labels)
        assert loss.dtype == torch.float32
        torch.testing.assert_close(loss, Foreground()(logits.float(), labels.clamp_max(1), labels))

    def test_objects_of_seventy_thousand_are_told_apart(self):
        """Neighbouring large ids must not be rounded into one."""
        labels = row(70_000, 70_000, 70_001)
        prices = [self.price(labels, torch.ones_like(labels), column) for column in range(3)]
        assert prices == pytest.approx([0.2, 0.4, 0.4], rel=1e-3)


def test_quality_is_the_share_that_is_as_wanted() -> None:
    labels = torch.tensor([[[1, 1, 2, 2], [3, 3, 0, -1]], [[1, 1, 1, 1], [0, 0, 0, 0]]])
    embedding = torch.zeros(2, 2, 2, 4)
    embedding[0, 0] = torch.tensor([[0.0, 0.0, 9.0, 9.0], [1.0, 3.0, 50.0, 50.0]])  # means 0, 9 and 2
    within, beyond = Discriminative().quality(embedding, labels)
    assert within == pytest.approx(8 / 10)  # the two pixels of object 3 are 1 away from their mean
    assert beyond == pytest.approx(2 / 3)  # objects 1 and 3 are too close; the second image has no pair
    assert all(math.isnan(v) for v in Discriminative().quality(embedding, torch.zeros_like(labels)))


def literal_similarity(embedding: Tensor, labels: Tensor, background: str) -> Tensor:
    """Fathi et al. 2017, equation 1 and the loss below it, pair by pair over all pixels, in double precision."""
    least = 1 if background == "unknown" else 0
    total, images = embedding.double().sum() * 0, 0
    for e, y in zip(embedding.double(), labels, strict=True):
        points, ids = e[:, y >= least].T, y[y >= least]
        if not len(ids):
            continue
        images += 1
        size = torch.tensor([(ids == i).sum() for i in ids], dtype=torch.float64)
        weight = 1 / (size[:, None] * size[None])
        if background == "unlike":
            weight[(ids[:, None] == 0) & (ids[None] == 0)] = 0
        weight = weight / weight.sum().clamp_min(1e-30)
        loss = embedding.double().sum() * 0
        for p in range(len(ids)):
            for q in range(len(ids)):
                apart = (points[p] - points[q]).square().sum()
                if not weight[p, q]:
                    continue
                if ids[p] == ids[q]:
                    loss = loss - weight[p, q] * torch.log(2 / (1 + apart.exp()))
                else:
                    loss = loss - weight[p, q] * torch.log(1 - 2 / (1 + apart.exp()))
        total = total + loss
    return total / max(1, images)


class TestSimilarity:
    @pytest.mark.parametrize("background", ["object", "unlike", "unknown"])
    @given(seed=st.integers(0, 1000), objects=st.integers(0, 4))
    @settings(max_examples=15, deadline=None)
    def test_the_papers_sum_where_all_pixels_are_drawn(self, background: str, seed: int, objects: int) -> None:
        random = torch.Generator().manual_seed(seed)
        embedding = torch.randn(2, 3, 4, 5, generator=random)
        labels = torch.randint(-1, objects + 1, (2, 4, 5), generator=random)
        loss, results = Similarity(samples=100, background=background), []
        for function in (loss, lambda x, y: literal_similarity(x, y, background)):
            x = embedding.clone().requires_grad_()
            value = function(x, labels)
            results.append((value.float(), torch.autograd.grad(value, x)[0]))
        torch.testing.assert_close(results[0][0], results[1][0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-3, atol=1e-5)

    def test_pieces_of_the_background_need_not_be_alike(self) -> None:
        """Coordinates that are added to the embedding set them far apart."""
        embedding = torch.tensor([[[0.0, 50.0, 25.0, 25.0]]])
        loss = Similarity()(embedding, torch.tensor([[0, 0, 1, 1]]))
        assert loss == pytest.approx(0, abs=1e-4)
        assert Similarity(background="object")(embedding, torch.tensor([[0, 0, 1, 1]])) > 100

    def test_so_many_pixels_of_each_object(self) -> None:
        labels = torch.zeros(1, 20, 20, dtype=torch.int64)
        labels[0, :5], labels[0, 10, :3] = 1, 2
        drawn = draw(labels, 7, 0)
        assert torch.bincount(drawn.owner).tolist() == [7, 7, 3]
        assert drawn.size.unique().tolist() == [3, 100, 297]
        assert torch.equal(drawn.of(labels.flatten(1)), drawn.owner)
        assert len(draw(labels, 7).owner) == 10

    def test_pixels_are_drawn_anew_and_alike_for_a_seed(self) -> None:
        labels, embedding = torch.ones(1, 30, 30, dtype=torch.int64), torch.randn(1, 2, 30, 30)
        labels[:, :, 15:] = 2
        values = []
        for seed in (0, 0, 1):
            torch.manual_seed(seed)
            values.append(Similarity()(embedding, labels).item())
        assert values[0] == values[1] != values[2]

    @pytest.mark.parametrize("value", [0.0, 50.0])
    def test_it_stays_finite(self, value: float) -> None:
        """Equal pixels of different objects, pixels very far apart, no object, nothing known."""
        embedding = (value * torch.arange(16.0).view(1, 1, 4, 4)).requires_grad_()
        for labels in (torch.arange(16).view(1, 4, 4), torch.zeros(1, 4, 4).long(), torch.full((1, 4, 4), -1)):
            loss = Similarity()(embedding, labels)
            (gradient,) = torch.autograd.grad(loss, embedding)
            assert loss.isfinite()
            assert gradient.isfinite().all()


class TestSeediness:
    """Two objects on a line of nine pixels; the embedding is where a pixel lies, but for the last two."""

    LABELS = torch.tensor([[1, 1, 1, 0, 2, 2, 2, 2, -1]])
    EMBEDDING = torch.tensor([[[0.0, 0.1, 0.2, 9.0, 5.0, 5.1, 5.2, 7.0, 5.0]]])

    def wanted(self, taus: tuple[float, ...], **parts: Any) -> Tensor:
        """What the loss wants each pixel to say: the scores whose gradient pulls the right class up, (S, T)."""
        classes = parts.pop("classes", None)
        kinds = 2 if classes is None else int(classes.max()) + 1
        scores = torch.zeros(1, len(taus), kinds, 9, requires_grad=True)
        Seediness(samples=9, **parts)(scores, self.EMBEDDING, self.LABELS, taus, classes).backward()
        return torch.where(scores.grad.abs().sum(2) > 0, scores.grad.argmin(2), -1)[0].T

    def test_a_pixel_whose_mask_is_an_object_is_good_and_others_are_not(self) -> None:
        wanted = self.wanted((0.9,))
        assert wanted[:, 0].tolist() == [1, 1, 1, -1, 1, 1, 1, 0, -1]

    def test_the_overlap_must_be_above_the_threshold(self) -> None:
        """Three of four pixels of the second object: 0.75 is not above 0.75."""
        assert self.wanted((0.9,), iou=0.75)[:, 0].tolist() == [1, 1, 1, -1, 0, 0, 0, 0, -1]

    def test_a_wide_mask_that_takes_in_two_objects_is_none(self) -> None:
        """At a tiny tau all eight pixels are in every mask, of which the larger object is but a half."""
        assert self.wanted((1e-40,))[:, 0].tolist() == [0, 0, 0, -1, 0, 0, 0, 0, -1]

    def test_a_mask_that_is_another_object_is_good_for_that(self) -> None:
        """The first object's pixels take in all but the background at 9: more than half of it is the second object."""
        assert self.wanted((1e-30,))[:, 0].tolist() == [1, 1, 1, -1, 0, 0, 0, 0, -1]

    def test_each_tau_by_itself(self) -> None:
        both = self.wanted((0.9, 1e-40))
        assert both[:, 0].tolist() == self.wanted((0.9,))[:, 0].tolist()
        assert both[:, 1].tolist() == self.wanted((1e-40,))[:, 0].tolist()

    def test_the_class_is_that_of_the_object(self) -> None:
        classes = torch.tensor([[2, 2, 2, 0, 3, 3, 3, 3, -1]])
        assert self.wanted((0.9,), classes=classes)[:, 0].tolist() == [2, 2, 2, -1, 3, 3, 3, 0, -1]

    def test_masks_of_an_object_of_unknown_class_cost_nothing(self) -> None:
        """But that of its pixel 7, which is no object's whatever the class."""
        classes = torch.tensor([[2, 2, 2, 0, -1, -1, -1, -1, -1]])
        assert self.wanted((0.9,), classes=classes)[:, 0].tolist() == [2, 2, 2, -1, -1, -1, -1, 0, -1]
        nobody = torch.where(self.LABELS > 0, -1, 0)
        scores = torch.randn(1, 1, 2, 9, requires_grad=True)
        assert Seediness(iou=0.1)(scores, self.EMBEDDING * 0, self.LABELS, (1e-40,), nobody).item() == 0

    def test_sure_and_right_costs_nothing_and_half_sure_a_bit(self) -> None:
        scores = torch.zeros(1, 1, 2, 9)
        assert Seediness()(scores, self.EMBEDDING, self.LABELS, (0.9,)).item() == pytest.approx(math.log(2))
        scores[0, 0, 1] = 50.0
        scores[0, 0, :, 7] = torch.tensor([50.0, 0.0])
        assert Seediness()(scores, self.EMBEDDING, self.LABELS, (0.9,)).item() < 1e-6

    def test_the_embedding_is_left_alone_and_so_are_all_but_the_drawn(self) -> None:
        embedding = self.EMBEDDING.clone().requires_grad_()
        scores = torch.zeros(1, 1, 2, 9, requires_grad=True)
        Seediness(samples=1)(scores, embedding, self.LABELS, (0.5,)).backward()
        assert embedding.grad is None
        assert (scores.grad.abs().sum(2) > 0).sum() == 2

    def test_images_are_judged_by_themselves(self) -> None:
        embedding, labels = self.EMBEDDING.expand(2, 1, 9).clone(), self.LABELS.expand(2, 9).clone()
        embedding[1], labels[1] = embedding[1].flip(-1), labels[1].flip(-1)
        scores = torch.zeros(2, 1, 2, 9, requires_grad=True)
        Seediness(samples=9)(scores, embedding, labels, (0.9,)).backward()
        wanted = torch.where(scores.grad.abs().sum(2) > 0, scores.grad.argmin(2), -1)[:, 0]
        assert wanted.tolist() == [[1, 1, 1, -1, 1, 1, 1, 0, -1], [-1, 0, 1, 1, 1, -1, 1, 1, 1]]

    def test_a_mask_that_is_more_of_the_background_is_good_where_little_is_asked(self) -> None:
        """All five pixels are in the mask, two of them of the object: an IoU of 0.4, and of 0.6 with the background."""
        scores = torch.zeros(1, 1, 2, 5, requires_grad=True)
        Seediness(samples=9, iou=0.3)(scores, torch.zeros(1, 1, 5), torch.tensor([[1, 1, 0, 0, 0]]), (0.5,)).backward()
        assert scores.grad[0, 0].argmin(0)[:2].tolist() == [1, 1]

    def test_without_objects_it_is_nothing(self) -> None:
        scores = torch.zeros(1, 1, 2, 9, requires_grad=True)
        loss = Seediness()(scores, self.EMBEDDING, torch.zeros_like(self.LABELS), (0.5,))
        loss.backward()
        assert loss.item() == 0
        assert not scores.grad.any()

    def test_the_weight_is_nothing_at_first_and_rises(self) -> None:
        loss = Seediness(weight=0.2, begin=0.25, full=0.5)
        assert [loss.weight_at(done) for done in (0, 0.25, 0.375, 0.5, 1)] == pytest.approx([0, 0, 0.1, 0.2, 0.2])
        assert Seediness(begin=0.5, full=0.5).weight_at(0.49) == 0
