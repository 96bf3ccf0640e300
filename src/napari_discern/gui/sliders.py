"""Sliders: numbers that are set by hand while one looks at what they do."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget
from superqt import QLabeledDoubleSlider, QLabeledSlider

from napari_discern.fields import leaves
from napari_discern.gui.form import tooltip
from napari_discern.recipe import Recipe

ROWS = {
    "cluster.bandwidth": ("How far apart", 0.1, 4.0),
    "foreground_threshold": ("How sure it is object", 0.02, 0.98),
    "min_size": ("Smallest object", 0, 2000),
}


class Sliders(QWidget):
    """Bandwidth, foreground threshold and smallest object.

    Signals
    -------
    moved : nothing
        When the user has moved one.
    """

    moved = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        about = {".".join(leaf.path): tooltip(leaf) for leaf in leaves(Recipe)}
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.sliders: dict[str, Any] = {}
        for path, (text, low, high) in ROWS.items():
            slider: Any = (QLabeledSlider if isinstance(low, int) else QLabeledDoubleSlider)(Qt.Orientation.Horizontal)
            slider.setRange(low, high)
            if not isinstance(low, int):
                slider.setSingleStep(0.01)
                slider.setDecimals(2)
            slider.setToolTip(about[path])
            slider.setAccessibleName(text)
            slider.valueChanged.connect(self.moved)
            label = QLabel(text)
            label.setToolTip(about[path])
            layout.addRow(label, slider)
            self.sliders[path] = slider

    def show_settings(self, settings: Any) -> None:
        """Take over the values of settings, without a signal."""
        values = (settings.cluster.bandwidth, settings.foreground_threshold, settings.min_size)
        for slider, value in zip(self.sliders.values(), values, strict=True):
            slider.blockSignals(True)
            if value > slider.maximum():
                slider.setMaximum(value)
            slider.setValue(value)
            slider.blockSignals(False)

    def changes(self) -> dict[str, Any]:
        """The values, nested as in a recipe."""
        bandwidth, foreground, smallest = (slider.value() for slider in self.sliders.values())
        return {
            "cluster": {"bandwidth": round(bandwidth, 4)},
            "foreground_threshold": round(foreground, 4),
            "min_size": int(smallest),
        }
