"""What the panels share: layers that lie over a result, the list of models, and one last result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels, Points
from qtpy.QtWidgets import QWidget

from napari_discern.gui.layers.overlays import Overlays
from napari_discern.gui.segment.choosing import ModelBox
from napari_discern.gui.widgets.layout import stack
from napari_discern.gui.widgets.table import Table
from napari_discern.gui.work.models import Models
from napari_discern.model import Card, Model


@pytest.fixture
def over() -> tuple[Overlays, Labels]:
    viewer = ViewerModel()
    return Overlays(viewer), viewer.add_labels(np.zeros((6, 8), int), name="result", scale=(2, 2), translate=(5, 7))


def test_an_overlay_lies_on_the_pixels_of_the_layer_and_is_drawn_anew_in_place(over: tuple[Overlays, Labels]) -> None:
    overlays, result = over
    overlays.viewer.layers.selection.active = result
    first = overlays.put("similarity", np.zeros((6, 8)), result, opacity=0.7)
    assert (tuple(first.scale), tuple(first.translate)) == ((2, 2), (5, 7))
    assert overlays.viewer.layers.selection.active is result
    first.opacity = 0.2
    result.translate = (0, 1)
    assert overlays.put("similarity", np.ones((6, 8)), result, opacity=0.7) is first
    assert first.data.all()
    assert first.opacity == 0.2, "a look set by hand stays"
    assert tuple(first.translate) == (0, 1)
    assert overlays.put("similarity", np.zeros((3, 8)), result) is not first, "of another shape"
    assert len(overlays.viewer.layers) == 2


def test_marks_are_moved_and_what_a_person_took_out_is_made_anew(over: tuple[Overlays, Labels]) -> None:
    overlays, result = over
    points = overlays.put("seeds", np.zeros((0, 2)), result, Points)
    assert overlays.put("seeds", np.ones((3, 2)), result, Points) is points
    assert len(points.data) == 3
    overlays.viewer.layers.remove(points)
    assert overlays.get("seeds") is None
    overlays.drop("seeds")
    assert overlays.put("seeds", np.ones((1, 2)), result, Points) in overlays.viewer.layers


def test_a_persons_layer_of_the_same_name_is_left_alone(over: tuple[Overlays, Labels]) -> None:
    overlays, result = over
    own = overlays.viewer.add_image(np.zeros((6, 8)), name="similarity")
    for value in (1, 2):
        overlays.put("similarity", np.full((6, 8), value), result)
    assert len(overlays.viewer.layers) == 3
    assert not own.data.any()
    overlays.drop("similarity")
    assert own in overlays.viewer.layers


@pytest.mark.usefixtures("own")
def test_the_box_shows_the_model_that_is_picked_and_picks_another(qtbot: Any) -> None:
    models = Models()
    box, told = ModelBox(models), []
    qtbot.addWidget(box)
    models.picked.connect(told.append)
    models.pick("leaves")
    assert box.currentData() == "leaves"
    box.setCurrentIndex(box.findData("nuclei"))
    models.pick("nuclei")
    models.pick("no such model")
    box.setCurrentIndex(box.count() - 1)
    assert (models.name, models.card) == ("nuclei", models.cards["nuclei"])
    assert told == ["leaves", "nuclei"]


def test_a_model_that_is_gone_is_no_longer_picked(own: Path, qtbot: Any) -> None:
    Model.create(Card(name="mine"), "cpu").save(own / "mine")
    models = Models()
    box = ModelBox(models)
    qtbot.addWidget(box)
    models.pick("mine")
    (own / "mine").rename(own.parent / "elsewhere")
    models.reload()
    assert models.name == next(iter(models.cards)) == box.currentData()
    assert models.add(own.parent / "elsewhere") == models.name == box.currentData()
    assert models.title == "mine (own)" == box.currentText()
    models.reload()
    assert models.title == "mine (own)", "one picked from disk stays in the list"


def test_a_folder_that_holds_no_model_leaves_the_choice_as_it_was(
    own: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, told = Models(), []
    box = ModelBox(models)
    qtbot.addWidget(box)
    models.pick("nuclei")
    models.picked.connect(told.append)
    for folder in ("", str(own.parent)):
        monkeypatch.setattr("qtpy.QtWidgets.QFileDialog.getExistingDirectory", lambda *_, folder=folder: folder)
        box.setCurrentIndex(box.count() - 1)
        box.activated.emit(box.count() - 1)
        assert box.currentData() == models.name == "nuclei"
        assert list(models.broken) == [folder] * bool(folder)
    assert told == ["nuclei"], "what is wrong is to be told"


def test_rows_of_a_table_replace_those_before(qtbot: Any) -> None:
    table = Table("score", "value")
    qtbot.addWidget(table)
    table.show_rows([("a", "1"), ("b", "2")])
    table.show_rows([("c", "3")], ["about c"])
    cells = [table.item(0, k) for k in (0, 1)]
    assert (table.rowCount(), [c.text() for c in cells], [c.toolTip() for c in cells]) == (
        1, ["c", "3"], ["about c"] * 2
    )  # fmt: skip


def test_parts_lie_one_below_another_and_those_of_a_row_beside_one_another(qtbot: Any) -> None:
    owner = QWidget()
    qtbot.addWidget(owner)
    top, left, right, field = (QWidget() for _ in range(4))
    for part in (top, left, right, field):
        part.setMinimumSize(20, 20)
    stack(owner, top, (left, right), [("&Field", field)])
    owner.resize(200, 200)
    owner.show()
    assert top.y() < left.y() == right.y() < field.y()
    assert left.x() < right.x()
    assert field.x() > top.x()
