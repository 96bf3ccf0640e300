"""Objects that share pixels: from truth to targets, loss, clustering, tiles and tables."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stubs import LINEAR, mask_set, stub, tiny
from torch import Tensor, nn

from napari_discern.clustering import MeanShift
from napari_discern.evaluation import ROWS, oracle
from napari_discern.image import Image
from napari_discern.instances import UNKNOWN, Instances, stack_objects
from napari_discern.losses import Discriminative, Foreground, assign
from napari_discern.model import Model, Settings
from napari_discern.model.network import Output
from napari_discern.progress import run
from napari_discern.segmentation import recipe_for, segment
from napari_discern.synthetic import Scene, Translucent, Worms
from napari_discern.tiles import Bank, Grid, join
from napari_discern.training import Augmentation, Example, Sampler, Training, train
from napari_discern.training.pasting import lift, paste

CODE = 100
"""Two ids are painted as one number: the first, and so many times the second."""


class TwoIds(nn.Module):
    """A network of two layers that finds the two ids which a pixel codes."""

    def __init__(self, top: float) -> None:
        super().__init__()
        self.top = top

    def forward(self, image: Tensor) -> Output:
        value = (image[:, :1] * self.top).round()
        ids = torch.stack([value % CODE, value // CODE], dim=2)  # (B, 1, L, *S)
        count = (ids > 0).sum(2)[:, 0]
        logits = 9.0 * torch.stack([count == k for k in range(3)], dim=1).float()
        return Output(torch.cat([4 * ids, torch.zeros_like(ids)], dim=1), logits)


def discs(number: int, shape: tuple[int, int] = (70, 90), seed: int = 0, deepest: int = 2) -> Instances:
    """Discs anywhere, no more than so many on a pixel."""
    random, masks = np.random.default_rng(seed), []
    y, x = np.indices(shape)
    while len(masks) < number:
        mask = np.hypot(y - random.integers(shape[0]), x - random.integers(shape[1])) < random.integers(5, 12)
        if (np.sum([*masks, mask], axis=0) <= deepest).all():
            masks.append(mask)
    return Instances.from_masks(np.array(masks))


def painted(truth: Instances) -> tuple[Image, Model]:
    """A picture of objects, no more than two on a pixel, and a model that finds them in it."""
    first, second = stack_objects(truth, 2)
    pixels = (first + CODE * second).astype(np.float32)
    model = stub(TwoIds(float(pixels.max())))
    card = model.card.model_copy(update={"architecture": tiny(layers=2).architecture})
    return Image(pixels, "yx"), Model(card, model.network, model.device)


def example(pixels: np.ndarray, truth: Instances) -> Example:
    """A labelled image whose pixels are taken as they are."""
    return Example(Image(pixels.astype(np.float32), "yx"), truth, LINEAR(Image(np.eye(4), "yx")))


class TestPlanes:
    @given(seed=st.integers(0, 10_000), number=st.integers(0, 9), deepest=st.integers(1, 4))
    def test_hold_each_object_whole_in_as_few_as_needed(self, seed: int, number: int, deepest: int) -> None:
        truth = discs(number, (40, 40), seed, deepest) if number else Instances(np.zeros((1, 40, 40), np.uint32))
        layers = stack_objects(truth, 4).astype(np.uint32)
        made = Instances.from_layers(layers)
        assert mask_set(made) == mask_set(truth)
        depth = max(1, int((truth.planes > 0).sum(axis=0).max()))
        assert depth <= len(made.planes) <= max(1, depth + 1)

    def test_objects_that_share_nothing_lie_in_one(self) -> None:
        layers = np.array([[[1, 0, 2]], [[0, 2, 0]]], np.uint32)
        assert Instances.from_layers(layers).planes.tolist() == [[[1, 2, 2]]]

    def test_the_table_says_who_shares_what(self) -> None:
        layers = np.array([[[1, 1, 2, 2, 3]], [[0, 2, 0, 3, 0]]], np.uint32)
        table = Instances.from_layers(layers).features().set_index("label")
        assert table["overlap_area"].to_dict() == {1: 1, 2: 2, 3: 1}
        assert table["overlaps_with"].to_dict() == {1: "2", 2: "1 3", 3: "2"}

    def test_pixels_are_counted_by_the_objects_on_them(self) -> None:
        planes = np.array([[[1, 1, 0]], [[2, 0, 0]]], np.uint32)
        assert Instances(planes).coverage.tolist() == [1, 1, 1]
        assert Instances(planes[:1]).coverage.tolist() == [1, 2]


class TestTargets:
    def test_name_the_objects_of_a_pixel_and_their_number(self) -> None:
        truth = discs(6)
        targets = Example(Image(np.zeros(truth.shape), "yx"), truth, LINEAR(Image(np.eye(4), "yx")), 2).targets
        for y, x in np.ndindex(*truth.shape):
            ids = sorted(i for i in truth.planes[:, y, x] if i)
            assert targets[2, y, x] == len(ids)
            assert sorted(i for i in targets[:2, y, x] if i) == ids
        assert not ((targets[0] == 0) & (targets[1] > 0)).any()

    def test_of_too_many_objects_it_is_unknown_which_they_are(self) -> None:
        truth = discs(12, (40, 40), deepest=3)
        deep = (truth.planes > 0).sum(axis=0) == 3
        assert deep.any()
        stacked = stack_objects(truth, 2)
        assert np.array_equal((stacked == UNKNOWN).all(axis=0), deep)


class TestPasting:
    def pasted(self, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """A window with two discs, before and after another disc of brightness 3 was laid over it."""
        planes = np.zeros((1, 40, 40), np.uint32)
        planes[0, 5:15, 5:15], planes[0, 20:34, 22:36] = 1, 2
        mask = np.hypot(*(np.indices((20, 20)) - 9)) < 6
        donor = Example(
            Image((1 + 3 * mask).astype(np.float32), "yx"),
            Instances.from_masks(mask[None]),
            LINEAR(Image(np.eye(4), "yx")),
        )
        image, targets = np.zeros((1, 40, 40), np.float32), np.concatenate([planes, 0 * planes, planes > 0]).astype(int)
        before = image.copy(), targets.copy()
        _, box, mask = donor.pieces[0]
        paste(image, targets, lift(donor.image, donor.truth, donor.scaling, box), mask, np.random.default_rng(seed))
        return *before, image, targets

    @pytest.mark.parametrize("seed", range(6))
    def test_adds_its_light_and_owns_its_pixels_beside_the_others(self, seed: int) -> None:
        _, old, image, targets = self.pasted(seed)
        where = (targets[:2] == 3).any(axis=0)
        assert np.allclose(image[0], np.where(where, 3, 0))
        assert np.array_equal(targets[2], old[2] + where)
        assert (where & (old[0] > 0)).any()
        assert np.array_equal(np.sort(targets[:2], axis=0)[1][~where], old[0][~where])
        assert not ((targets[0] == 0) & (targets[1] > 0)).any()

    def test_where_no_place_is_left_it_is_unknown_who_is_there(self) -> None:
        targets, mask = np.ones((3, 30, 30), int), np.ones((9, 9), bool)
        targets[1], targets[2] = 2, 2
        paste(np.zeros((1, 30, 30), np.float32), targets, mask[None].astype(np.float32), mask, np.random.default_rng(0))
        assert (targets[:2] == UNKNOWN).all(axis=0).any()
        assert (targets[2] == 2).all()

    def test_only_models_of_several_layers_get_it(self) -> None:
        truth = discs(5, (64, 64), deepest=1)
        image = Image(truth.foreground.astype(np.float32), "yx")
        always = Augmentation(paste=1.0, rotate=0, shrink=1, grow=1, flip=False)
        for layers, most in ((1, 1), (2, 2)):
            sampler = Sampler([Example(image, truth, LINEAR(image), layers)], (48, 48), always)
            assert int(sampler.draw(12).classes.max()) == most


class TestAssignment:
    def test_each_object_takes_the_layer_that_pulls_least(self) -> None:
        ids = torch.tensor([[1, 1, 1, 1, 2, 2], [0, 0, 2, 2, 0, 0]])
        place = torch.tensor([[0.0, 0.0, 0.1, 5.1, 5.0, 5.0], [9.0, 9.0, 5.2, 0.2, 9.0, 9.0]])
        ordered = assign(place[None, None, :, None], ids[None, :, None])[0, :, 0]
        assert ordered.tolist() == [[1, 1, 1, 2, 2, 2], [0, 0, 2, 1, 0, 0]]

    @given(seed=st.integers(0, 10_000), layers=st.integers(2, 3))
    def test_the_objects_of_a_pixel_stay_and_use_the_first_layers(self, seed: int, layers: int) -> None:
        random = np.random.default_rng(seed)
        ids = np.stack([random.permutation(6)[:layers] for _ in range(40)]).T
        ids = np.take_along_axis(ids, np.argsort(ids == 0, axis=0, kind="stable"), axis=0)
        cut = random.integers(0, layers + 1, 40)
        ids[np.arange(layers)[:, None] >= cut] = 0
        ids[:, random.random(40) < 0.1] = UNKNOWN
        embedding = torch.from_numpy(random.normal(size=(2, 3, layers, 40)).astype(np.float32))
        labels = torch.from_numpy(np.stack([ids, ids[:, ::-1].copy()]))
        ordered = assign(embedding, labels)
        assert torch.equal(ordered.sort(1).values, labels.sort(1).values)
        assert torch.equal(ordered > 0, labels > 0)

    def test_an_object_that_others_cover_wholly_has_a_mean_all_the_same(self) -> None:
        ids = torch.tensor([[1, 1, 1, 1], [0, 2, 2, 0]])
        place = torch.tensor([[0.0, 7.0, 0.1, 0.0], [9.0, 0.1, 7.1, 9.0]])
        ordered = assign(place[None, None, :, None], ids[None, :, None])[0, :, 0]
        assert ordered.tolist() == [[1, 2, 1, 1], [0, 1, 2, 0]]


def test_the_foreground_loss_takes_borders_of_every_layer() -> None:
    labels = torch.zeros(1, 2, 8, 8, dtype=torch.int64)
    labels[:, 0], labels[:, 1, :, 4:] = 1, 2
    classes = (labels > 0).sum(1)
    logits = torch.zeros(1, 3, 8, 8)
    logits[:, 1] = torch.where(torch.arange(8) == 3, -3.0, 3.0)  # wrong only beside the border of the second
    plain, edged = (Foreground(boundary=b, dice=0)(logits, classes, labels) for b in (0.0, 10.0))
    assert edged > plain


def test_two_layers_of_truth_are_found_whole_and_in_tiles_alike() -> None:
    truth = discs(14)
    image, model = painted(truth)
    whole = run(segment(image, model))
    tiled = run(segment(image, model, recipe_for(model, "stub", tile=24, halo=14)))
    assert len(truth.planes) > 1
    assert mask_set(whole) == mask_set(truth) == mask_set(tiled)
    assert len(tiled.planes) == len(whole.planes)
    for name in ("score", "gap"):
        assert np.isfinite(tiled.measures[name]).all()
        assert len(tiled.measures[name]) == truth.n


def test_small_objects_are_left_out_of_the_whole_only() -> None:
    truth = discs(14)
    image, model = painted(truth)
    least = int(np.median(truth.areas))
    tiled = run(segment(image, model, recipe_for(model, "stub", tile=24, halo=14, min_size=least)))
    assert sorted(tiled.areas) == sorted(a for a in truth.areas if a >= least)


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000), number=st.integers(1, 10), tile=st.integers(12, 60), deepest=st.integers(1, 4))
def test_pieces_make_the_objects_that_they_were_cut_from(
    tmp_path_factory: pytest.TempPathFactory, seed: int, number: int, tile: int, deepest: int
) -> None:
    truth, random = discs(number, (50, 60), seed, deepest), np.random.default_rng(seed)
    bank = Bank(tmp_path_factory.mktemp("bank"), Grid(truth.shape, (tile, tile), (24, 24)))
    for tile_number in range(len(bank.grid)):
        inside = truth.crop(bank.grid.region(tile_number))
        order = np.concatenate([[0], 1 + random.permutation(inside.n)]).astype(np.uint32)  # ids of a tile are its own
        bank.write(tile_number, order[stack_objects(inside, 4)], {})
    joined = run(join(bank, 1))
    found = Instances(joined.labels())
    assert mask_set(found) == mask_set(truth)
    assert joined.objects["overlap"].tolist() == found.features()["overlap_area"].tolist()


def test_the_true_centres_and_foreground_give_the_truth() -> None:
    truth = discs(9)
    image, model = painted(truth)
    rows = run(oracle(model, [(image, truth)]))
    assert [rows[row].mean["S_mean"] for row in ROWS] == [1, 1, 1, 1]


QUICK = {"batch": 2, "crop": 32, "steps": 2, "checks": 1, "precision": "32", "embedding": 4, "features": 8}


def layers_of(*truths: Instances, **training: object) -> int:
    """How many layers a model gets that is trained on such objects."""
    data = [(Image(t.foreground.astype(np.float32), "yx"), t) for t in truths]
    backbone = {"kind": "seg-res-net", "filters": 8, "levels": 2}
    steps = train(Training.from_dict({**QUICK, "backbone": backbone, **training}, "test"), data)
    model = next(progress.peek for progress in steps if progress.peek is not None)()
    steps.close()
    return int(model.card.architecture.layers)


def test_as_many_layers_as_the_labels_show(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    flat, shared, deep = discs(5, deepest=1), discs(9), discs(14, (40, 40), deepest=3)
    assert layers_of(flat) == 1
    assert layers_of(flat, shared) == 2
    assert layers_of(deep) == 3
    assert not [r for r in caplog.records if "more than" in r.message]
    assert layers_of(deep, layers=2) == 2
    (said,) = [r.message for r in caplog.records if "more than" in r.message]
    assert f"{int(((deep.planes > 0).sum(axis=0) > 2).sum())} pixels bear more than 2" in said


def test_a_trained_network_of_two_layers_pulls_and_pushes() -> None:
    """The loss over (layer, pixel) elements falls on one picture of two crossing bars."""
    masks = np.zeros((2, 24, 24), bool)
    masks[0, 9:15], masks[1, :, 9:15] = True, True
    truth = Instances.from_masks(masks)
    model = Model.create(tiny(layers=2), "cpu")
    model.network.train()
    image = torch.from_numpy(truth.planes.sum(axis=0, dtype=np.float32))[None, None]
    labels = torch.from_numpy(stack_objects(truth, 2).astype(np.int64))[None]
    optimiser, losses = torch.optim.Adam(model.network.parameters(), 1e-2), []
    for _ in range(40):
        output = model.network(image)
        assert output.embedding.shape == (1, 4, 2, 24, 24)
        assert output.logits.shape == (1, 3, 24, 24)
        loss = Discriminative()(output.embedding, assign(output.embedding, labels))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_settings_say_how_sure_of_a_further_object() -> None:
    truth = discs(9)
    image, model = painted(truth)
    strict = Settings(normalise=LINEAR, cluster=MeanShift(bandwidth=1.0), overlap_threshold=0.9999)
    assert len(run(segment(image, model.with_settings(strict))).planes) == 1


@pytest.mark.parametrize("scene", [Translucent(), Worms(size=160)])
def test_the_samples_share_pixels(scene: Scene) -> None:
    counts = np.sum([np.pad(scene(seed)[1].coverage, (0, 9))[:4] for seed in range(20)], axis=0)
    assert counts[2:].sum() / counts[1:].sum() > 0.02
    if isinstance(scene, Translucent):
        assert counts[3] == 0
        assert 0.15 < counts[2] / counts[1:].sum() < 0.25
