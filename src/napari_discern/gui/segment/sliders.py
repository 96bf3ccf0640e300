"""Sliders: numbers that are set by hand while one looks at what they do."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget
from superqt import QLabeledDoubleSlider, QLabeledSlider

from napari_discern.gui.widgets.form import tooltip
from napari_discern.model import Settings
from napari_discern.params import leaves
from napari_discern.segmentation import Recipe

ROWS = {
    "cluster.bandwidth": ("How far apart", 0.1, 4.0),
    "cluster.tau": ("How much alike", 0.02, 0.98),
    "cluster.overlap": ("How much may overlap", 0.0, 0.99),
    "foreground_threshold": ("How sure it is object", 0.02, 0.98),
    "join_share": ("Join pieces up to", 0.0, 0.9),
    "min_size": ("Smallest object", 0, 2000),
}


class Sliders(QWidget):
    """The thresholds of the clustering, that of the foreground, the largest piece and the smallest object.

    Signals
    -------
    moved : nothing
        When the user has moved one.
    """

    moved = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._members = {".".join(leaf.path): leaf.member for leaf in leaves(Recipe)}
        about = {".".join(leaf.path): tooltip(leaf) for leaf in leaves(Recipe)}
        self._all = {path: self._add(about[path], *row) for path, row in ROWS.items()}
        self._kind = ""
        self.show_settings(Settings())

    @property
    def sliders(self) -> dict[str, Any]:
        """Those that are shown, by the path of their parameter."""
        return {path: slider for path, slider in self._all.items() if self._members[path] in ("", self._kind)}

    def show_settings(self, settings: Settings) -> None:
        """Take over the values of settings, and show what their clustering has, without a signal."""
        self._kind = settings.cluster.kind
        shown = self.sliders
        for path, slider in self._all.items():
            self._layout.setRowVisible(slider, path in shown)
        for path, slider in shown.items():
            value: Any = attrgetter(path)(settings)
            slider.blockSignals(True)
            if value > slider.maximum():
                slider.setMaximum(value)
            slider.setValue(value)
            slider.blockSignals(False)

    def changes(self) -> dict[str, Any]:
        """The values, nested as in a recipe."""
        values: dict[str, Any] = {"cluster": {"kind": self._kind}}
        for path, slider in self.sliders.items():
            *outer, name = path.split(".")
            part = values[outer[0]] if outer else values
            part[name] = round(slider.value(), 4)
        return values

    def _add(self, about: str, text: str, low: float, high: float) -> Any:
        slider: Any = (QLabeledSlider if isinstance(low, int) else QLabeledDoubleSlider)(Qt.Orientation.Horizontal)
        slider.setRange(low, high)
        if not isinstance(low, int):
            slider.setSingleStep(0.01)
            slider.setDecimals(2)
        slider.setToolTip(about)
        slider.setAccessibleName(text)
        slider.valueChanged.connect(self.moved)
        label = QLabel(text)
        label.setToolTip(about)
        self._layout.addRow(label, slider)
        return slider
