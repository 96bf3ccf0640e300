"""The zoo: bundled models by name, any model by its path."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from stubs import tiny

from napari_discern.errors import BadModel, DeviceUnavailable
from napari_discern.model import WEIGHTS, Model, zoo


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two bundled models, and a model beside it; the working folder is elsewhere."""
    home = tmp_path / "package" / "models"
    for name, features in (("nuclei", 8), ("leaves", 16)):
        card = tiny(features=features).model_copy(update={"name": name, "description": f"finds {name}"})
        Model.create(card, "cpu").save(home / name)
    Model.create(tiny(features=24), "cpu").save(tmp_path / "package" / "mine")
    (home / "README.md").write_text("about the models")
    (home / "__pycache__").mkdir()
    (home / ".hidden").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(zoo, "BUNDLED", home)
    return home


def test_bundled_models_are_listed_by_name(bundled: Path) -> None:
    (bundled / "leaves" / WEIGHTS).unlink()  # which are not needed
    assert [(name, card.description) for name, card in zoo.list_models()] == [
        ("leaves", "finds leaves"),
        ("nuclei", "finds nuclei"),
    ]


def test_a_name_is_a_bundled_model(bundled: Path) -> None:
    assert zoo.locate_model("nuclei") == bundled / "nuclei"
    assert zoo.load_model("nuclei", "cpu").card.name == "nuclei"


def test_a_bundled_model_goes_before_a_folder_of_the_same_name(bundled: Path) -> None:
    Model.create(tiny(features=24), "cpu").save(Path("nuclei"))
    assert zoo.load_model("nuclei", "cpu").card.architecture.features == 8
    assert zoo.load_model("./nuclei", "cpu").card.architecture.features == 24


@pytest.mark.parametrize("how", ["absolute", "relative", "home"])
def test_a_path_is_any_model(bundled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    path = {"absolute": str(tmp_path / "package" / "mine"), "relative": "../package/mine", "home": "~/package/mine"}[
        how
    ]
    assert zoo.locate_model(path) == (tmp_path / "package" / "mine").resolve()
    assert zoo.load_model(path, "cpu").card.architecture.features == 24


@pytest.mark.parametrize("name", ["oaks", "Nuclei", "README.md", "nuclei/", "no/such/folder"])
def test_an_unknown_name_lists_the_known(bundled: Path, name: str) -> None:
    if name == "nuclei/":
        name += "deeper"
    with pytest.raises(BadModel) as caught:
        zoo.locate_model(name)
    assert name in str(caught.value)
    assert "leaves, nuclei" in str(caught.value)


@pytest.mark.parametrize("name", ["../mine", "..", "nuclei/../../mine", "leaves/..", ".hidden", "__pycache__"])
def test_a_name_leads_to_no_other_folder(bundled: Path, name: str) -> None:
    if name == "..":  # the working folder has a parent: that is a path, and never the package's
        assert zoo.locate_model(name) == Path("..").resolve()
        return
    with pytest.raises(BadModel, match="no model"):
        zoo.locate_model(name)


def test_an_absolute_path_is_not_taken_for_a_name(bundled: Path) -> None:
    assert zoo.locate_model(str(bundled / "nuclei")) == (bundled / "nuclei").resolve()


def test_without_bundled_models_paths_still_work(
    bundled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoo, "BUNDLED", tmp_path / "nowhere")
    assert list(zoo.list_models()) == []
    assert zoo.load_model("../package/mine", "cpu").card.architecture.features == 24
    with pytest.raises(BadModel, match="none is"):
        zoo.locate_model("nuclei")


def test_a_folder_without_a_model_is_refused(bundled: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadModel, match="not a model folder"):
        zoo.load_model(str(tmp_path / "empty"), "cpu")


def test_a_device_that_is_not_there_is_refused(bundled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(DeviceUnavailable, match="cuda"):
        zoo.load_model("nuclei", "cuda")


def test_the_models_that_ship_can_be_loaded() -> None:
    for name, card in zoo.list_models():
        assert zoo.load_model(name, "cpu").card == card


def test_own_models_are_listed_after_those_that_come_along(
    bundled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(zoo.OWN, str(tmp_path / "own"))
    for name in ("mine", "nuclei"):
        Model.create(tiny(features=16).model_copy(update={"name": name}), "cpu").save(tmp_path / "own" / name)
    (tmp_path / "own" / "broken").mkdir()
    assert [name for name, _ in zoo.list_models()] == ["leaves", "nuclei", "mine"]
    assert "'broken' is passed over" in caplog.text
    assert zoo.load_model("mine", "cpu").card.name == "mine"
    assert zoo.locate_model("nuclei") == bundled / "nuclei"


def test_the_models_that_come_along_are_small_and_say_what_they_are() -> None:
    sizes = {}
    for name, card in zoo.list_models():
        folder = zoo.locate_model(name)
        assert card.name == name
        assert all((card.description, card.licence, card.data, card.training)), name
        assert {"S_50", "S_mean", "SBD", "DiC", "PQ"} <= set(card.scores), name
        assert zoo.picture_of(name), name
        assert ("MIT" in card.licence) == (folder / "NOTICE.txt").is_file(), name
        sizes[name] = sum(file.stat().st_size for file in folder.iterdir())
    assert {"cells", "leaves", "nuclei", "nuclei-3d", "overlap"} <= set(sizes)
    assert max(sizes.values()) <= 5e6
    assert sum(sizes.values()) <= 20e6
