"""The dock as a whole: opened from the menu's command, closed again, nothing left behind."""

from __future__ import annotations

import gc
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QComboBox, QPushButton, QWidget
from superqt.sliders import QLabeledSlider

from napari_discern.gui.dock import Dock
from napari_discern.progress import Progress, Steps

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
