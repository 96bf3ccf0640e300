"""Scatter: the pixels' embeddings in the plane, coloured by object, with the circles of the margin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph
from qtpy.QtCore import QPointF, Qt, Signal
from qtpy.QtGui import QPolygonF
from qtpy.QtWidgets import QWidget

from napari_discern.gui.widgets.layout import stack

POINTS = 4000
"""Pixels that are drawn, at most."""


class _Lasso(pyqtgraph.ViewBox):
    """A view in which dragging with the left button draws a loop; the right one and the wheel zoom as ever."""

    drawn = Signal(object)
    loop: Sequence[Any] = ()

    def mouseDragEvent(self, event: Any, axis: Any = None) -> None:
        """Collect the loop, and hand it on when the button is let go."""
        if event.button() != Qt.MouseButton.LeftButton:
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        here = self.mapToView(event.pos())
        self.loop = [here] if event.isStart() else [*self.loop, here]
        if event.isFinish():
            self.drawn.emit(np.array([[p.x(), p.y()] for p in self.loop]))


class Scatter(QWidget):
    """Draws up to `POINTS` pixels of the foreground along two axes of the embedding.

    Signals
    -------
    lassoed : int64 array of shape (n,), flat indices of the pixels inside a loop
    """

    lassoed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = _Lasso(lockAspect=True)
        self.plot: Any = pyqtgraph.PlotWidget(viewBox=self.view, background=None)
        self.plot.setMinimumHeight(220)
        self.plot.setToolTip("Each dot is a pixel, each colour an object, each circle the bandwidth around a mean. "
                             "Draw a loop around dots to see their pixels in the image.")  # fmt: skip
        self.dots: Any = pyqtgraph.ScatterPlotItem(size=4, pen=None)
        self.bright: Any = pyqtgraph.ScatterPlotItem(size=7, pen=pyqtgraph.mkPen("w"), brush=None)
        self.rings: list[Any] = []
        for item in (self.dots, self.bright):
            self.plot.addItem(item)
        self.places, self.pixels, self.owners = np.zeros((0, 2)), np.zeros(0, np.int64), np.zeros(0, np.int64)
        self.view.drawn.connect(self.lasso)
        stack(self, self.plot, bare=True)

    def show_embedding(self, embedding: np.ndarray, labels: np.ndarray, axes: np.ndarray, radius: float) -> None:
        """Draw the pixels of the objects.

        Parameters
        ----------
        embedding : float array of shape (E, \\*S)
        labels : uint32 array of shape (\\*S)
        axes : float array of shape (2, E)
        radius : float
            Of the circles, in units of the embedding.
        """
        inside = np.flatnonzero(labels)
        if len(inside) > POINTS:
            inside = np.sort(np.random.default_rng(0).choice(inside, POINTS, replace=False))
        self.pixels, self.owners = inside, labels.ravel()[inside].astype(np.int64)
        self.places = (axes @ embedding.reshape(len(embedding), -1)[:, inside]).T.astype(float)
        brushes = [pyqtgraph.intColor(int(o) * 7, hues=23, alpha=140) for o in range(int(labels.max(initial=0)) + 1)]
        self.dots.setData(pos=self.places, brush=[brushes[o] for o in self.owners])
        self.bright.setData(pos=np.zeros((0, 2)))
        self._draw_rings(radius)

    def highlight(self, label: int) -> None:
        """Light up the pixels of an object."""
        self.bright.setData(pos=self.places[self.owners == label])

    def lasso(self, loop: np.ndarray) -> None:
        """Tell which pixels lie inside a loop, float (n, 2), of the plot."""
        polygon = QPolygonF([QPointF(*p) for p in loop])
        rule = Qt.FillRule.OddEvenFill
        hit = np.array([polygon.containsPoint(QPointF(*p), rule) for p in self.places], bool)
        self.bright.setData(pos=self.places[hit] if len(hit) else np.zeros((0, 2)))
        self.lassoed.emit(self.pixels[hit] if len(hit) else self.pixels)

    def _draw_rings(self, radius: float) -> None:
        for ring in self.rings:
            self.plot.removeItem(ring)
        self.rings = []
        turn = np.linspace(0, 2 * np.pi, 40)
        circle = radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        for label in np.unique(self.owners):
            middle = self.places[self.owners == label].mean(axis=0)
            pen = pyqtgraph.mkPen((160, 160, 160, 120))
            self.rings.append(self.plot.plot(*(middle + circle).T, pen=pen))
