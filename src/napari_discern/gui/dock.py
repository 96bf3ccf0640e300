"""Dock: the panels, one beside another, in napari's window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QCloseEvent, QKeySequence, QShortcut, QShowEvent
from qtpy.QtWidgets import QMainWindow, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from napari_discern.gui.batch import BatchPanel
from napari_discern.gui.evaluate import EvaluatePanel
from napari_discern.gui.explore import ExplorePanel
from napari_discern.gui.segment import SegmentPanel
from napari_discern.gui.session import Session
from napari_discern.gui.teaching import Taught
from napari_discern.gui.train import TrainPanel

if TYPE_CHECKING:
    from napari.components import ViewerModel


class Dock(QWidget):
    """The panels as tabs: Segment, Explore, Train, Evaluate, Batch."""

    def __init__(self, napari_viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = Session.of(napari_viewer)
        self.segment = SegmentPanel(self.session)
        self.tabs = QTabWidget()
        self.explore = ExplorePanel(self.session, self.segment)
        self.train = TrainPanel(self.session, self.segment.model)
        self.tabs.addTab(_scrolling(self.segment), "Segment")
        self.tabs.addTab(_scrolling(self.explore), "Explore")
        self.tabs.addTab(_scrolling(self.train), "Train")
        self.evaluate = EvaluatePanel(self.session, self.segment)
        self.tabs.addTab(_scrolling(self.evaluate), "Evaluate")
        self.batch = BatchPanel(self.session, self.segment)
        self.tabs.addTab(_scrolling(self.batch), "Batch")
        self.train.taught.connect(self._apply)
        self.train.undone.connect(self._apply)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.tabs)
        self.setMinimumWidth(300)
        self.escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        self.escape.setContext(Qt.ShortcutContext.WindowShortcut)
        self.escape.activated.connect(self.session.work.stop)
        self._released = False
        self.destroyed.connect(lambda: self.release())  # noqa: PLW0108 (a method dies with the widget); napari may take the dock away without closing it

    def sizeHint(self) -> QSize:
        """Narrow, so that the image keeps its room."""
        return QSize(380, 700)

    def _apply(self, _: Taught | None = None) -> None:
        """Use another model at once on the image that is picked."""
        if self.segment.image.layer is not None:
            self.segment.run()

    def showEvent(self, event: QShowEvent) -> None:
        """Watch the viewer's window, so that it is not closed while something runs."""
        super().showEvent(event)
        if isinstance(self.window(), QMainWindow):
            self.session.guard(self.window())

    def release(self) -> None:
        """Let go of the viewer; once is enough. A training goes on, the rest stops."""
        if self._released:
            return
        self._released = True
        self.segment.release()
        self.explore.release()
        self.train.release()
        self.evaluate.release()
        self.batch.release()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Let go of the viewer before the window does."""
        self.release()
        super().closeEvent(event)


def _scrolling(panel: QWidget) -> QScrollArea:
    area = QScrollArea(widgetResizable=True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(panel)
    return area
