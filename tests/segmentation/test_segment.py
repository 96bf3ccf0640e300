"""Segmentation: whole or in tiles, of any layout; and the recipe that says how."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stubs import LINEAR, balls, knowing, same_partition, stub, tiny
from torch import nn

from napari_discern.backbones import DynUNet
from napari_discern.clustering import MeanShift
from napari_discern.errors import BadArgument, OutOfMemory
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.model import Model, Settings, find_objects
from napari_discern.normalise import Percentile
from napari_discern.progress import run
from napari_discern.segmentation import Recipe, embed, recipe_for, segment
from napari_discern.segmentation.single import JOINING

to_embed = Model.embed
TRUTH = balls((61, 83), (4, 4), 14)


def cut(model: Model, tile: int = 20, halo: int = 10, **changes: Any) -> Recipe:
    return recipe_for(model, "stub", tile=tile, halo=halo, **changes)


def found(data: np.ndarray, axes: str, model: Model, recipe: Recipe | None = None, **image: Any) -> Instances:
    return run(segment(Image(data, axes, **image), model, recipe))


def well_formed(objects: Instances, n: int) -> None:
    assert objects.n == n
    assert objects.planes.dtype == np.uint32
    assert len(objects.planes) == 1
    assert np.array_equal(np.unique(objects.labels[objects.labels > 0]), np.arange(1, n + 1))
    assert len(objects.features()) == n


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    return tmp_path / "scratch"


def test_the_ids_painted_are_found_whole_and_in_tiles(scratch: Path) -> None:
    model = knowing(TRUTH)
    whole, tiled = found(TRUTH, "yx", model), found(TRUTH, "yx", model, cut(model))
    for objects in (whole, tiled):
        well_formed(objects, int(TRUTH.max()))
        assert same_partition(objects.labels, TRUTH)
    assert list(scratch.iterdir()) == []


def test_touching_objects_stay_apart_across_tiles(scratch: Path) -> None:
    y, x = np.indices((60, 60))
    truth = (1 + (y // 15) * 4 + x // 15).astype(np.uint32)  # sixteen squares that touch, and no background
    truth[:, 0] = 0
    model = knowing(truth)
    assert same_partition(found(truth, "yx", model, cut(model, 20, 8)).labels, truth)


@pytest.mark.parametrize(
    ("axes", "channels"),
    [("yx", 1), ("cyx", 3), ("yxs", 3), ("yxs", 4), ("xy", 1), ("yxc", 2), ("ctyx", 2), ("tyx", 1)],
)
@pytest.mark.parametrize("tiled", [False, True])
def test_any_layout_of_a_flat_image(axes: str, channels: int, tiled: bool) -> None:
    noise = np.random.default_rng(0).random((channels - 1, *TRUTH.shape)) * TRUTH.max()
    data = np.concatenate([TRUTH[None], noise]).astype(np.float32)
    sizes = {"t": 1, "y": None, "x": None}
    sizes["s" if "s" in axes else "c"] = None
    laid = data[None]  # t c y x
    if not {"c", "s"} & set(axes):
        laid = laid[:, 0]
    names = [a for a in ("t", "s" if "s" in axes else "c", "y", "x") if a == "t" or a in axes]
    if "t" not in axes:
        laid, names = laid[0], names[1:]
    laid = laid.transpose([names.index(a) for a in axes])
    model = knowing(TRUTH, channels)
    objects = found(laid, axes, model, cut(model) if tiled else None, spacing=(2.0, 3.0), unit="um")
    assert same_partition(objects.labels, TRUTH)
    assert (objects.axes, objects.spacing, objects.unit) == ("yx", (2.0, 3.0), "um")


@pytest.mark.parametrize("axes", ["zyx", "xyz", "czyx", "zyxc"])
@pytest.mark.parametrize("tiled", [False, True])
def test_any_layout_of_a_volume(axes: str, tiled: bool) -> None:
    truth = balls((12, 30, 33), (1.5, 5, 5), 12)
    order = ["zyx".index(a) for a in axes if a != "c"]
    laid = truth.transpose(order)
    if "c" in axes:
        laid = np.expand_dims(laid, axes.index("c"))
    model = knowing(truth, spacing=(3.0, 1.0, 1.0))
    recipe = cut(model, 8, 4) if tiled else None
    objects = found(laid, axes, model, recipe, spacing=(3.0, 1.0, 1.0), unit="um")
    assert same_partition(objects.labels, truth)
    assert objects.spacing == (3.0, 1.0, 1.0)


def test_the_time_point_of_the_image_is_segmented() -> None:
    film = np.stack([np.zeros_like(TRUTH), TRUTH])
    frames = list(Image(film, "tyx").split_frames())
    counts = [run(segment(frame, knowing(TRUTH))).n for frame in frames]
    assert counts == [0, TRUTH.max()]


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_image_has_no_objects(tiled: bool, value: int) -> None:
    model = knowing(TRUTH)
    objects = found(np.full((50, 60), value, np.uint16), "yx", model, cut(model) if tiled else None)
    well_formed(objects, 0)
    assert objects.shape == (50, 60)


@pytest.mark.parametrize("tiled", [False, True])
def test_one_object_is_one(tiled: bool) -> None:
    truth = np.zeros((50, 60), np.uint8)
    truth[15:30, 12:33] = 1
    model = knowing(truth)
    well_formed(found(truth, "yx", model, cut(model) if tiled else None), 1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 5)])
def test_the_smallest_images_work_with_a_real_network(shape: tuple[int, int]) -> None:
    objects = found(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), "yx", Model.create(tiny(), "cpu"))
    assert objects.shape == shape
    well_formed(objects, objects.n)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("tiled", [False, True])
def test_pixels_that_are_no_numbers_are_background(bad: float, tiled: bool) -> None:
    data = TRUTH.astype(np.float32)
    data[20:24, 5:40] = bad
    expected = np.where(np.isfinite(data), TRUTH, 0)
    model = knowing(TRUTH)
    assert np.array_equal(found(data, "yx", model, cut(model) if tiled else None).foreground, expected > 0)


def test_an_image_without_any_number_is_refused() -> None:
    with pytest.raises(BadArgument, match=r"void.*finite"):
        found(np.full((30, 30), np.nan), "yx", knowing(TRUTH), name="void")


@pytest.mark.parametrize(("data", "axes"), [(np.zeros((2, 30, 30)), "cyx"), (np.zeros((9, 30, 30)), "zyx")])
def test_an_image_of_another_kind_is_refused_before_it_is_read(data: np.ndarray, axes: str) -> None:
    recording = Recording(data)
    with pytest.raises(BadArgument, match="was made for 2D images with 1 channel"):
        run(segment(Image(recording, axes), knowing(TRUTH)))
    assert recording.most == 0


class Recording:
    """An array that remembers the largest part that was read of it."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.shape, self.dtype, self.most = data, data.shape, data.dtype, 0

    def __getitem__(self, key: Any) -> np.ndarray:
        part = self.data[key]
        self.most = max(self.most, part.size)
        return part


def test_a_large_image_is_never_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_discern.normalise.SAMPLE", 2000)
    truth = balls((150, 160), (5, 5), 40)
    truth[0, 0] = truth.max() + 1  # in the sample, so that it becomes 1
    recording, model = Recording(truth), knowing(truth)
    objects = run(segment(Image(recording, "yx"), model, cut(model, 32, 12)))
    assert same_partition(objects.labels, truth)
    assert recording.most <= (32 + 2 * 12) ** 2
    assert max(np.prod(shape) for shape in model.network.seen) <= (32 + 2 * 12) ** 2


@pytest.mark.parametrize("tiled", [False, True])
def test_an_image_is_normalised_once(monkeypatch: pytest.MonkeyPatch, tiled: bool) -> None:
    looked, normalise = [], Percentile.__call__

    def counting(self: Percentile, image: Image) -> Any:
        looked.append(image.name)
        return normalise(self, image)

    monkeypatch.setattr(Percentile, "__call__", counting)
    model = knowing(TRUTH)
    found(TRUTH, "yx", model, cut(model) if tiled else None, name="one")
    assert looked == ["one"]


def test_the_contrast_of_a_tile_does_not_matter() -> None:
    truth = np.zeros((40, 100), np.uint32)
    truth[10:20, 5:15], truth[10:20, 80:90] = 1, 400  # dim and bright, far apart
    model = stub(knowing(truth).network)
    objects = found(truth, "yx", model, cut(model, 20, 10))
    assert same_partition(objects.labels, truth)


def test_small_objects_are_left_out_by_the_recipe() -> None:
    truth = np.zeros((40, 40), np.uint32)
    truth[5:15, 5:15], truth[30:32, 30:32] = 1, 2
    model = knowing(truth)
    for tile in (20, 100):
        assert [found(truth, "yx", model, cut(model, tile, min_size=s)).n for s in (0, 4, 5, 101)] == [2, 2, 1, 0]


def test_pieces_are_joined_across_tiles_as_in_the_whole() -> None:
    y, x = np.indices((90, 90))
    truth = ((1 + (y // 15) * 6 + x // 15) * ((y % 15 < 12) & (x % 15 < 12))).astype(np.uint32)
    pieces = np.where((truth > 0) & (y % 15 < 2), truth + 100, truth).astype(np.uint32)
    model = knowing(pieces)
    assert found(pieces, "yx", model, cut(model, 36, 18)).n == 72
    assert same_partition(found(pieces, "yx", model, cut(model, 36, 18, join_share=0.3)).labels, truth)


def test_objects_that_a_tile_cuts_off_are_no_pieces() -> None:
    """What is left of them at the border of a tile is joined to a neighbour there, and told apart in the next tile."""
    y, x = np.indices((90, 90))
    truth = (1 + (y // 10) * 9 + x // 10).astype(np.uint32)  # squares that touch, and no background
    truth[:, 0] = 0
    model = knowing(truth)
    assert same_partition(found(truth, "yx", model, cut(model, 32, 15, join_share=0.9)).labels, truth)


def test_the_size_that_counts_is_that_of_the_whole_object() -> None:
    truth = np.zeros((20, 64), np.uint32)
    truth[5:15, 2:60] = 1  # across all tiles, of which none sees more than 200 of its 580 pixels
    model = knowing(truth)
    assert found(truth, "yx", model, cut(model, 16, 2, min_size=400)).n == 1
    assert found(truth, "yx", model, cut(model, 16, 2, min_size=581)).n == 0


def test_the_precision_of_the_recipe_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(Model, "embed", lambda self, patch: seen.append(self.precision) or to_embed(self, patch))
    model = knowing(TRUTH)
    found(TRUTH, "yx", model, cut(model, 200, precision="bf16"))
    found(TRUTH, "yx", replace(model, precision="32"))
    assert seen == ["bf16", "32"]


def test_a_time_series_is_not_taken_for_its_first_frame() -> None:
    with pytest.raises(BadArgument, match=r"film has 3 time points; choose one .*split_frames"):
        found(np.stack([TRUTH] * 3), "tyx", knowing(TRUTH), name="film")


@pytest.mark.parametrize(("spacing", "warned"), [((2.0, 1.0, 1.0), True), ((8.1, 2.0, 2.0), False)])
def test_voxels_of_other_proportions_are_told(
    spacing: tuple[float, ...], warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    truth = balls((8, 20, 20), (2, 3, 3), 2)
    found(truth, "zyx", knowing(truth, spacing=(4, 1, 1)), spacing=spacing, unit="um")
    assert ("trained on the proportions 4 : 1 : 1" in caplog.text) == warned


def test_whole_and_in_tiles_the_objects_measure_alike() -> None:
    model = knowing(TRUTH)
    noisy = TRUTH + np.random.default_rng(1).uniform(-0.05, 0.05, TRUTH.shape) * (TRUTH > 0)
    tables = [found(noisy, "yx", model, cut(model, tile)).features() for tile in (20, 200)]
    tiled, whole = (t.sort_values(["centroid_y", "centroid_x"]).reset_index() for t in tables)
    assert whole["score"].between(0.5, 1, inclusive="neither").all()
    np.testing.assert_allclose(tiled["score"], whole["score"], atol=0.05)
    np.testing.assert_allclose(tiled["spread"], whole["spread"], rtol=0.5)
    assert (tiled["gap"] > 1).all()


def test_a_region_is_found_as_it_would_be_in_the_whole() -> None:
    model = knowing(TRUTH)
    region = (slice(11, 50), slice(20, 83))
    for tile in (20, 200):
        part = found(TRUTH, "yx", model, cut(model, tile, region="11:50,20:83"))
        assert part.shape == (39, 63)
        assert same_partition(part.labels, TRUTH[region])
    objects = find_objects(embed(Image(TRUTH, "yx"), model, cut(model, 200, region="11:50,20:83")), model.card.settings)
    assert same_partition(objects, TRUTH[region])


@pytest.mark.parametrize("region", ["0:5", "0:5,0:84", "5:5,0:9", "0:5,0:9,0:9"])
def test_a_region_outside_the_image_is_refused(region: str) -> None:
    model = knowing(TRUTH)
    with pytest.raises(BadArgument, match="does not lie in an image of 61 x 83 pixels"):
        found(TRUTH, "yx", model, cut(model, region=region))


def test_what_is_larger_than_a_tile_is_not_embedded_at_once() -> None:
    model = knowing(TRUTH)
    with pytest.raises(BadArgument, match="61 x 83 pixels are more than a tile holds"):
        embed(Image(TRUTH, "yx"), model, cut(model, 20, 10))


def test_the_recipe_goes_before_the_card() -> None:
    truth = np.zeros((20, 40), np.uint32)
    truth[5:15, 5:15], truth[5:15, 20:30] = 1, 2
    model = knowing(truth)  # the two lie 4 apart in the embedding
    assert found(truth, "yx", model, cut(model, 100, cluster={"kind": "mean-shift", "bandwidth": 9.0})).n == 1
    assert found(truth, "yx", model).n == 2


@pytest.mark.parametrize(("tile", "tiles"), [(20, 20), (31, 6), (200, 1)])
def test_progress_counts_the_tiles(tile: int, tiles: int) -> None:
    model = knowing(TRUTH)
    seen: list[tuple[float, float]] = []
    run(segment(Image(TRUTH, "yx"), model, cut(model, tile)), lambda p: seen.append((p.done, p.total)))
    done = [d for d, _ in seen]
    assert done == sorted(done)
    assert {k / 2 for k in range(2 * tiles + 1)} <= set(done)  # each tile embedded and clustered; then they are joined
    assert {total for _, total in seen} == {tiles + JOINING if tiles > 1 else 1}
    assert len(model.network.seen) == tiles


def test_a_stopped_segmentation_leaves_nothing_behind(scratch: Path) -> None:
    model = knowing(TRUTH)
    steps = segment(Image(TRUTH, "yx"), model, cut(model))
    for _ in range(4):
        next(steps)
    assert len(list(scratch.iterdir())) == 1
    steps.close()
    assert list(scratch.iterdir()) == []


class Failing(nn.Module):
    """Gives out at the third tile."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.left = inner, 2

    def forward(self, image: torch.Tensor) -> Any:
        if not self.left:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self.left -= 1
        return self.inner(image)


def test_a_failed_segmentation_leaves_nothing_behind(scratch: Path) -> None:
    model = stub(Failing(knowing(TRUTH).network))
    with pytest.raises(OutOfMemory, match="--tile"):
        found(TRUTH, "yx", model, cut(model))
    assert list(scratch.iterdir()) == []


def test_the_same_again_is_the_same_bit_for_bit() -> None:
    torch.manual_seed(0)
    model = Model.create(tiny(coordinate_scale=4.0), "cpu")
    data = np.random.default_rng(0).random((70, 90), np.float32)
    once, again = (found(data, "yx", model, cut(model, 24, 8, foreground_threshold=0.3)) for _ in range(2))
    assert np.array_equal(once.planes, again.planes)


def test_a_recipe_pins_the_weights(tmp_path: Path) -> None:
    model = Model.create(tiny(), "cpu").save(tmp_path / "model")
    recipe = recipe_for(model, "leaf")
    assert len(recipe.weights_sha256) == 64
    assert recipe.weights_sha256 == model.card.weights_sha256
    assert recipe.model == "leaf"
    assert recipe.version
    assert {name: getattr(recipe, name) for name in Settings.model_fields} == dict(model.card.settings)


def test_a_recipe_of_other_weights_is_refused(tmp_path: Path) -> None:
    one, other = (Model.create(tiny(), "cpu").save(tmp_path / name) for name in ("one", "other"))
    data = np.random.default_rng(0).random((16, 16))
    with pytest.raises(BadArgument, match="other weights"):
        found(data, "yx", one, recipe_for(other, "other"))
    for recipe in (recipe_for(one, "one"), Recipe(model="one")):
        found(data, "yx", one, recipe)


@pytest.mark.parametrize(
    "change", [{"tile": 0}, {"tile": -5}, {"halo": -1}, {"tile": "huge"}, {"foreground_threshold": 1}, {"a": 1}]
)
def test_a_recipe_of_nonsense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadArgument, match=next(iter(change))):
        recipe_for(knowing(TRUTH), "stub", **change)


def test_a_recipe_survives_its_file() -> None:
    recipe = Recipe(
        model='a "b"',
        weights_sha256="0" * 64,
        version="1",
        normalise=Percentile(low=2, high=90.5, cofactor=0),
        cluster=MeanShift(bandwidth=0.6, seed=4),
        foreground_threshold=0.35,
        min_size=17,
        tile=256,
        halo="auto",
        device="cpu",
        precision="bf16",
    )
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    assert Recipe.from_toml(Recipe(model="m").to_toml()) == Recipe(model="m")


def sized(size: float, **architecture: Any) -> Any:
    return tiny(**architecture).model_copy(update={"object_size": size})


@pytest.mark.parametrize(
    ("recipe", "card", "tile", "halo"),
    [
        ({}, sized(40), (1024, 1024), (60, 60)),
        ({}, sized(10), (1024, 1024), (32, 32)),
        ({}, sized(4000), (1024, 1024), (512, 512)),
        ({}, sized(20, spacing=(1, 2)), (1024, 1024), (32, 16)),
        ({}, sized(20, ndim=3), (96, 96, 96), (30, 30, 30)),
        ({}, sized(2, ndim=3), (96, 96, 96), (8, 8, 8)),
        ({}, sized(20, ndim=3, spacing=(5, 1, 1)), (96, 96, 96), (6, 30, 30)),
        ({"tile": 200, "halo": 40}, sized(20, ndim=3, spacing=(0.4, 0.1, 0.1)), (200, 200, 200), (10, 40, 40)),
        ({"tile": 64, "halo": 0}, sized(40), (64, 64), (1, 1)),
        ({"tile": 9, "halo": 7}, sized(40), (9, 9), (4, 4)),
    ],
)
def test_tile_and_halo_go_by_object_and_spacing(
    recipe: dict[str, Any], card: Any, tile: tuple[int, ...], halo: tuple[int, ...]
) -> None:
    assert Recipe(model="m", **recipe).cut(card) == (tile, halo)


@pytest.mark.parametrize(("said", "tile", "halo"), [(60, 1024, 90), (20, 512, 32), (1, 256, 32)])
def test_tile_and_halo_go_by_the_size_that_is_said(said: float, tile: int, halo: int) -> None:
    assert Recipe(model="m", object_size=said).cut(sized(40)) == ((tile, tile), (halo, halo))


@pytest.mark.parametrize(
    ("recipe", "stride", "shape", "whole"),
    [
        ({}, 2, (2048, 2048), True),
        ({}, 2, (2048, 2049), False),
        ({}, 1, (2048, 2048), False),
        ({}, 1, (1144, 1144), True),
        ({"tile": 1024}, 2, (2048, 2048), False),
        ({"object_size": 20}, 2, (1024, 1025), False),
    ],
)
def test_images_of_a_camera_are_looked_at_whole_where_blocks_are_seen(
    recipe: dict[str, Any], stride: int, shape: tuple[int, int], whole: bool
) -> None:
    assert Recipe(model="m", **recipe).whole(sized(40, stride=stride), shape) == whole


def test_volumes_are_whole_in_one_tile_only() -> None:
    card = sized(2, ndim=3, stride=2)
    assert Recipe(model="m").whole(card, (96, 112, 112))
    assert not Recipe(model="m").whole(card, (96, 112, 113))


@pytest.fixture
def learnt() -> Model:
    """A model with random weights that knows objects of 20 px, none smaller than 5."""
    torch.manual_seed(0)
    settings = Settings(normalise=LINEAR, min_size=5, foreground_threshold=0.4)
    card = sized(20, stride=2, coordinate_scale=6.0).model_copy(update={"settings": settings})
    return Model.create(card, "cpu")


def repeated(image: np.ndarray, times: int) -> Image:
    return Image(np.kron(image, np.ones((times, times), np.float32)), "yx")


def test_objects_said_to_be_larger_are_seen_as_if_they_were_not(learnt: Model) -> None:
    """The network gives for an image magnified twice what it gives for the image, each pixel repeated."""
    image = np.random.default_rng(0).random((32, 40), dtype=np.float32)
    as_it_is, told = (recipe_for(learnt, "m", object_size=size, precision="32") for size in ("auto", 40))
    small, large = embed(repeated(image, 1), learnt, as_it_is), embed(repeated(image, 2), learnt, told)
    expected = small.probability.repeat_interleave(2, 1).repeat_interleave(2, 2)
    torch.testing.assert_close(large.probability, expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("tile", [16, 64])
def test_whole_or_in_tiles_the_size_that_is_said_counts(learnt: Model, tile: int) -> None:
    image = Image(np.random.default_rng(0).random((64, 64), dtype=np.float32), "yx")
    told = recipe_for(learnt, "m", object_size=40, tile=tile, halo=8, precision="32")
    plain = told.model_copy(update={"object_size": "auto"})
    found = run(segment(image, learnt, told)).labels
    assert found.max() > 0
    assert np.array_equal(found, run(segment(image, learnt.for_objects(40), plain)).labels)
    assert not np.array_equal(found, run(segment(image, learnt, plain)).labels)


def test_where_objects_are_larger_so_is_the_smallest(learnt: Model) -> None:
    assert recipe_for(learnt, "m", object_size=40).min_size == 20
    assert recipe_for(learnt, "m", object_size=40, min_size=3).min_size == 3
    assert recipe_for(learnt, "m").min_size == 5


def test_a_backbone_that_cannot_take_larger_blocks_sees_the_image_shrunk(learnt: Model) -> None:
    """In blocks of four this one would have as many channels as filters, and no convolution to bring them together."""
    card = sized(20, stride=2, backbone=DynUNet(filters=16, levels=3), features=4, coordinate_scale=6.0)
    made = Model.create(card, "cpu").for_objects(40).card.architecture
    assert (made.stride, made.scales, made.coordinate_scale) == (2, (0.5,), 12.0)


@pytest.mark.parametrize(("margin", "tiled"), [(0, False), (1, True)])
def test_an_image_that_fits_in_a_tile_with_its_halo_is_done_at_once(
    margin: int, tiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, model = (20 + 2 * 10, 20 + 2 * 10 + margin), knowing(TRUTH)
    run(segment(Image(np.eye(*shape), "yx"), model, cut(model, 20, 10)))
    assert (len(model.network.seen) > 1) == tiled


def test_settings_of_a_card_are_what_a_segmentation_starts_from(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[Any] = []
    call: Callable[..., Any] = MeanShift.__call__

    def noting(self: MeanShift, *parts: Any) -> Any:
        used.append(self)
        return call(self, *parts)

    monkeypatch.setattr(MeanShift, "__call__", noting)
    found(TRUTH, "yx", knowing(TRUTH, cluster=MeanShift(bandwidth=0.37), normalise=LINEAR))
    assert used == [MeanShift(bandwidth=0.37)]
