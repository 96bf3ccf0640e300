"""Dock: the panels, one beside another, in napari's window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QCloseEvent, QKeySequence, QShortcut
from qtpy.QtWidgets import QScrollArea, QTabWidget, QVBoxLayout, QWidget

from napari_discern.gui.evaluate import EvaluatePanel
from napari_discern.gui.segment import SegmentPanel
from napari_discern.gui.session import Session
from napari_discern.gui.train import Taught, TrainPanel

if TYPE_CHECKING:
    from napari.components import ViewerModel


class Dock(QWidget):
    """The panels as tabs: Segment, Train, Evaluate."""

    def __init__(self, napari_viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = Session(napari_viewer, self)
        self.segment = SegmentPanel(self.session)
        self.tabs = QTabWidget()
        self.train = TrainPanel(self.session, self.segment.model)
        self.tabs.addTab(_scrolling(self.segment), "Segment")
        self.tabs.addTab(_scrolling(self.train), "Train")
        self.evaluate = EvaluatePanel(self.session)
        self.tabs.addTab(_scrolling(self.evaluate), "Evaluate")
        self.train.taught.connect(self._apply)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.tabs)
        self.setMinimumWidth(300)
        self.escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        self.escape.setContext(Qt.ShortcutContext.WindowShortcut)
        self.escape.activated.connect(self.session.work.stop)

    def sizeHint(self) -> QSize:
        """Narrow, so that the image keeps its room."""
        return QSize(380, 700)

    def _apply(self, taught: Taught) -> None:
        """Use a new model at once on the image that is picked."""
        if self.segment.image.layer is not None:
            self.segment.run()

    def release(self) -> None:
        """Stop what runs and let go of the viewer."""
        self.session.work.stop()
        self.segment.release()
        self.train.release()
        self.evaluate.release()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Let go of the viewer before the window does."""
        self.release()
        super().closeEvent(event)


def _scrolling(panel: QWidget) -> QScrollArea:
    area = QScrollArea(widgetResizable=True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(panel)
    return area
