"""The panel Train, in the real napari: lessons, fine-tuning, preview, stopping."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from stubs import balls

from napari_discern import io
from napari_discern.errors import BadArgument, BadFile, OutOfMemory
from napari_discern.gui.dock import Dock
from napari_discern.gui.layers.review import Checked
from napari_discern.gui.layers.source import RECIPE, read_labels
from napari_discern.gui.preferences import Preferences
from napari_discern.gui.train import fine_tuning as teaching
from napari_discern.gui.train import panel as panel_module
from napari_discern.gui.train.lesson import Lesson, dense, from_layers
from napari_discern.gui.train.lesson_list import SIDE
from napari_discern.gui.train.panel import TrainPanel
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.model import read_card
from napari_discern.progress import Progress
from napari_discern.training import Loop, Training, set_aside, train
from napari_discern.training import autosave as rescue

pytestmark = pytest.mark.usefixtures("own")

TRUTH = balls((64, 64), (6, 6), 8)
PIXELS = (np.where(TRUTH > 0, 200, 30) + np.random.default_rng(0).normal(0, 5, TRUTH.shape)).astype(np.float32)
QUICK = {
    "batch": 2, "crop": 32, "checks": 2, "precision": "32", "embedding": 4, "features": 8,
    "backbone": {"kind": "seg-res-net", "filters": 8, "levels": 2},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _by_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six steps in place of minutes."""

    def few(training: Training, *args: Any, **more: Any) -> Any:
        return train(training.model_copy(update={"minutes": None, "steps": 6}), *args, **more)

    monkeypatch.setattr(teaching, "train", few)
    monkeypatch.setattr(teaching, "EVERY", 0.0)


@pytest.fixture
def viewer(viewer: Any) -> Any:
    viewer.add_image(PIXELS, name="discs")
    viewer.add_labels(TRUTH.astype(int), name="truth")
    return viewer


@pytest.fixture
def dock(viewer: Any, qtbot: Any) -> Iterator[Dock]:
    dock = Dock(viewer)
    viewer.window.add_dock_widget(dock, name="Discern")
    dock.train.form.show(Training.from_dict(QUICK))
    dock.train.base.setCurrentIndex(dock.train.base.count() - 1)  # from scratch
    yield dock
    dock.session.work.stop()
    qtbot.waitUntil(lambda: not dock.session.work.busy, timeout=60_000)


@pytest.fixture
def panel(dock: Dock) -> TrainPanel:
    return dock.train


def teach(panel: TrainPanel, qtbot: Any) -> Any:
    with qtbot.waitSignal(panel.taught, timeout=120_000) as told:
        qtbot.mouseClick(panel.start, Qt.MouseButton.LeftButton)
    return told.args[0]


def test_what_is_labelled_makes_a_model_that_is_offered_and_used(
    dock: Dock, panel: TrainPanel, viewer: Any, own: Path, qtbot: Any
) -> None:
    taught = teach(panel, qtbot)
    assert read_card(own / taught.name).architecture.embedding == 4
    assert dock.segment.model.name == taught.name
    assert taught.name in panel.message.text
    qtbot.waitUntil(lambda: not dock.session.work.busy and dock.segment.result is not None, timeout=60_000)
    assert "preview" not in viewer.layers


def test_a_base_is_fine_tuned_and_compared(dock: Dock, panel: TrainPanel, qtbot: Any) -> None:
    first = teach(panel, qtbot)
    qtbot.waitUntil(lambda: not dock.session.work.busy, timeout=60_000)
    panel.base.setCurrentIndex(panel.base.findData(first.name))
    second = teach(panel, qtbot)
    assert second.name != first.name
    assert 0 <= second.before.total <= 1
    assert f"{second.before.total:.2f} -> {second.after.total:.2f}" in panel.message.text


def test_the_preview_and_the_curves_grow(panel: TrainPanel, viewer: Any, qtbot: Any) -> None:
    shown = []
    viewer.layers.events.inserted.connect(lambda event: shown.append(event.value.name))
    teach(panel, qtbot)
    assert "preview" in shown
    steps, losses = panel.curves.points["embedding"]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert all(np.isfinite(losses))
    assert panel.curves.points["S_mean"][0]


def test_stopping_keeps_the_best(dock: Dock, panel: TrainPanel, own: Path, qtbot: Any) -> None:
    def stop(progress: Any, _: float) -> None:
        if "S_mean" in progress.values:
            dock.session.work.stop()

    dock.session.work.progressed.connect(stop)
    with qtbot.waitSignal(dock.session.work.ended, timeout=60_000):
        qtbot.mouseClick(panel.start, Qt.MouseButton.LeftButton)
    assert "The best so far is kept" in panel.message.text
    (kept,) = own.iterdir()
    assert dock.segment.model.name == kept.name
    assert panel.start.isEnabled()


def test_only_what_is_known_counts(viewer: Any) -> None:
    some = np.where(TRUTH <= 3, TRUTH, 0).astype(int)
    background = np.zeros_like(some)
    background[:4] = 1
    viewer.add_labels(some, name="some")
    viewer.add_labels(background, name="no objects")
    lesson = from_layers(viewer.layers["discs"], viewer.layers["some"], 2, viewer.layers["no objects"])
    ((image, truth),) = lesson.pairs
    assert lesson.objects == 3
    assert np.array_equal(truth.known, (some > 0) | (background > 0))
    assert np.array_equal(image.read()[0], PIXELS)
    assert dense(lesson.pairs)[0][1].known is None


@pytest.mark.parametrize("index", [True, False])
def test_classes_are_those_of_the_features(viewer: Any, index: bool) -> None:
    """A row for the ids 2 and 5, the others being of no class; without `index` a row for each id from 0 on."""
    some = np.where(np.isin(TRUTH, (2, 3, 5)), TRUTH, 0).astype(int)
    features = (
        {"class": ["leaf", None, "bud"], "index": [2, 4, 5]} if index else {"class": ["", "", "leaf", "", "", "bud"]}
    )
    layer = viewer.add_labels(some, name="some", features=features)
    ((_, truth),) = from_layers(viewer.layers["discs"], layer, 2).pairs
    assert truth.classes is not None
    assert truth.classes.tolist() == ["leaf", "", "bud"]
    assert np.array_equal(read_labels(layer).measures["class"], truth.classes)


def test_only_slices_with_labels_are_lessons(viewer: Any) -> None:
    viewer.add_image(np.stack([PIXELS] * 3), name="stack")
    viewer.add_labels(np.stack([0 * TRUTH, TRUTH, 0 * TRUTH]).astype(int), name="one slice")
    lesson = from_layers(viewer.layers["stack"], viewer.layers["one slice"], 2)
    assert [truth.n for _, truth in lesson.pairs] == [8]
    assert np.array_equal(lesson.pairs[0][0].read()[0], PIXELS)


def test_labels_of_a_part_lie_where_they_lie(viewer: Any) -> None:
    viewer.add_labels(TRUTH[10:50, 20:].astype(int), name="part", translate=(10, 20))
    ((image, truth),) = from_layers(viewer.layers["discs"], viewer.layers["part"], 2).pairs
    assert np.array_equal(image.read()[0], PIXELS[10:50, 20:])
    assert np.array_equal(image.read((slice(2, 5), slice(1, 4)))[0], PIXELS[12:15, 21:24])
    assert truth.shape == (40, 44)


@pytest.mark.parametrize(("labels", "words"), [
    ({"data": TRUTH[:40].astype(int), "translate": (40, 0)}, "do not lie on image"),
    ({"data": TRUTH.astype(int), "scale": (2, 2)}, "pixels of different size"),
    ({"data": np.zeros((64, 64), int)}, "nothing is labelled"),
])  # fmt: skip
def test_labels_that_do_not_fit_are_told(viewer: Any, labels: dict[str, Any], words: str) -> None:
    layer = viewer.add_labels(name="wrong", **labels)
    with pytest.raises(BadArgument, match=words):
        from_layers(viewer.layers["discs"], layer, 2)


def test_folders_are_lessons(panel: TrainPanel, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        io.write_image(tmp_path / "images" / f"{name}.tif", Image(PIXELS, "yx"))
        io.write_labels(tmp_path / "labels" / f"{name}.tif", Instances.from_labels(TRUTH))
    asked = iter([str(tmp_path / "images"), str(tmp_path / "labels"), str(tmp_path / "images"), str(tmp_path)])
    monkeypatch.setattr("qtpy.QtWidgets.QFileDialog.getExistingDirectory", lambda *_: next(asked))
    qtbot.mouseClick(panel.folders, Qt.MouseButton.LeftButton)
    top = panel.lessons.list.topLevelItem(0)
    assert (top.childCount(), top.text(1)) == (2, "16")
    qtbot.mouseClick(panel.folders, Qt.MouseButton.LeftButton)
    assert panel.message.text.startswith("⚠")
    panel.lessons.list.setCurrentItem(top.child(1))
    qtbot.mouseClick(panel.remove, Qt.MouseButton.LeftButton)
    assert panel.lessons.lessons == []
    assert panel.lessons.list.topLevelItemCount() == 0


def test_without_labels_it_is_said_what_to_do(panel: TrainPanel, viewer: Any, qtbot: Any) -> None:
    viewer.layers.remove("truth")
    qtbot.mouseClick(panel.start, Qt.MouseButton.LeftButton)
    assert "New Labels" in panel.message.text


def test_a_training_that_was_left_is_offered_and_goes_on(
    dock: Dock, panel: TrainPanel, viewer: Any, qtbot: Any
) -> None:
    lesson = from_layers(viewer.layers["discs"], viewer.layers["truth"], 2)
    plan = Training.from_dict({**QUICK, "minutes": None, "steps": 6})
    rescue.begin(rescue.Plan(plan, None, lesson.pairs))
    steps = train(plan, lesson.pairs, folder=rescue.folder())
    for progress in steps:
        if progress.values.get("step") == 3:
            steps.close()  # as if the viewer went
            break
    other = Dock(viewer)
    qtbot.addWidget(other)
    assert other.train.offer.isVisibleTo(other.train)
    with qtbot.waitSignal(other.train.taught, timeout=120_000) as told:
        other.train.offer.go_on.click()
    assert other.train.curves.points["embedding"][0] == [4, 5, 6]
    assert told.args[0].model.card.training["steps_done"] == 6
    assert not rescue.is_left()
    qtbot.waitUntil(lambda: not other.session.work.busy, timeout=60_000)
    other.release()


def test_lessons_survive_the_disk(viewer: Any) -> None:
    some = np.where(TRUTH <= 3, TRUTH, 0).astype(int)
    layer = viewer.add_labels(some, name="some")
    ((image, truth),) = from_layers(viewer.layers["discs"], layer, 2).pairs
    rescue.begin(rescue.Plan(Training(), "nuclei", [(image, truth)]))
    plan = rescue.read()
    ((again, objects),) = plan.data
    assert (plan.training, plan.base) == (Training(), "nuclei")
    assert np.array_equal(again.read(), image.read())
    assert np.array_equal(objects.planes, truth.planes)
    assert np.array_equal(objects.known, truth.known)


def test_what_was_left_can_be_discarded(panel: TrainPanel) -> None:
    rescue.begin(rescue.Plan(Training(), None, []))
    (rescue.folder() / "last").mkdir()
    assert rescue.is_left()
    panel.offer.discard.click()
    assert not rescue.is_left()


def test_a_broken_rest_is_told(panel: TrainPanel) -> None:
    rescue.begin(rescue.Plan(Training(), None, []))
    (rescue.folder() / "plan.json").write_text("{")
    panel.go_on()
    assert "discard it" in panel.message.text


def test_where_memory_runs_out_batches_are_halved(
    panel: TrainPanel, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance, tried = Loop.advance, []

    def narrow(self: Loop, batch: Any) -> Any:
        tried.append(len(batch.image))
        if len(batch.image) > 1:
            raise OutOfMemory("lower the batch")
        return advance(self, batch)

    monkeypatch.setattr(Loop, "advance", narrow)
    taught = teach(panel, qtbot)
    assert tried[:2] == [2, 1]
    assert taught.model.card.training["batch"] == 1


def five(panel: TrainPanel) -> Any:
    pairs = [(Image(k + PIXELS, "yx", name=f"image {k}"), Instances.from_labels(TRUTH)) for k in range(5)]
    panel.lessons.add(Lesson("five", pairs))
    return panel.lessons.list.topLevelItem(0)


def names(data: Any) -> list[str]:
    return [image.name for image, _ in data]


def test_of_five_images_one_is_set_aside_and_that_can_be_changed(panel: TrainPanel) -> None:
    top = five(panel)
    ticked = [k for k in range(5) if top.child(k).checkState(2) == Qt.CheckState.Checked]
    assert ticked == set_aside(5, 0)
    for k in range(5):
        top.child(k).setCheckState(2, Qt.CheckState.Checked if k in (1, 3) else Qt.CheckState.Unchecked)
    learn, check = panel.lessons.data()
    assert (names(learn), names(check)) == (["image 0", "image 2", "image 4"], ["image 1", "image 3"])


def test_three_images_are_drawn_with_their_objects(panel: TrainPanel) -> None:
    five(panel)
    pictures = [look.pixmap().toImage() for look in panel.lessons.looks]
    assert all(p.width() == p.height() == SIDE for p in pictures)
    colours = {pictures[0].pixelColor(x, y).getHsv()[1] > 60 for x in range(SIDE) for y in range(SIDE)}
    assert colours == {True, False}  # tinted objects, grey between them


def test_where_all_are_ticked_nothing_is_left_to_learn(panel: TrainPanel, qtbot: Any) -> None:
    top = five(panel)
    for k in range(5):
        top.child(k).setCheckState(2, Qt.CheckState.Checked)
    qtbot.mouseClick(panel.start, Qt.MouseButton.LeftButton)
    assert "leave some to learn from" in panel.message.text


def test_background_that_is_painted_is_known(panel: TrainPanel, viewer: Any, qtbot: Any) -> None:
    sure = np.zeros((64, 64), int)
    sure[:3] = 1
    panel.background.layer = viewer.add_labels(sure, name="no objects")
    panel.labels.layer = viewer.layers["truth"]
    panel.image.layer = viewer.layers["discs"]
    qtbot.mouseClick(panel.add, Qt.MouseButton.LeftButton)
    ((_, truth),), _ = panel.lessons.data()
    assert np.array_equal(truth.known, (TRUTH > 0) | (sure > 0))


def test_layers_that_are_selected_together_are_channels(panel: TrainPanel, viewer: Any, qtbot: Any) -> None:
    other = viewer.add_image(2 * PIXELS, name="other")
    viewer.layers.selection = {viewer.layers["discs"], other}
    panel.image.layer = other
    qtbot.mouseClick(panel.add, Qt.MouseButton.LeftButton)
    ((image, _),), _ = panel.lessons.data()
    assert np.array_equal(image.read(), np.stack([PIXELS, 2 * PIXELS]))
    taught = teach(panel, qtbot)
    assert taught.model.card.architecture.channels == 2


def test_an_axis_that_the_labels_lack_is_that_of_the_channels(viewer: Any) -> None:
    both = np.stack([PIXELS, 2 * PIXELS])
    ((image, _),) = from_layers(viewer.add_image(both, name="both"), viewer.layers["truth"], 2).pairs
    assert np.array_equal(image.read(), both)


def test_a_training_goes_on_without_its_dock(
    dock: Dock, panel: TrainPanel, own: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(panel_module, "show_info", told.append)
    work = dock.session.work
    with qtbot.waitSignal(work.progressed, timeout=60_000):
        qtbot.mouseClick(panel.start, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(work.ended, timeout=60_000) as ended:
        dock.release()
    assert ended.args == [""]
    (made,) = own.iterdir()
    assert [made.name in words for words in told] == [True]


def test_a_dock_that_is_opened_anew_follows_the_training(dock: Dock, viewer: Any, qtbot: Any) -> None:
    with qtbot.waitSignal(dock.session.work.progressed, timeout=60_000):
        qtbot.mouseClick(dock.train.start, Qt.MouseButton.LeftButton)
    dock.release()
    other = Dock(viewer)
    qtbot.addWidget(other)
    assert not other.train.start.isEnabled()
    with qtbot.waitSignal(other.train.taught, timeout=60_000) as told:
        pass
    assert other.segment.model.name == told.args[0].name
    qtbot.waitUntil(lambda: not other.session.work.busy, timeout=60_000)
    assert other.train.start.isEnabled()
    other.release()


def test_the_old_model_can_be_used_again(dock: Dock, panel: TrainPanel, qtbot: Any) -> None:
    first = teach(panel, qtbot)
    qtbot.waitUntil(lambda: not dock.session.work.busy, timeout=60_000)
    assert not panel.undo.isVisibleTo(panel)
    panel.base.setCurrentIndex(panel.base.findData(first.name))
    teach(panel, qtbot)
    qtbot.waitUntil(lambda: not dock.session.work.busy, timeout=60_000)
    with qtbot.waitSignal(dock.segment.shown, timeout=60_000):
        qtbot.mouseClick(panel.undo, Qt.MouseButton.LeftButton)
    assert Path(dock.segment.found.recipe.model).name == first.name


def test_images_set_aside_survive_the_disk() -> None:
    pairs = [(Image(k + PIXELS, "yx", name=str(k)), Instances.from_labels(TRUTH)) for k in range(3)]
    rescue.begin(rescue.Plan(Training(), None, pairs[:1], pairs[1:]))
    plan = rescue.read()
    assert (names(plan.data), names(plan.validation)) == (["0"], ["1", "2"])


def test_checkpoints_come_as_often_as_the_preferences_say(
    panel: TrainPanel, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, quick = [], teaching.train

    def noted(*args: Any, **more: Any) -> Any:
        seen.append(more["autosave"])
        return quick(*args, **more)

    monkeypatch.setattr(teaching, "train", noted)
    monkeypatch.setattr(teaching, "preferences", lambda: Preferences(autosave=7))
    teach(panel, qtbot)
    assert seen == [7]


def test_while_a_training_runs_it_cannot_be_discarded(
    dock: Dock, panel: TrainPanel, viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*_: Any, **__: Any) -> Any:
        (rescue.folder() / "last").mkdir(exist_ok=True)  # as after the first autosave
        while True:
            yield Progress("train", 0.1, 1)

    monkeypatch.setattr(teaching, "train", endless)
    with qtbot.waitSignal(dock.session.work.progressed, timeout=60_000):
        qtbot.mouseClick(panel.start, Qt.MouseButton.LeftButton)
    assert rescue.is_left()
    assert not panel.offer.isVisibleTo(panel)
    dock.release()
    other = Dock(viewer)
    qtbot.addWidget(other)
    assert not other.train.offer.isVisibleTo(other.train)
    with qtbot.waitSignal(other.session.work.ended, timeout=60_000):
        other.train.stop.click()
    other.release()


def test_stopping_before_the_training_keeps_what_was_left(
    dock: Dock, panel: TrainPanel, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop while the base is loaded must not touch a training that was left earlier."""
    rescue.begin(rescue.Plan(Training(), None, []))
    (rescue.folder() / "last").mkdir()

    stopped = threading.Event()

    def loading(*_: Any) -> Any:
        yield Progress("load model", 0, 0)
        stopped.wait(60)
        yield Progress("load model", 0, 0)

    def stop(*_: Any) -> None:
        dock.session.work.stop()
        stopped.set()

    monkeypatch.setattr(dock.session, "model", loading)
    panel.base.setCurrentIndex(panel.base.findData("nuclei"))
    dock.session.work.progressed.connect(stop)
    with qtbot.waitSignal(dock.session.work.ended, timeout=60_000):
        qtbot.mouseClick(panel.start, Qt.MouseButton.LeftButton)
    assert "nothing was changed" in panel.message.text
    assert rescue.is_left()
    assert panel.offer.isVisibleTo(panel)


def test_a_training_that_fails_without_its_dock_is_told(
    dock: Dock, panel: TrainPanel, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    released = threading.Event()

    def failing(*_: Any, **__: Any) -> Any:
        yield Progress("train", 0.1, 1)
        released.wait(60)
        raise BadFile("the disk is full")

    monkeypatch.setattr(panel_module, "show_error", told.append)
    monkeypatch.setattr(teaching, "train", failing)
    with qtbot.waitSignal(dock.session.work.progressed, timeout=60_000):
        qtbot.mouseClick(panel.start, Qt.MouseButton.LeftButton)
    dock.release()
    with qtbot.waitSignal(dock.session.work.ended, timeout=60_000):
        released.set()
    assert told == ["The training has failed: the disk is full"]


def test_ticks_set_by_hand_stay(panel: TrainPanel) -> None:
    top = five(panel)
    aside = set_aside(5, 0)[0]
    top.child(aside).setCheckState(2, Qt.CheckState.Unchecked)
    top.child((aside + 1) % 5).setCheckState(2, Qt.CheckState.Checked)
    panel.lessons.add(Lesson("one", [(Image(PIXELS, "yx", name="more"), Instances.from_labels(TRUTH))]))
    _, check = panel.lessons.data()
    assert f"image {aside}" not in names(check)
    assert f"image {(aside + 1) % 5}" in names(check)


def test_labels_in_folders_are_whole(panel: TrainPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    io.write_image(tmp_path / "images" / "a.tif", Image(PIXELS, "yx"))
    io.write_labels(tmp_path / "labels" / "a.tif", Instances.from_labels(TRUTH))
    asked = iter([str(tmp_path / "images"), str(tmp_path / "labels")])
    monkeypatch.setattr("qtpy.QtWidgets.QFileDialog.getExistingDirectory", lambda *_: next(asked))
    panel.folders.click()
    assert panel.unlabelled.currentText() == "Background"
    assert "taken to be whole" in panel.message.text


class TestOfAResult:
    """Of objects that a model has found, only those a person has looked at are a lesson."""

    @pytest.fixture
    def found(self, viewer: Any) -> Any:
        layer = viewer.layers["truth"]
        layer.metadata[RECIPE] = {"objects": int(TRUTH.max())}
        return layer

    def test_what_nobody_has_looked_at_is_unknown(self, viewer: Any, found: Any) -> None:
        gone = np.nonzero(TRUTH == 4)
        found.data[gone] = 0
        found.data[:2, :2] = 99  # added
        Checked(frozenset({1}), frozenset({2}), (gone,)).note(found)
        ((_, truth),) = from_layers(viewer.layers["discs"], found, 2).pairs
        kept = np.isin(found.data, [1, 2, 99])
        assert truth.n == 3
        assert np.array_equal(truth.foreground, kept)
        assert np.array_equal(truth.known, kept | (TRUTH == 4))

    def test_nothing_looked_at_is_no_lesson(self, viewer: Any, found: Any) -> None:
        with pytest.raises(BadArgument, match="was checked yet"):
            from_layers(viewer.layers["discs"], found, 2)

    def test_it_is_listed_when_the_panel_is_shown(self, viewer: Any, found: Any, qtbot: Any) -> None:
        dock = Dock(viewer)
        qtbot.addWidget(dock)
        dock.show()
        panel = dock.train
        panel.image.layer, panel.labels.layer = viewer.layers["discs"], found
        for ids in ({1, 2}, {1, 2, 3}):
            Checked(frozenset(ids)).note(found)
            for tab in (0, 2):
                dock.tabs.setCurrentIndex(tab)
            assert [lesson.objects for lesson in panel.lessons.lessons] == [len(ids)]
        dock.release()


def test_files_without_a_partner_are_named_and_left_out(
    panel: TrainPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "alone"):
        io.write_image(tmp_path / "images" / f"{name}.tif", Image(PIXELS, "yx"))
    for name in ("a", "b", "other"):
        io.write_labels(tmp_path / "labels" / f"{name}.tif", Instances.from_labels(TRUTH))
    asked = iter([str(tmp_path / "images"), str(tmp_path / "labels")])
    monkeypatch.setattr("qtpy.QtWidgets.QFileDialog.getExistingDirectory", lambda *_: next(asked))
    panel.folders.click()
    top = panel.lessons.list.topLevelItem(0)
    assert [top.child(k).text(0) for k in range(4)] == ["1: a", "2: b", "⚠ alone.tif", "⚠ other.tif"]
    assert "2 without a partner: alone.tif, other.tif" in panel.message.text
    learn, check = panel.lessons.data()
    assert names(learn) + names(check) == ["a", "b"]


def test_training_starts_from_the_model_of_segment_until_another_is_picked(dock: Dock, panel: TrainPanel) -> None:
    panel.base.setCurrentIndex(panel.base.findData(dock.segment.model.name))
    for name in ("overlap", "nuclei"):
        dock.segment.model.pick(name)
        assert panel.base.currentData() == name
    for own in ("leaves", None):
        panel.base.setCurrentIndex(panel.base.findData(own) if own else panel.base.count() - 1)
        dock.segment.model.pick("overlap")
        dock.segment.model.pick("nuclei")
        assert panel.base.currentData() == own


def test_the_settings_come_with_their_reasons(panel: TrainPanel) -> None:
    five(panel)
    words = panel.reasons.text()
    assert "4 to learn from, 1 to check on" in words
    assert "Objects about 13 px across" in words
    assert "crops of 32 x 32 px, seen in blocks of 2." in words


def test_at_the_end_there_is_a_table_and_the_worst_can_be_opened(
    dock: Dock, panel: TrainPanel, viewer: Any, qtbot: Any
) -> None:
    five(panel)
    for k in range(3):
        panel.lessons.list.topLevelItem(0).child(k).setCheckState(2, Qt.CheckState.Checked)
    taught = teach(panel, qtbot)
    qtbot.waitUntil(lambda: not dock.session.work.busy, timeout=60_000)
    table = panel.outcome.table
    values = [float(table.item(row, 1).text()) for row in range(table.rowCount())]
    assert values == sorted(values)
    assert {table.item(row, 0).text() for row in range(table.rowCount())} >= {"image 0", "image 1", "image 2"}
    panel.outcome.open.click()
    worst = table.item(0, 0).text()
    (true,) = [layer for layer in viewer.layers if layer.name.startswith(f"{worst} true")]
    assert (true.data > 0).sum() == (TRUTH > 0).sum()
    assert str(taught.name) in panel.message.text


def test_a_new_model_is_tried_on_the_image_of_the_lesson(
    dock: Dock, panel: TrainPanel, viewer: Any, qtbot: Any
) -> None:
    other = viewer.add_image(PIXELS[::-1], name="other")
    dock.segment.image.layer = other
    panel.image.layer, panel.labels.layer = viewer.layers["discs"], viewer.layers["truth"]
    teach(panel, qtbot)
    qtbot.waitUntil(lambda: not dock.session.work.busy, timeout=60_000)
    assert dock.segment.found.wish.source.layer is viewer.layers["discs"]


def test_what_was_painted_since_is_learnt_the_next_time(dock: Dock, panel: TrainPanel, viewer: Any, qtbot: Any) -> None:
    layer = viewer.layers["truth"]
    layer.data = np.where(TRUTH <= 5, TRUTH, 0).astype(int)
    panel.image.layer, panel.labels.layer = viewer.layers["discs"], layer
    learnt = []
    for _ in range(2):
        teach(panel, qtbot)
        qtbot.waitUntil(lambda: not dock.session.work.busy, timeout=60_000)
        learnt.append(sum(lesson.objects for lesson in panel.lessons.lessons))
        panel.labels.layer = layer
        layer.data = TRUTH.astype(int)
    assert learnt == [5, 8]


def test_adding_what_is_listed_by_itself_lists_it_once(panel: TrainPanel, viewer: Any, qtbot: Any) -> None:
    panel.image.layer, panel.labels.layer = viewer.layers["discs"], viewer.layers["truth"]
    panel._list_own()
    panel.add.click()
    assert [lesson.objects for lesson in panel.lessons.lessons] == [8]


def test_ticks_of_what_is_listed_by_itself_stay(panel: TrainPanel, viewer: Any) -> None:
    stack = viewer.add_image(np.stack([PIXELS] * 3), name="stack")
    labels = viewer.add_labels(np.stack([TRUTH] * 3).astype(int), name="all")
    panel.image.layer, panel.labels.layer = stack, labels
    panel._list_own()
    panel.lessons.list.topLevelItem(0).child(1).setCheckState(2, Qt.CheckState.Checked)
    panel._list_own()
    learn, check = panel.lessons.data()
    assert (len(learn), len(check)) == (2, 1)


def test_background_elsewhere_leaves_what_is_known_of_a_result(panel: TrainPanel) -> None:
    known = TRUTH == 1
    truth = Instances.from_painted(np.where(known, 1, 0)[None], known=known)
    pairs = [(Image(PIXELS, "yx", name="x"), truth)]
    panel.lessons.set([Lesson("result", pairs, partial=True), Lesson("folder", pairs)])
    (one, other), _ = panel.lessons.data(whole=True)
    assert np.array_equal(one[1].known, known)
    assert other[1].known is None


def test_the_worst_is_only_to_look_at(dock: Dock, panel: TrainPanel, viewer: Any, qtbot: Any) -> None:
    taught = teach(panel, qtbot)
    qtbot.waitUntil(lambda: not dock.session.work.busy, timeout=60_000)
    before = panel.image.layer, panel.labels.layer, dock.segment.image.layer
    panel.outcome.open.click()
    assert any("(worst)" in layer.name for layer in viewer.layers)
    assert (panel.image.layer, panel.labels.layer, dock.segment.image.layer) == before
    assert dock.segment.model.name == taught.name


def test_what_was_deleted_and_brought_back_is_no_background(viewer: Any) -> None:
    layer = viewer.layers["truth"]
    layer.metadata[RECIPE] = {"objects": int(TRUTH.max())}
    Checked(frozenset({1}), deleted=(np.nonzero(TRUTH == 4),)).note(layer)  # and 4 is there
    ((_, truth),) = from_layers(viewer.layers["discs"], layer, 2).pairs
    assert np.array_equal(truth.known, TRUTH == 1)
