"""The panel Segment, in the real napari, driven by its controls."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QApplication, QMessageBox, QPushButton
from stubs import knowing, same_partition
from superqt import QLabeledDoubleSlider

from napari_discern import io
from napari_discern.cli import main
from napari_discern.clustering import Seeds
from napari_discern.errors import BadArgument, OutOfMemory
from napari_discern.gui.dock import Dock
from napari_discern.gui.layers.overlays import OVERLAY
from napari_discern.gui.layers.review import RECIPE, Review
from napari_discern.gui.preferences import Preferences, preferences, recall
from napari_discern.gui.segment import panel as panel_module
from napari_discern.gui.segment.panel import SegmentPanel
from napari_discern.gui.work.found import Found
from napari_discern.gui.work.session import Session
from napari_discern.gui.work.shared import Shared
from napari_discern.image import Image
from napari_discern.model import Architecture, Card, Model, Settings, zoo
from napari_discern.progress import Progress, run
from napari_discern.segmentation import Recipe, many, segment
from napari_discern.synthetic import Cells

pytestmark = pytest.mark.usefixtures("own")
PANEL = "segment"

IMAGE, TRUTH = Cells(size=160, fewest=12, most=16)(5)


@pytest.fixture
def find(panel: SegmentPanel, qtbot: Any) -> Callable[[], Any]:
    def find() -> Any:
        with qtbot.waitSignal(panel.session.work.ended, timeout=120_000):
            qtbot.mouseClick(panel.find, Qt.MouseButton.LeftButton)
        return panel.shared.result

    return find


def add(viewer: Any, data: np.ndarray | None = None, **more: Any) -> Any:
    return viewer.add_image(IMAGE.read()[0] if data is None else data, **{"name": "cells", **more})


def expected(**changes: Any) -> np.ndarray:
    model = zoo.load_model("nuclei")
    recipe = Recipe.from_dict({**model.card.settings.model_dump(), "model": "nuclei", **changes})
    return run(segment(Image(IMAGE.read()[0], "yx"), model, recipe)).labels


def test_one_button_finds_the_objects(viewer: Any, panel: SegmentPanel, find: Callable[[], Any]) -> None:
    layer = add(viewer, scale=(0.5, 0.5))
    zoom = viewer.scene.camera.zoom
    result = find()
    assert np.array_equal(result.data, expected())
    assert tuple(result.scale) == (0.5, 0.5)
    assert viewer.layers.selection.active is layer
    assert viewer.scene.camera.zoom == zoom
    assert panel.message.text.startswith(f"{result.data.max()} objects, ")
    assert {"area", "score", "spread", "gap", "touches_border"} <= set(result.features)
    assert result.features["index"].tolist() == list(range(1, result.data.max() + 1))


def test_the_reason_is_of_the_model_that_is_picked(viewer: Any, panel: SegmentPanel) -> None:
    add(viewer)
    panel.model.pick("overlap")
    assert "overlap is for objects that are dark on bright" in panel.choosing.reason.text()
    panel.model.pick("nuclei")
    assert panel.choosing.reason.text() == "2D, one channel, bright on dark: nuclei"


def test_the_model_is_guessed_and_the_reason_given(viewer: Any, panel: SegmentPanel) -> None:
    add(viewer)
    assert panel.model.name == "nuclei"
    assert panel.choosing.reason.text() == "2D, one channel, bright on dark: nuclei"


def test_a_model_for_colours_is_guessed_for_colours(viewer: Any, panel: SegmentPanel) -> None:
    add(viewer, np.full((40, 40, 3), 90, np.uint8), rgb=True)
    assert panel.model.name == "leaves"


def test_a_model_for_dark_objects_is_guessed_for_dark_objects(viewer: Any, panel: SegmentPanel) -> None:
    add(viewer)
    assert panel.model.name == "nuclei"
    dark = add(viewer, IMAGE.read()[0].max() - IMAGE.read()[0], name="dark")
    panel.image.layer = dark
    assert panel.choosing.reason.text() == "2D, one channel, dark on bright: overlap"
    assert panel.model.name == "overlap"


def test_a_choice_is_kept_for_images_of_one_look(viewer: Any, panel: SegmentPanel, find: Callable[[], Any]) -> None:
    """What was chosen last comes back with the next such image, also where the card says something else."""
    bright, dark = add(viewer), add(viewer, IMAGE.read()[0].max() - IMAGE.read()[0], name="dark")
    panel.image.layer = dark
    panel.model.pick("nuclei")
    find()
    panel.image.layer = bright
    panel.model.pick("overlap")
    panel.image.layer = dark
    assert panel.model.name == "nuclei"
    assert "nuclei is for objects that are bright on dark" in panel.choosing.reason.text()


def test_thresholds_move_the_labels_at_once(
    viewer: Any, panel: SegmentPanel, find: Callable[[], Any], qtbot: Any
) -> None:
    add(viewer)
    before = find().data.copy()
    least = int(np.median(np.bincount(before.ravel())[1:]))
    with qtbot.waitSignal(panel.live.idle, timeout=60_000):
        panel.sliders.sliders["min_size"].setValue(least)
    after = panel.shared.result.data
    assert len(viewer.layers) == 2
    assert np.bincount(after.ravel())[1:].min() >= least
    assert after.max() < before.max()
    qtbot.waitUntil(lambda: "to check" in panel.message.text, timeout=10_000)  # measured once the slider rests
    assert len(panel.shared.result.features) == after.max()
    assert panel.shared.result.features["score"].notna().all()
    with qtbot.waitSignal(panel.live.idle, timeout=60_000):
        qtbot.mouseClick(panel.reset, Qt.MouseButton.LeftButton)
    assert np.array_equal(panel.shared.result.data, before)


def test_only_the_field_of_view(viewer: Any, panel: SegmentPanel, find: Callable[[], Any]) -> None:
    add(viewer)
    viewer.window._qt_window.show()
    viewer.scene.camera.center, viewer.scene.camera.zoom = (40, 60), 12
    QApplication.processEvents()
    panel.where.setCurrentText("Field of view")
    result = find()
    rows, columns = result.data.shape
    assert rows < 160 or columns < 160
    y, x = (int(t) for t in result.translate)
    note = Recipe.from_toml(result.metadata[RECIPE]["recipe"])
    assert note.region == f"{y}:{y + rows},{x}:{x + columns}"


def test_slices_of_a_stack_one_by_one_or_the_one_shown(
    viewer: Any, panel: SegmentPanel, find: Callable[[], Any]
) -> None:
    plane = IMAGE.read()[0]
    add(viewer, np.stack([plane, np.zeros_like(plane), plane]))
    panel.model.pick("nuclei")
    result = find()
    assert result.data.shape == (3, 160, 160)
    assert not result.data[1].any()
    assert same_partition(result.data[0], result.data[2])
    assert not set(np.unique(result.data[0])) & set(np.unique(result.data[2])) - {0}
    viewer.dims.set_point(0, 2)
    panel.where.setCurrentText("Current slice")
    assert same_partition(find().data, expected())


def test_labels_changed_by_hand_are_never_overwritten(
    viewer: Any, panel: SegmentPanel, find: Callable[[], Any]
) -> None:
    add(viewer)
    first = find()
    assert find() is first
    first.fill((5, 5), 999)
    kept = first.data.copy()
    second = find()
    assert second is not first
    assert np.array_equal(first.data, kept)
    assert [layer.name for layer in viewer.layers][1:] == ["cells objects", "cells objects 2"]


def test_a_run_can_be_stopped_and_changes_nothing(
    viewer: Any, dock: Dock, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []

    def endless(*_: Any) -> Iterator[Any]:
        try:
            while True:
                yield Progress("segment", 1, 10)
        finally:
            closed.append(True)

    monkeypatch.setattr(many, "find_in_image", endless)
    add(viewer, np.zeros((2, 40, 40), np.uint8))
    dock.segment.model.pick("nuclei")
    with qtbot.waitSignal(dock.session.work.progressed, timeout=60_000):
        qtbot.mouseClick(dock.segment.find, Qt.MouseButton.LeftButton)
    assert not dock.segment.find.isEnabled()
    with qtbot.waitSignal(dock.session.work.ended, timeout=2_000):
        qtbot.mouseClick(dock.segment.stop, Qt.MouseButton.LeftButton)
    assert closed == [True]
    assert len(viewer.layers) == 1
    assert "Stopped" in dock.segment.message.text
    assert dock.segment.find.isEnabled()


@pytest.mark.parametrize("error", [OutOfMemory("take smaller tiles"), RuntimeError("CUDA error"), KeyError("odd")])
def test_an_error_is_told_and_the_panel_stays_usable(
    error: Exception, viewer: Any, panel: SegmentPanel, find: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise error

    add(viewer)
    with monkeypatch.context() as patch:
        patch.setattr(Model, "embed", broken)
        assert find() is None
    assert str(error.args[0]) in panel.message.text
    assert panel.message.fold.isVisibleTo(panel)
    assert type(error).__name__ in panel.message.report.toPlainText()
    assert find() is not None


def test_without_an_image_it_is_said_what_to_do(panel: SegmentPanel, qtbot: Any) -> None:
    assert "No image is open" in panel.choosing.reason.text()
    qtbot.mouseClick(panel.find, Qt.MouseButton.LeftButton)
    assert "no image" in panel.message.text


def test_a_model_for_other_channels_is_refused_with_what_fits(viewer: Any, panel: SegmentPanel, qtbot: Any) -> None:
    panel.model.pick("nuclei")
    panel.model.cards = {"nuclei": panel.model.cards["nuclei"]}
    add(viewer, np.zeros((40, 40, 3), np.uint8), rgb=True)
    assert "no model for such images" in panel.choosing.reason.text()
    qtbot.mouseClick(panel.find, Qt.MouseButton.LeftButton)
    assert "3 channel" in panel.message.text


def test_layers_that_go_or_change_their_names_are_followed(viewer: Any, panel: SegmentPanel) -> None:
    first, second = add(viewer), add(viewer, name="other")
    panel.image.layer = second
    first.name = "renamed"
    assert [panel.image.itemText(k) for k in range(panel.image.count())] == ["renamed", "other"]
    assert panel.image.layer is second
    viewer.layers.remove(second)
    assert panel.image.layer is first
    viewer.layers.clear()
    assert panel.image.layer is None


def test_a_result_whose_layer_was_removed_is_shown_anew(
    viewer: Any, panel: SegmentPanel, find: Callable[[], Any]
) -> None:
    add(viewer)
    viewer.layers.remove(find())
    assert find() in viewer.layers


def test_the_line_copied_finds_the_same_objects(
    viewer: Any,
    panel: SegmentPanel,
    find: Callable[[], Any],
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    io.write_image(tmp_path / "my cells.tif", IMAGE)
    viewer.open(tmp_path / "my cells.tif", plugin="napari")
    panel.sliders.sliders["cluster.bandwidth"].setValue(1.1)
    found = find().data
    qtbot.mouseClick(panel.copy.command, Qt.MouseButton.LeftButton)
    words = shlex.split(QApplication.clipboard().text())
    assert words[0] == "napari-discern"
    assert main(words[1:]) == 0
    assert np.array_equal(io.read_instances(tmp_path / "results" / "my cells.tif").labels, found)
    qtbot.mouseClick(panel.copy.python, Qt.MouseButton.LeftButton)
    names: dict[str, Any] = {}
    exec(QApplication.clipboard().text(), names)
    assert np.array_equal(names["objects"].labels, found)


def test_each_clustering_has_sliders_of_its_own(panel: SegmentPanel) -> None:
    sliders = panel.sliders
    assert list(sliders.sliders) == ["cluster.bandwidth", "foreground_threshold", "join_share", "min_size"]
    sliders.show_settings(Settings(cluster=Seeds(tau=0.25), min_size=9))
    assert list(sliders.sliders) == ["cluster.tau", "cluster.overlap", "foreground_threshold", "join_share", "min_size"]
    sliders.sliders["cluster.overlap"].setValue(0.7)
    assert sliders.changes() == {
        "cluster": {"kind": "seeds", "tau": 0.25, "overlap": 0.7}, "foreground_threshold": 0.5,
        "join_share": 0.0, "min_size": 9,
    }  # fmt: skip
    shown = [slider.accessibleName() for slider in sliders.findChildren(QLabeledDoubleSlider) if not slider.isHidden()]
    assert "How far apart" not in shown
    assert "How much alike" in shown


def test_where_objects_are_larger_so_is_the_smallest(viewer: Any, panel: SegmentPanel) -> None:
    add(viewer)
    least, size = panel.model.card.settings.min_size, panel.model.card.object_size
    panel.size.widget["object_size"].value = 3 * size
    assert panel.sliders.changes()["min_size"] == panel.recipe().min_size == 9 * least
    assert panel.recipe().object_size == 3 * size
    panel.sliders.sliders["min_size"].setValue(7)
    panel.form.widget["tile"].value = 512
    assert panel.recipe().min_size == 7, "another option takes nothing back"
    panel.reset.click()
    assert panel.recipe().min_size == 9 * least
    panel.model.pick("cells")
    assert panel.recipe().object_size == 3 * size, "the objects are as large for another model"
    panel.model.pick("nuclei")
    panel.size.widget["object_size"].value = "auto"
    assert panel.recipe().min_size == least


def test_a_layer_without_a_file_cannot_be_copied_as_a_command(
    viewer: Any, panel: SegmentPanel, find: Callable[[], Any], qtbot: Any
) -> None:
    qtbot.mouseClick(panel.copy.command, Qt.MouseButton.LeftButton)
    assert "nothing has been found yet" in panel.message.text
    add(viewer)
    find()
    qtbot.mouseClick(panel.copy.command, Qt.MouseButton.LeftButton)
    assert "Save it" in panel.message.text


def test_own_models_are_offered_and_broken_ones_named(
    viewer: Any, panel: SegmentPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = knowing(np.ones((4, 4), int)).card.model_copy(update={"name": "mine"})
    Model.create(saved, "cpu").save(tmp_path / "mine")
    panel.model.add(tmp_path / "mine")
    assert panel.model.card.name == "mine"
    asked = iter([str(tmp_path), str(tmp_path / "mine")])
    monkeypatch.setattr("qtpy.QtWidgets.QFileDialog.getExistingDirectory", lambda *_: next(asked))
    panel.choosing.model_box.activated.emit(panel.choosing.model_box.count() - 1)
    assert "is not a model folder" in panel.message.text
    panel.choosing.model_box.activated.emit(panel.choosing.model_box.count() - 1)
    assert panel.model.card.name == "mine"


def test_the_model_used_last_for_such_images_is_chosen_again(
    viewer: Any, panel: SegmentPanel, find: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(zoo.OWN, str(tmp_path / "home" / "models"))
    zoo.load_model("nuclei", "cpu").save(tmp_path / "home" / "models" / "mine")
    panel.model.reload()
    add(viewer)
    panel.model.pick("mine")
    find()
    assert recall("2D, one channel, bright on dark") == {"model": "mine"}
    again = SegmentPanel(Shared(panel.session))
    again.model.name = ""
    again.choosing._image_picked(panel.image.layer)
    assert again.model.name == "mine"
    again.release()


def test_preferences_of_napari_are_taken_up(panel: SegmentPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel_module, "preferences", lambda: Preferences("cpu", 256))
    panel._model_picked()
    assert (panel.form.read().device, panel.form.read().tile) == ("cpu", 256)


def test_where_napari_has_no_plugin_settings_there_are_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari.settings.get_plugin_settings", lambda _: {}["napari-discern"])
    assert preferences() == Preferences()


@pytest.mark.parametrize("answer", ["No", "Yes"])
def test_closing_asks_while_something_runs(
    answer: str, viewer: Any, dock: Dock, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*_: Any) -> Iterator[Any]:
        while True:
            yield Progress("segment", 1, 10)

    asked = []

    def question(*words: Any) -> Any:
        asked.append(words[-1])
        return getattr(QMessageBox.StandardButton, answer)

    monkeypatch.setattr(many, "find_in_image", endless)
    monkeypatch.setattr(QMessageBox, "question", question)
    add(viewer, np.zeros((2, 40, 40), np.uint8))
    dock.segment.model.pick("nuclei")
    with qtbot.waitSignal(dock.session.work.progressed, timeout=60_000):
        qtbot.mouseClick(dock.segment.find, Qt.MouseButton.LeftButton)
    event = QCloseEvent()
    stopped = dock.session.eventFilter(dock.window(), event)
    assert len(asked) == 1
    assert stopped == (answer == "No")
    dock.session.work.stop()


def test_where_memory_runs_out_smaller_tiles_are_taken_and_it_is_said(
    viewer: Any, panel: SegmentPanel, find: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    embed, tried = Model.embed, []

    def narrow(self: Model, patch: np.ndarray) -> Any:
        tried.append(max(patch.shape))
        if max(patch.shape) > 140:
            raise OutOfMemory("take smaller tiles")
        return embed(self, patch)

    monkeypatch.setattr(Model, "embed", narrow)
    add(viewer)
    result = find()
    assert tried[0] == 160
    assert result.data.max() > 5
    assert "tiles of 64 px were used" in panel.message.text


def test_a_second_run_is_refused_in_words(viewer: Any, dock: Dock, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless() -> Iterator[Any]:
        while True:
            yield Progress("train", 1, 10)

    add(viewer)
    dock.session.work.start("Train", endless(), lambda _: None)
    qtbot.mouseClick(dock.segment.find, Qt.MouseButton.LeftButton)
    assert "something else is running" in dock.segment.message.text
    dock.session.work.stop()


def test_the_image_may_go_while_it_is_being_looked_at(viewer: Any, panel: SegmentPanel, qtbot: Any) -> None:
    layer = add(viewer, translate=(7, 9))
    with qtbot.waitSignal(panel.session.work.ended, timeout=120_000):
        qtbot.mouseClick(panel.find, Qt.MouseButton.LeftButton)
        viewer.layers.remove(layer)
    assert np.array_equal(panel.shared.result.data, expected())
    assert tuple(panel.shared.result.translate) == (7, 9)


def test_without_an_image_samples_are_a_click_away(viewer: Any, panel: SegmentPanel, qtbot: Any) -> None:
    assert panel.choosing.samples.isVisibleTo(panel)
    button = panel.choosing.samples.findChildren(QPushButton)[0]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert panel.image.layer.name.startswith("cells")
    assert not panel.choosing.samples.isVisibleTo(panel)


def test_layers_that_are_selected_together_are_channels(viewer: Any, panel: SegmentPanel) -> None:
    first, second = (viewer.add_image(k + np.zeros((20, 30)), name=str(k)) for k in (1, 2))
    panel.model.cards["two"] = Card(architecture=Architecture(channels=2), name="two")
    panel.model.listed.emit()
    panel.image.layer = first
    panel.model.pick("two")
    viewer.layers.selection = {first}
    with pytest.raises(BadArgument, match="select those 2 in the layer list"):
        panel.wish()
    viewer.layers.selection = {first, second}
    image = panel.wish().source.image(())
    assert image.read()[:, 0, 0].tolist() == [1, 2]


def test_an_image_that_is_opened_is_picked_and_an_aid_is_not(viewer: Any, panel: SegmentPanel) -> None:
    add(viewer)
    second = add(viewer, name="second")
    assert panel.image.layer is second
    viewer.add_image(np.zeros((9, 9)), name="aid", metadata={OVERLAY: True})
    assert panel.image.layer is second
    assert [panel.image.itemText(k) for k in range(panel.image.count())] == ["cells", "second"]


def test_outlines_at_rest_and_filled_while_a_slider_moves(panel: SegmentPanel, viewer: Any, find: Any) -> None:
    add(viewer)
    layer = find()
    assert layer.contour > 0
    found = panel.shared.found
    panel.show_found(Found.of(found.wish, found.recipe, found.embedded, measured=False))
    assert layer.contour == 0
    panel.show_found(found)
    assert layer.contour > 0


def test_a_corrected_result_is_kept_and_put_out_of_sight(panel: SegmentPanel, viewer: Any, find: Any) -> None:
    add(viewer)
    first = find()
    first.data_setitem((np.array([0]), np.array([0])), 77)
    second = find()
    assert second is not first
    assert (first.visible, second.visible) == (False, True)
    assert first.data[0, 0] == 77


def test_a_result_of_another_image_stays_in_sight(panel: SegmentPanel, viewer: Any, find: Any) -> None:
    add(viewer)
    first = find()
    add(viewer, IMAGE.read()[0][::-1], name="other")
    assert find() is not first
    assert first.visible


def test_a_broken_model_of_ones_own_is_named(viewer: Any, own: Path, qtbot: Any) -> None:
    (own / "broken").mkdir(parents=True)
    (own / "broken" / "card.json").write_text("{")
    panel = SegmentPanel(Shared(Session.of(viewer)))
    qtbot.addWidget(panel)
    assert "'broken' is passed over" in panel.message.text
    assert "nuclei" in panel.model.cards
    panel.release()


def test_of_a_volume_a_model_for_volumes_is_picked(viewer: Any, panel: SegmentPanel) -> None:
    volume = np.zeros((8, 30, 30))
    volume[2:5, 10:20, 10:20] = 9
    add(viewer, volume, name="volume")
    assert panel.model.name == "nuclei-3d"


def test_of_a_model_for_planes_it_is_said_that_slices_are_looked_at(viewer: Any, panel: SegmentPanel) -> None:
    add(viewer, np.zeros((8, 30, 30)), name="volume")
    panel.model.pick("nuclei")
    assert (
        "nuclei, made for 2D, looks at one slice after another; one for volumes is nuclei-3d"
        in panel.choosing.reason.text()
    )


def test_where_there_is_no_model_for_volumes_slices_are_looked_at(viewer: Any, panel: SegmentPanel) -> None:
    panel.model.cards.pop("nuclei-3d")
    add(viewer, np.zeros((8, 30, 30)), name="volume")
    assert "no model for such images is here" in panel.choosing.reason.text()
    assert "looks at one slice after another" in panel.choosing.reason.text()


def test_stopping_is_said_at_once(viewer: Any, panel: SegmentPanel, qtbot: Any) -> None:
    add(viewer)
    with qtbot.waitSignal(panel.session.work.ended, timeout=60_000):
        panel.find.click()
        panel.session.work.stop()
        assert panel.message.text == "Stopping…"
    assert panel.message.text != "Stopping…"


def test_a_look_set_by_hand_stays(panel: SegmentPanel, viewer: Any, find: Any) -> None:
    add(viewer)
    layer = find()
    layer.contour, layer.opacity = 0, 0.3
    panel.show_found(panel.shared.found)
    assert (layer.contour, layer.opacity) == (0, 0.3)


def test_notes_of_other_objects_are_forgotten(panel: SegmentPanel, viewer: Any, find: Any) -> None:
    add(viewer)
    layer = find()
    Review(corrected=frozenset({1})).note(layer)  # as after a merge taken back with napari's own undo
    panel.show_found(panel.shared.found)
    assert Review.of(layer) == Review()


def test_a_slider_moved_just_before_the_panel_goes_shows_nothing(
    viewer: Any, panel: SegmentPanel, find: Any, qtbot: Any
) -> None:
    add(viewer)
    layer = find()
    before = layer.data.copy()
    with qtbot.waitSignal(panel.live.idle, timeout=60_000):
        panel.sliders.sliders["min_size"].setValue(100_000)
        panel.release()
    assert np.array_equal(layer.data, before)


def test_what_a_model_is_for_is_told_with_a_picture(panel: SegmentPanel) -> None:
    panel.model.pick("overlap")
    assert "Translucent cells" in panel.about.text.text()
    assert "CC0" in panel.about.text.text()
    assert not panel.about.picture.pixmap().isNull()
    before = panel.about.picture.pixmap().cacheKey()
    panel.model.pick("nuclei")
    assert "Nuclei in 2D" in panel.about.text.text()
    assert panel.about.picture.pixmap().cacheKey() != before


@pytest.mark.parametrize("name", ["cells", "leaves", "nuclei", "overlap"])
def test_what_is_told_of_a_model_does_not_widen_the_dock(panel: SegmentPanel, name: str) -> None:
    """Its longest words are broken; the picture is the widest part."""
    panel.model.pick(name)
    assert panel.about.minimumSizeHint().width() <= panel.about.picture.minimumSizeHint().width() < 200


def test_a_model_without_a_picture_is_told_in_words(panel: SegmentPanel, tmp_path: Path) -> None:
    Model.create(Card(name="mine", description="Buds."), "cpu").save(tmp_path / "mine")
    panel.model.add(tmp_path / "mine")
    assert panel.about.text.text().startswith("Buds.")
    assert panel.about.picture.isHidden()
