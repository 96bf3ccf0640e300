"""How a recipe is made: one function for the command line, the panels and Python."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from stubs import tiny

from napari_discern.cli.segment import recipe_of
from napari_discern.errors import BadArgument, BadFile, BadModel
from napari_discern.model import Model, read_card, zoo
from napari_discern.segmentation import Recipe, make_recipe, read_layer, recipe_for


@pytest.fixture
def mine(own: Path) -> Model:
    """A model of one's own, by the name `mine`."""
    return Model.create(tiny(), "cpu").save(own / "mine")


def test_all_faces_make_the_same(mine: Model, own: Path) -> None:
    wishes = {"model": "mine", "tile": 512, "cluster": {"bandwidth": 0.7}}
    by_flags = recipe_of(None, wishes)
    options, slid = {"tile": 512}, {"model": "mine", "cluster": wishes["cluster"]}
    in_panel = make_recipe(("option ", options), ("slider ", slid), card=mine.card)
    in_python = recipe_for(mine, "mine", tile=512, cluster=by_flags.cluster)
    assert by_flags == in_panel == in_python
    assert by_flags.weights_sha256 == mine.card.weights_sha256


@pytest.mark.parametrize("how", ["by name", "by path"])
def test_own_models_are_named_by_path_and_bundled_ones_by_name(
    how: str, mine: Model, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own)
    named = make_recipe(("", {"model": "mine" if how == "by name" else "./mine"}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(zoo.OWN, str(tmp_path / "none"))
    assert Path(named.model) == own / "mine"
    assert read_card(zoo.locate_model(named.model)) == mine.card
    bundled = "nuclei" if how == "by name" else str(zoo.BUNDLED / "nuclei")
    assert make_recipe(("", {"model": bundled})).model == "nuclei"


def test_a_recipe_that_names_an_own_model_by_name_is_followed(mine: Model, tmp_path: Path) -> None:
    (tmp_path / "old.toml").write_text(f'model = "mine"\nweights_sha256 = "{mine.card.weights_sha256}"\ntile = 99\n')
    assert make_recipe(read_layer(tmp_path / "old.toml")).tile == 99


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((("a.toml, ", {"tile": 1}), ("--", {"halo": 2})), r"^a\.toml, tile: "),
        ((("a.toml, ", {"tile": 1}), ("--", {"tile": 2})), r"^--tile: .*got 2"),
        ((("slider ", {"cluster": {"bandwidth": -1}}),), r"^slider cluster\.bandwidth: "),
    ],
)
def test_errors_name_where_a_value_came_from(layers: Any, message: str, mine: Model) -> None:
    with pytest.raises(BadArgument, match=message):
        make_recipe(("", {"model": "mine"}), *layers)


def test_weights_that_a_layer_pins_are_checked(mine: Model) -> None:
    with pytest.raises(BadArgument, match=r"^a\.toml was made with other weights.*'model'"):
        make_recipe(("a.toml, ", {"model": "mine", "weights_sha256": "0" * 64}), ("--", {}))


def test_another_version_is_told_and_replaced(mine: Model, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        made = make_recipe(("a.toml, ", {"model": "mine", "version": "0.0.1"}))
    assert "a.toml was made by version 0.0.1" in caplog.text
    assert made.version != "0.0.1"


def test_small_objects_are_left_out_in_proportion_unless_it_is_said(own: Path) -> None:
    card = tiny()
    card = card.model_copy(update={"settings": card.settings.model_copy(update={"min_size": 4})})
    for said, least in (({}, 16), ({"min_size": 3}, 3)):
        assert (
            make_recipe(("", {"model": "m", "object_size": 2 * card.object_size, **said}), card=card).min_size == least
        )


@pytest.mark.parametrize("values", [{}, {"model": 3}])
def test_a_model_must_be_named(values: dict[str, Any]) -> None:
    with pytest.raises(BadArgument, match="no model is named"):
        make_recipe(("", values))
    with pytest.raises(BadModel, match="no model 'none-such'"):
        make_recipe(("", {"model": "none-such"}))


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be read"):
        read_layer(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("tile = ")
    with pytest.raises(BadFile, match="not valid TOML"):
        read_layer(tmp_path / "bad.toml")


def test_tiles_are_halved_down_to_the_smallest() -> None:
    flat, deep = Recipe(model="m"), Recipe(model="m", tile=100)
    assert [r.tile for r in flat.smaller(tiny())] == [512, 256, 128, 64]
    assert [r.tile for r in deep.smaller(tiny(ndim=3))] == [50, 25]
