"""Models: what they say of a patch, how they are saved and loaded, and where they run."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from stubs import Fixed, stub, tiny

from napari_discern.backbones import SegResNet
from napari_discern.clustering import MeanShift
from napari_discern.errors import BadFile, DeviceUnavailable, OutputExists
from napari_discern.model import (
    CARD,
    WEIGHTS,
    Card,
    Embedded,
    Model,
    Settings,
    drop_small,
    find_device,
    find_objects,
    pick_precision,
    read_card,
)

RANDOM = np.random.default_rng(0)


def patch(channels: int = 1, shape: tuple[int, ...] = (37, 45)) -> np.ndarray:
    return RANDOM.random((channels, *shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("card", "seen"),
    [
        (tiny(), patch()),
        (tiny(channels=3, coordinate_channels=True, coordinate_scale=4.0), patch(3)),
        (tiny(ndim=3, spacing=(2, 1, 1), coordinate_scale=4.0), patch(1, (9, 16, 21))),
        (tiny(backbone=SegResNet(filters=8, levels=2, norm="batch")), patch()),
    ],
    ids=["plain", "channels-coordinates", "3d", "batch-norm"],
)
def test_saved_and_loaded_says_the_same_bit_for_bit(card: Card, seen: np.ndarray, tmp_path: Path) -> None:
    model = Model.create(card, "cpu")
    for name, buffer in model.network.named_buffers():
        if name.endswith("running_mean"):
            buffer.fill_(0.3)  # as after training
    model.save(tmp_path / "model")
    before, after = model.embed(seen), Model.load(tmp_path / "model", "cpu").embed(seen)
    assert torch.equal(before.embedding, after.embedding)
    assert torch.equal(before.probability, after.probability)


def test_what_a_model_says_is_per_pixel(tmp_path: Path) -> None:
    said = Model.create(tiny(embedding=5, classes=2), "cpu").embed(patch())
    assert said.embedding.shape == (5, 37, 45)
    assert said.probability.shape == (3, 37, 45)
    assert said.embedding.dtype == said.probability.dtype == torch.float32
    assert torch.allclose(said.probability.sum(0), torch.ones(37, 45))
    assert not said.embedding.requires_grad


def test_the_card_holds_the_hash_of_the_weights(tmp_path: Path) -> None:
    saved = Model.create(tiny(), "cpu").save(tmp_path / "deep" / "model")
    written = hashlib.sha256((tmp_path / "deep" / "model" / WEIGHTS).read_bytes()).hexdigest()
    assert read_card(tmp_path / "deep" / "model").weights_sha256 == written
    assert saved.card == read_card(tmp_path / "deep" / "model")
    assert sorted(p.name for p in tmp_path.glob("deep/**/*")) == sorted(["model", CARD, WEIGHTS])


def test_every_field_of_a_card_survives(tmp_path: Path) -> None:
    settings = Settings(cluster=MeanShift(bandwidth=0.7, seed=3), foreground_threshold=0.4, min_size=12)
    card = tiny().model_copy(
        update={
            "name": "häutchen",
            "description": 'says "so"\n',
            "settings": settings,
            "scores": {"S_mean": 0.5},
            "training": {"minutes": 3.5, "loss": {"kind": "discriminative"}},
        }
    )
    saved = Model.create(card, "cpu").save(tmp_path / "model")
    assert read_card(tmp_path / "model") == saved.card
    assert saved.card.model_copy(update={"weights_sha256": ""}) == card


def test_a_card_is_read_without_the_weights(tmp_path: Path) -> None:
    saved = Model.create(tiny(), "cpu").save(tmp_path / "model")
    (tmp_path / "model" / WEIGHTS).unlink()
    assert read_card(tmp_path / "model") == saved.card


def test_other_settings_leave_the_model_as_it_was() -> None:
    model = Model.create(tiny(), "cpu")
    other = model.with_settings(Settings(foreground_threshold=0.9))
    assert (model.card.settings.foreground_threshold, other.card.settings.foreground_threshold) == (0.5, 0.9)
    assert other.network is model.network


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    first = Model.create(tiny(), "cpu").save(tmp_path / "model")
    before = {p.name: p.read_bytes() for p in (tmp_path / "model").iterdir()}
    other = Model.create(tiny(features=16), "cpu")
    with pytest.raises(OutputExists, match="overwrite"):
        other.save(tmp_path / "model")
    assert {p.name: p.read_bytes() for p in (tmp_path / "model").iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    other.save(tmp_path / "model", overwrite=True)
    assert Model.load(tmp_path / "model", "cpu").card.architecture.features == 16
    assert first.card.architecture.features == 8


def test_a_full_disk_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Model.create(tiny(), "cpu").save(tmp_path / "model")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)  # the card comes after the weights
        with pytest.raises(BadFile, match="No space left"):
            Model.create(tiny(features=16), "cpu").save(tmp_path / "model", overwrite=True)
    assert Model.load(tmp_path / "model", "cpu").card == first.card
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_foreground_is_what_is_surer_than_the_threshold() -> None:
    background = torch.tensor([[0.9, 0.5, 0.3]])
    said = Embedded(torch.zeros(2, 1, 3), torch.stack([background, 1 - background]))
    assert said.foreground(0.4).tolist() == [[False, True, True]]
    assert said.foreground(0.6).tolist() == [[False, False, True]]


def test_background_is_weighed_against_all_classes_together() -> None:
    probability = torch.tensor([0.4, 0.3, 0.3])[:, None, None]
    assert Embedded(torch.zeros(2, 1, 1), probability).foreground(0.5).all()


def test_small_objects_are_dropped_and_the_others_close_up() -> None:
    labels = np.array([[1, 0, 2, 2], [3, 3, 3, 0]], np.uint32)
    dropped = drop_small(labels, 2)
    assert dropped.dtype == np.uint32
    assert dropped.tolist() == [[0, 0, 1, 1], [2, 2, 2, 0]]
    assert drop_small(labels, 0).tolist() == labels.tolist()
    assert drop_small(labels, 9).tolist() == np.zeros((2, 4), int).tolist()
    assert drop_small(np.zeros((2, 3), np.uint32), 5).tolist() == np.zeros((2, 3), int).tolist()


def test_objects_are_clustered_in_the_foreground_only() -> None:
    place = np.array([[0, 0, 9, 9, 9], [0, 0, 9, 9, 5]])
    there = np.array([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]], bool)
    model = stub(Fixed(np.stack([place, 0 * place]), there))
    said = model.embed(np.zeros((1, 2, 5)))
    labels = find_objects(said, model.card.settings.model_copy(update={"min_size": 2}))
    assert labels.dtype == np.uint32
    assert (labels[0] > 0).tolist() == [[True, True, True, True, True], [False, False, True, True, False]]
    assert len({labels[0, 0, 0], labels[0, 0, 2]} & {1, 2}) == 2


def test_a_copy_through_pickle_says_the_same() -> None:
    model = Model.create(tiny(), "cpu")
    seen = patch()
    assert torch.equal(pickle.loads(pickle.dumps(model)).embed(seen).embedding, model.embed(seen).embedding)


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, kind in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert find_device("auto").type == kind


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:1"])
def test_a_gpu_asked_for_and_not_there_is_refused(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    Model.create(tiny(), "cpu").save(tmp_path / "model")
    with pytest.raises(DeviceUnavailable, match=f"{name}.*0 CUDA.*cpu"):
        Model.load(tmp_path / "model", name)


def test_a_second_gpu_is_refused_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert find_device("cuda") == torch.device("cuda")
    with pytest.raises(DeviceUnavailable, match="cuda:1"):
        find_device("cuda:1")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:-1", "cpu cpu"])
def test_a_device_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(DeviceUnavailable, match="no device called"):
        find_device(name)


@pytest.mark.parametrize("name", ["meta", "vulkan"])
def test_a_device_that_can_hold_nothing_is_refused(name: str) -> None:
    with pytest.raises(DeviceUnavailable, match=name):
        find_device(name)


def test_precision_goes_by_the_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert [pick_precision(p, cpu) for p in ("32", "bf16", "16")] == ["32-true", "bf16-mixed", "16-mixed"]
    for tiles, vectors, name in ((0, 0, "32-true"), (0, 1, "bf16-mixed"), (1, 0, "bf16-mixed")):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda fast=tiles: fast, raising=False)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda fast=vectors: fast, raising=False)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda fast=tiles or vectors, **_: fast)
        assert pick_precision("auto", cpu) == pick_precision("auto", cuda) == name


def test_low_precision_still_gives_float32() -> None:
    model = Model.create(tiny(), "cpu")
    low = Model(model.card, model.network, model.device, "bf16")
    high = Model(model.card, model.network, model.device, "32")
    seen = patch()
    assert low.embed(seen).embedding.dtype == low.embed(seen).probability.dtype == torch.float32
    assert not torch.equal(low.embed(seen).embedding, high.embed(seen).embedding)
    assert torch.allclose(low.embed(seen).embedding, high.embed(seen).embedding, atol=0.1)


@pytest.mark.parametrize("file", sorted((Path(__file__).parent / "released").rglob("*.json")), ids=lambda f: f.stem)
def test_models_of_older_versions_still_open(file: Path) -> None:
    """A card as it was released, and the names and shapes of its weights: both are what this version makes of it."""
    released = json.loads(file.read_text(encoding="utf-8"))
    model = Model.create(Card.from_dict(released["card"], file.name), "cpu")
    shapes = {name: list(value.shape) for name, value in model.network.state_dict().items()}
    assert shapes == released["shapes"]
    for name, value in released["card"]["settings"]["cluster"].items():
        assert getattr(model.card.settings.cluster, name) == value
