"""Semantic classes: from a table beside the labels to a column of the result, and the share that is right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from stubs import LINEAR, discs

from napari_discern import io
from napari_discern.backbones import SegResNet
from napari_discern.errors import BadFile
from napari_discern.image import Image
from napari_discern.instances import CHANCE, Instances, painted_classes, settle_classes
from napari_discern.losses import ClassCentres, Foreground, class_means
from napari_discern.metrics import Report, score
from napari_discern.metrics.score import pool
from napari_discern.model import Architecture, Card, Embedded, Model, Settings
from napari_discern.progress import run
from napari_discern.segmentation import Recipe, measure, recipe_for, segment
from napari_discern.synthetic import Cells
from napari_discern.training import Augmentation, Example, Training, train

LABELS = np.array([[7, 7, 0, 2], [0, 0, 0, 2], [9, 0, 0, 2]], np.uint16)


def of(classes: list[str], labels: np.ndarray = LABELS) -> Instances:
    return Instances.from_labels(labels, measures={"class": np.array(classes)})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    io.write_labels(tmp_path / "a.tif", Instances.from_labels(LABELS))
    return tmp_path / "a.tif"


@pytest.mark.parametrize("ids", [(9, 2, 7), (3, 1, 2)])  # those of the labels, or of what was made of them
def test_a_table_beside_the_labels_gives_classes_by_label(file: Path, ids: tuple[int, ...]) -> None:
    file.with_suffix(".csv").write_text(
        "label,area,class\n" + "".join(f"{i},1,{c}\n" for i, c in zip(ids, ("bud", "leaf", ""), strict=True))
    )
    found = io.read_instances(file)
    assert found.classes is not None
    assert found.classes.tolist() == ["leaf", "", "bud"]
    assert found.features()["class"].tolist() == ["leaf", "", "bud"]


def test_a_table_without_classes_is_of_no_account(file: Path) -> None:
    file.with_suffix(".csv").write_text("label,area\n2,3\n")
    assert io.read_instances(file).classes is None


@pytest.mark.parametrize("rows", ["2,leaf\n7,leaf\n", "2,leaf\n2,leaf\n7,bud\n"])
def test_a_table_that_lacks_an_object_is_refused(file: Path, rows: str) -> None:
    file.with_suffix(".csv").write_text(f"label,class\n{rows}")
    with pytest.raises(BadFile, match=r"a\.csv has . rows for 3 objects"):
        io.read_instances(file)


MAP = np.array([[5, 0, 3, 0], [5, 5, 5, 3], [0, 5, 0, 5]], np.uint8)


@pytest.mark.parametrize("suffix", ["tif", "png", "npy"])
def test_a_class_map_beside_the_labels_gives_the_class_of_most_pixels(file: Path, suffix: str) -> None:
    """Object 2 has one pixel of 3 and one of 5: the lower; 9 lies on none; 7 has one of 5 and one of none."""
    io.write_image(file.with_name(f"a.classes.{suffix}"), Image(MAP, "yx"))
    io.write_image(file.with_name("x.png"), Image(MAP, "yx"))
    classes = io.read_instances(file).classes
    assert classes is not None
    assert classes.tolist() == ["3", "5", ""]
    assert [p.name for p in io.list_labels(file.parent)] == ["a.tif", "x.png"]


def test_pixels_of_all_planes_count() -> None:
    planes = np.array([[[1, 1, 0, 0]], [[0, 2, 2, 2]]], np.uint32)
    assert painted_classes(planes, np.array([[4, 4, 7, 7]])).tolist() == [4, 7]
    assert painted_classes(planes, np.zeros((1, 4), int)).tolist() == [0, 0]
    assert painted_classes(planes[:0], np.ones((1, 4), int)).tolist() == []


@pytest.mark.parametrize(
    ("kinds", "words"),
    [(MAP[:2], "has the shape"), (MAP.astype(np.float32), "no whole number"), (MAP, "names classes as well")],
)
def test_a_class_map_that_does_not_fit_is_refused(file: Path, kinds: np.ndarray, words: str) -> None:
    if "names" in words:
        file.with_suffix(".csv").write_text("label,class\n2,leaf\n7,leaf\n9,bud\n")
    io.write_image(file.with_name("a.classes.tif"), Image(kinds, "yx"))
    with pytest.raises(BadFile, match=words):
        io.read_instances(file)


def test_classes_of_a_result_are_read_back(tmp_path: Path) -> None:
    written = of(["leaf", "bud", "leaf"])
    io.write_masks(tmp_path / "b.npz", written)
    io.write_features(tmp_path / "b.csv", written)
    read = io.read_instances(tmp_path / "b.npz").classes
    assert read is not None
    assert read.tolist() == ["leaf", "bud", "leaf"]


def test_targets_are_classes_and_unknown_where_an_object_is_of_none() -> None:
    image = Image(np.zeros(LABELS.shape, np.float32), "yx")
    example = Example(image, of(["leaf", "", "bud"]), LINEAR(image), classes=("bud", "leaf"))
    assert example.targets[1].tolist() == [[-1, -1, 0, 2], [0, 0, 0, 2], [1, 0, 0, 2]]
    assert Example(image, of(["leaf", "", "bud"]), LINEAR(image)).targets[1].max() == 1


def test_the_likeliest_class_is_settled_on() -> None:
    settled = settle_classes(
        {"score": np.ones(2), f"{CHANCE}a": np.array([0.9, 0.3]), f"{CHANCE}b": np.array([0.1, 0.7])}
    )
    assert settled["class"].tolist() == ["a", "b"]
    assert settled["confidence"].tolist() == [0.9, 0.7]
    assert set(settled) == {"score", "class", "confidence"}


def test_an_object_is_as_likely_of_a_class_as_its_pixels_are_on_the_mean() -> None:
    """Of what is no background: two pixels of 3 to 1, one of 0 to 1, and an object of one pixel."""
    probability = torch.tensor([[[0.2, 0.2, 0.0, 0.5]], [[0.6, 0.6, 0.0, 0.1]], [[0.2, 0.2, 1.0, 0.4]]])
    embedded = Embedded(torch.zeros(2, 1, 4), probability, classes=("a", "b"))
    found = measure(embedded, np.array([[[1, 1, 1, 2]]], np.uint32))
    assert found[f"{CHANCE}a"] == pytest.approx([0.5, 0.2])
    assert found[f"{CHANCE}b"] == pytest.approx([0.5, 0.8])


def test_matched_objects_of_the_right_class_are_counted() -> None:
    truth = of(["leaf", "bud", ""])
    right, none = score(of(["leaf", "leaf", "leaf"]), truth), score(Instances.from_labels(LABELS), truth)
    assert (right.classed, right.right_class, right.class_accuracy) == (2, 1, 0.5)
    assert (none.classed, none.class_accuracy) == (0, pytest.approx(np.nan, nan_ok=True))
    assert pool([right, score(truth, truth)]).class_accuracy == 0.75
    assert "0.500 of 2 matched objects are of the right one" in Report({"a": right}).table()
    assert Report({"a": right}).to_dict()["class_accuracy"] == 0.5
    assert "class_accuracy" not in Report({"a": none}).to_dict()


def test_found_objects_keep_their_classes_where_not_all_is_known() -> None:
    known = np.ones(LABELS.shape, bool)
    known[:, 3] = False  # object 2 lies there, and does not count
    truth = Instances.from_labels(
        np.where(known, LABELS, 0), known=known, measures={"class": np.array(["bud", "leaf"])}
    )
    assert score(of(["leaf", "bud", "leaf"]), truth).class_accuracy == 1


def two_kinds(number: int) -> list[tuple[Image, Instances]]:
    """Discs, every other of which is half as bright."""
    pictures = []
    for image, truth in discs(number, 48, 5.0):
        names = np.array(["bright", "dim"])[np.arange(truth.n) % 2]
        dim = np.concatenate([[False], names == "dim"])[truth.labels]
        pixels = np.where(dim, image.read()[0] / 2, image.read()[0])
        pictures.append((Image(pixels, "yx"), Instances(truth.planes, measures={"class": names})))
    return pictures


def learn(**changes: object) -> Model:
    plain = Augmentation(rotate=0, shrink=1, grow=1, brightness=0, contrast=0, gamma=0, noise=0, blur=0)
    how = Training(
        steps=120, batch=4, crop=32, checks=1, device="cpu", precision="32", features=8, embedding=4, seeds=True,
        ema_decay=0.9, warmup=10, learning_rate=0.01,
        backbone=SegResNet(filters=8, levels=2), augmentation=plain, settings=Settings(normalise=LINEAR),
    )  # fmt: skip
    return run(train(Training.from_dict({**how.model_dump(), **changes}, "test"), two_kinds(6)))


@pytest.fixture(scope="module")
def taught() -> Model:
    return learn()


@pytest.fixture(scope="module")
def centred() -> Model:
    return learn(foreground_loss=ClassCentres(dimensions=3).model_dump(), seeds=False)


@pytest.mark.parametrize("way", ["taught", "centred"])
def test_classes_are_learnt_and_told_whole_and_in_tiles(way: str, request: pytest.FixtureRequest) -> None:
    taught: Model = request.getfixturevalue(way)
    assert taught.card.classes == ("bright", "dim")
    assert taught.card.architecture.classes == 2
    image, truth = two_kinds(7)[6]
    for tile in ("auto", 32):
        found = run(segment(image, taught, recipe_for(taught, "own", tile=tile, halo=12)))
        scored = score(found, truth)
        assert scored.classed == truth.n
        assert scored.class_accuracy == 1
        assert (found.features()["confidence"] > 0.5).all()


def test_seeds_know_the_classes_as_well(taught: Model) -> None:
    image, truth = two_kinds(7)[6]
    recipe: Recipe = recipe_for(taught, "own")
    seeds = taught.embed(recipe.normalise(image)(image.read())).seeds
    assert seeds is not None
    assert seeds.chance.shape[:2] == (4, 3)
    chance = seeds.chance[:, 1:].mean(0).numpy()  # of bright, and of dim
    said = [chance[:, truth.labels == label].mean(1).argmax() for label in range(1, truth.n + 1)]
    assert said == [0, 1] * (truth.n // 2)


def test_recorded_centres_are_those_of_all_images(centred: Model, tmp_path: Path) -> None:
    """The points of an image never seen lie around the centres that the network remembers, also from a file."""
    centred.save(tmp_path / "model")
    network = Model.load(tmp_path / "model", "cpu").network
    image, truth = two_kinds(7)[6]
    example = Example(image, truth, LINEAR(image), classes=centred.card.classes)
    kinds = torch.from_numpy(example.targets[1]).long()
    with torch.no_grad():
        points = network(torch.from_numpy(LINEAR(image)(image.read()))[None]).points
    centres = network.get_buffer("centres")
    seen = class_means(points, kinds[None], torch.zeros_like(centres))
    assert (seen - centres).norm(dim=1).max() < 0.5
    assert torch.pdist(centres).min() > 2


def test_a_base_brings_its_way_with_classes(centred: Model, taught: Model) -> None:
    for base, way in ((centred, Foreground()), (taught, ClassCentres(dimensions=5))):
        how = Training(steps=1, batch=1, crop=32, checks=1, device="cpu", foreground_loss=way)
        card = run(train(how, two_kinds(2), base=base)).card
        assert card.architecture.class_dimensions == base.card.architecture.class_dimensions


def test_elongated_cells_are_a_class() -> None:
    _, truth = Cells(elongated=0.5, crowding=0.0, fewest=20, most=20)(3)
    assert truth.classes is not None
    boxes = {"round": [], "elongated": []}  # type: dict[str, list[float]]
    for label, _, mask in truth.masks():
        points = np.argwhere(mask)
        if len(points) > 100:
            spread = np.linalg.eigvalsh(np.cov(points.T))
            boxes[truth.classes[label - 1]].append(float(np.sqrt(spread[1] / spread[0])))
    assert np.median(boxes["round"]) < 1.6 < 1.9 < np.median(boxes["elongated"])
    assert Cells()(3)[1].classes is None


def test_a_card_names_as_many_classes_as_its_network_has() -> None:
    with pytest.raises(ValidationError, match="2 names do not fit a network of 3 classes"):
        Card(classes=("a", "b"), architecture=Architecture(classes=3))
