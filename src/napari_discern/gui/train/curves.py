"""Curves: losses and scores while a model learns."""

from __future__ import annotations

from typing import Any

import pyqtgraph
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_discern.progress import Progress

SMOOTH = 0.9
"""Decay of the running mean that is drawn of a loss."""
STYLES = {
    "embedding": ("embedding loss", "#e69f00", 1),
    "foreground": ("foreground loss", "#56b4e9", 2),
    "S_mean": ("mean S", "#009e73", 3),
    "within": ("pixels within delta_v", "#cc79a7", 4),
    "beyond": ("pairs beyond 2 delta_d", "#999999", 5),
}
"""Name, colour and line of each curve; the lines differ as well as the colours."""


class Curves(QWidget):
    """A plot that grows with each `Progress` it is given."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot: Any = pyqtgraph.PlotWidget(background=None)
        self.plot.setMinimumHeight(180)
        self.plot.setLabel("bottom", "step")
        self.plot.addLegend(offset=(-5, 5), labelTextSize="8pt")
        self.lines: dict[str, Any] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)
        self.clear()

    def clear(self) -> None:
        """Forget all points."""
        self.points: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in STYLES}
        self._mean: dict[str, float] = {}
        for line in self.lines.values():
            line.setData([], [])

    def add(self, progress: Progress) -> None:
        """Take up what a training reports."""
        step = progress.values.get("step")
        if step is None:
            return
        for name in STYLES:
            value = progress.values.get(name)
            if value is None or value != value:  # NaN
                continue
            xs, ys = self.points[name]
            if xs and xs[-1] == step:
                continue
            if name in ("embedding", "foreground"):
                value = self._mean[name] = SMOOTH * self._mean.get(name, value) + (1 - SMOOTH) * value
            xs.append(step)
            ys.append(value)
            self._line(name).setData(xs, ys)

    def _line(self, name: str) -> Any:
        if name not in self.lines:
            text, colour, style = STYLES[name]
            pen = pyqtgraph.mkPen(colour, width=2, style=pyqtgraph.QtCore.Qt.PenStyle(style))
            symbol = "o" if name == "S_mean" else None
            self.lines[name] = self.plot.plot([], [], pen=pen, name=text, symbol=symbol, symbolBrush=colour)
        return self.lines[name]
