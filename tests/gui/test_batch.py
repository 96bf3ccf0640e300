"""The panel Batch: volumes on disk are labelled while the window lives, and what happened at the seams is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ngio
import numpy as np
import pytest
from napari.layers import Labels, Points
from stubs import Bright, balls, same_partition, tiny

from napari_discern import io
from napari_discern.batch import Event, Events, Report
from napari_discern.gui.batch.panel import seams_layer
from napari_discern.gui.dock import Dock
from napari_discern.image import Image
from napari_discern.model import Model, drop_small

PANEL = "batch"
TRUTH = balls((61, 83), (4, 4), 20)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "cells.ome.zarr"
    ngio.create_ome_zarr_from_array(
        path, np.where(TRUTH > 0, 200, 10).astype(np.uint8), pixelsize=0.5, levels=2, consolidation_mode="auto"
    )
    return path


@pytest.fixture
def dock(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> Dock:
    monkeypatch.setattr("napari_discern.batch.task.ModelFinder", lambda recipe: Bright())
    dock.segment.model.pick("nuclei")
    return dock


def wait_for(panel: Any, qtbot: Any, click: Any) -> None:
    with qtbot.waitSignal(panel.runner.ended, timeout=60_000):
        click.click()
    qtbot.waitUntil(lambda: not panel.session.work.busy)


def test_volumes_are_labelled_on_disk(panel: Any, viewer: Any, volume: Path, qtbot: Any) -> None:
    panel.add([volume])
    wait_for(panel, qtbot, panel.label)
    found = ngio.open_ome_zarr_container(volume).get_label("objects").get_as_numpy()
    expected = drop_small(TRUTH, panel.recipe().min_size)  # as the card of the model has it
    assert same_partition(found, expected)
    assert f"{expected.max()} objects" in panel.table.item(0, 1).text()
    panel.show_seams.click()
    layer = next(layer for layer in viewer.layers if isinstance(layer, Labels))
    assert np.array_equal(np.asarray(layer.data[0]), found)
    assert layer.scale.tolist() == [0.5, 0.5]


def test_a_volume_of_one_level_is_shown(panel: Any, viewer: Any, tmp_path: Path, qtbot: Any) -> None:
    io.write_image(tmp_path / "cells.ome.zarr", Image(np.where(TRUTH > 0, 200, 10).astype(np.uint8), "yx"))
    panel.add([tmp_path / "cells.ome.zarr"])
    wait_for(panel, qtbot, panel.label)
    panel.show_seams.click()
    panel.show_seams.click()
    assert [layer.name for layer in viewer.layers] == ["cells.ome.zarr", "objects"]


def test_what_is_wrong_stands_in_the_row_of_the_volume(panel: Any, volume: Path, tmp_path: Path, qtbot: Any) -> None:
    other = tmp_path / "flat.ome.zarr"
    ngio.create_ome_zarr_from_array(
        other, np.zeros((20, 30, 30), np.uint8), pixelsize=0.5, levels=1, consolidation_mode="auto"
    )
    panel.add([other, volume])
    wait_for(panel, qtbot, panel.label)
    assert "is 3D" in panel.table.item(0, 1).text()
    assert "objects" in panel.table.item(1, 1).text()


def test_an_own_model_is_pinned_and_found_from_anywhere(panel: Any, own: Path, volume: Path) -> None:
    saved = Model.create(tiny(), "cpu").save(own / "mine")
    panel.shared.models.reload()
    panel.shared.models.pick("mine")
    panel.add([volume])
    task, inputs, out = panel.task()
    assert (inputs, out) == ([str(volume)], None)
    assert task.recipe == panel.recipe()
    assert (task.recipe.model, task.recipe.weights_sha256) == (str(own / "mine"), saved.card.weights_sha256)
    assert task.recipe.version


def test_an_empty_list_says_what_to_do(panel: Any) -> None:
    panel.label.click()
    assert "Add the folder" in panel.message.text


def test_settings_are_remembered(panel: Any, viewer: Any, volume: Path, qtbot: Any) -> None:
    panel.add([volume])
    panel.form.show(panel.form.read().model_copy(update={"label_name": "cells"}))
    wait_for(panel, qtbot, panel.label)
    anew = type(panel)(panel.shared, panel.recipe)
    assert anew.form.read().label_name == "cells"


def test_points_where_something_should_be_looked_at() -> None:
    events = (Event("joined", (1.0, 2.0), 3), Event("apart", (4.0, 5.0), 6), Event("cut", (7.0, 8.0), 9))
    layer = seams_layer(Report(Path("x"), "objects", "yx", 9, 4, Events.of(events, 2)), (0.5, 0.5))
    assert isinstance(layer, Points)
    assert layer.data.tolist() == [[4, 5], [7, 8]]
    assert layer.features["kind"].tolist() == ["apart", "cut"]
    assert len({str(symbol) for symbol in layer.symbol}) == 2  # not by colour alone
    assert seams_layer(Report(Path("x"), "objects", "yx", 9, 4, Events.of(events[:1], 2)), (0.5, 0.5)) is None
