"""The dock as a whole: opened from the menu's command, closed again, nothing left behind."""

from __future__ import annotations

import gc
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from qtpy.QtWidgets import QComboBox, QPushButton, QWidget
from superqt.sliders import QLabeledSlider

from napari_discern.gui.dock import Dock
from napari_discern.gui.work.found import Found
from napari_discern.model import Embedded
from napari_discern.progress import Progress, Steps
from napari_discern.training import Training
from napari_discern.training import autosave as rescue

pytestmark = pytest.mark.usefixtures("own")


def listeners(viewer: Any) -> dict[str, int]:
    events = viewer.layers.events
    found = {name: len(getattr(events, name).callbacks) for name in ("inserted", "removed", "reordered")}
    for name in ("mouse_move_callbacks", "mouse_drag_callbacks", "mouse_wheel_callbacks"):
        found[name] = len(getattr(viewer, name))
    found["names"] = sum(len(layer.events.name.callbacks) for layer in viewer.layers)
    return found


def test_napari_opens_it_by_its_name(viewer: Any) -> None:
    _, dock = viewer.window.add_plugin_dock_widget("napari-discern", "Discern")
    assert isinstance(dock, Dock)
    assert [dock.tabs.tabText(k) for k in range(dock.tabs.count())] == [
        "Segment",
        "Explore",
        "Train",
        "Evaluate",
        "Batch",
    ]
    dock.release()


def test_nothing_is_left_behind_when_it_is_closed(viewer: Any) -> None:
    viewer.add_image(np.zeros((9, 9)))
    before = listeners(viewer)
    for _ in range(3):
        dock = Dock(viewer)
        held = viewer.window.add_dock_widget(dock, name="Discern")
        assert listeners(viewer) != before
        viewer.window.remove_dock_widget(held)
        dock.close()
        gc.collect()
        assert listeners(viewer) == before


def test_its_cross_lets_go_of_the_viewer(viewer: Any, qtbot: Any) -> None:
    """napari takes the dock out of its window then, and closes nothing."""
    viewer.add_image(np.zeros((9, 9)))
    before = listeners(viewer)
    dock = Dock(viewer)
    held = viewer.window.add_dock_widget(dock, name="Discern")
    assert listeners(viewer) != before
    held.title.close_button.click()
    qtbot.waitUntil(lambda: listeners(viewer) == before)


def test_escape_gives_up_what_waits_for_a_click(viewer: Any, qtbot: Any) -> None:
    dock = Dock(viewer)
    qtbot.addWidget(dock)
    layer = viewer.add_labels(np.eye(9, dtype=int))
    dock.segment.review.follow(layer)
    layer.selected_label = 1
    dock.segment.review.buttons["merge"].click()
    dock.explore.growing.grow.setChecked(True)
    dock.escape.activated.emit()
    assert layer.mouse_pan
    assert not dock.explore.growing.grow.isChecked()
    dock.release()


def test_what_is_checked_is_what_is_taught(viewer: Any, qtbot: Any) -> None:
    image, pixels = viewer.add_image(np.zeros((40, 50)), name="first"), np.zeros((40, 50), np.float32)
    pixels[10:20, 10:20] = pixels[10:20, 30:40] = 1
    dock = Dock(viewer)
    qtbot.addWidget(dock)
    truth = viewer.add_labels(np.ones((40, 50), int), name="truth")
    dock.segment.image.layer = image
    wish = dock.segment.wish()
    chance = torch.from_numpy(0.05 + 0.9 * pixels)
    points = torch.from_numpy(np.stack([8 * pixels * (np.arange(50) > 25), pixels])).float()
    dock.segment.show_found(Found.of(wish, wish.recipe, Embedded(points, torch.stack([1 - chance, chance]))))
    viewer.add_image(np.zeros((9, 9)), name="other")
    assert dock.train.labels.layer is truth
    dock.segment.review.buttons["all"].click()
    assert dock.train.labels.layer is dock.shared.result
    assert dock.train.image.layer is image
    dock.release()


def test_long_names_leave_the_panels_narrow(viewer: Any, qtbot: Any) -> None:
    name = "00071198d059ba7f5914a526d124d28e6d010c92466da21d4a04cd5413362552 nuclei of the second plate"
    viewer.add_image(np.zeros((9, 9)), name=name)
    viewer.add_labels(np.zeros((9, 9), int), name=name)
    dock = Dock(viewer)
    qtbot.addWidget(dock)
    for panel in (dock.segment, dock.train, dock.evaluate):
        assert panel.minimumSizeHint().width() <= 366
    dock.release()


def test_a_training_that_was_left_is_marked_on_its_tab(viewer: Any, qtbot: Any) -> None:
    rescue.begin(rescue.Plan(Training(), None, []))
    (rescue.folder() / "last").mkdir()
    dock = Dock(viewer)
    qtbot.addWidget(dock)
    assert dock.tabs.tabText(2) == "Train ⚠"
    dock.train.offer.discard.click()
    assert dock.tabs.tabText(2) == "Train"
    dock.release()


def test_every_control_has_a_tip(viewer: Any, qtbot: Any) -> None:
    dock = Dock(viewer)
    qtbot.addWidget(dock)
    controls: list[QWidget] = [
        *dock.findChildren(QPushButton),
        *dock.findChildren(QComboBox),
        *dock.findChildren(QLabeledSlider),
    ]
    bare = [c.objectName() or getattr(c, "text", lambda: "?")() for c in controls if not _tip(c)]
    assert bare == []
    dock.release()


def _tip(widget: QWidget | None) -> str:
    """The tip of a control, or of what it is a part of."""
    while widget is not None and not widget.toolTip():
        widget = widget.parentWidget()
    return widget.toolTip() if widget is not None else ""


def test_escape_stops_what_runs(viewer: Any, qtbot: Any) -> None:
    def endless() -> Steps[None]:
        while True:
            yield Progress("endless", 1, 2)

    dock = Dock(viewer)
    qtbot.addWidget(dock)
    dock.session.work.start("endless", endless(), lambda _: None)
    with qtbot.waitSignal(dock.session.work.ended, timeout=5_000) as told:
        dock.escape.activated.emit()
    assert told.args == ["stopped"]
    dock.release()


def test_the_dock_opens_without_torch() -> None:
    code = (
        "import sys, napari; from napari.components import ViewerModel; from qtpy.QtWidgets import QApplication; "
        "app = QApplication([]); from napari_discern.gui.dock import Dock; Dock(ViewerModel()); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0


def test_nothing_is_cut_off_at_the_side(viewer: Any, qtbot: Any) -> None:
    """On a small screen each panel has a bar to scroll it by, and room beside that."""
    viewer.window._qt_window.resize(1280, 800)
    dock = Dock(viewer)
    viewer.window.add_dock_widget(dock, name="Discern")
    viewer.window._qt_window.show()
    for number in range(dock.tabs.count()):
        dock.tabs.setCurrentIndex(number)
        area = dock.tabs.widget(number)
        qtbot.waitUntil(lambda area=area: area.isVisible())
        assert area.minimumSizeHint().width() >= area.widget().minimumSizeHint().width() + 10
        qtbot.waitUntil(lambda area=area: area.viewport().width() >= area.widget().width())
