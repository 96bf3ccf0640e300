"""Dock: the panels, one beside another, in napari's window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QCloseEvent, QKeySequence, QShortcut, QShowEvent
from qtpy.QtWidgets import QMainWindow, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from napari_discern.gui.batch.panel import BatchPanel
from napari_discern.gui.evaluate.panel import EvaluatePanel
from napari_discern.gui.explore.panel import ExplorePanel
from napari_discern.gui.segment.panel import SegmentPanel
from napari_discern.gui.train.panel import TrainPanel
from napari_discern.gui.work.session import Session
from napari_discern.gui.work.shared import Shared
from napari_discern.training import autosave as rescue

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels


class Dock(QWidget):
    """The panels as tabs: Segment, Explore, Train, Evaluate, Batch."""

    def __init__(self, napari_viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._released = False
        self.session = Session.of(napari_viewer)
        self.shared = Shared(self.session)
        self.segment = SegmentPanel(self.shared)
        self.explore = ExplorePanel(self.shared, self.segment.run_in_view)
        self.train = TrainPanel(self.session, self.shared.models)
        self.evaluate, self.batch = EvaluatePanel(self.shared), BatchPanel(self.shared, self.segment.recipe)
        self.tabs = QTabWidget()
        for panel, title in zip(self._panels, ("Segment", "Explore", "Train", "Evaluate", "Batch"), strict=True):
            self.tabs.addTab(_Scrolling(panel), title)
        self._mark_left()
        self.session.work.ended.connect(self._mark_left)
        self.train.offer.forgotten.connect(self._mark_left)
        self.segment.review.noted.connect(self._teach)
        for other_model in (self.train.taught, self.train.undone):
            other_model.connect(lambda: self.segment.run_on(self.train.image.layer))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.tabs)
        self.setMinimumWidth(300)
        self.escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        self.escape.setContext(Qt.ShortcutContext.WindowShortcut)
        self.escape.activated.connect(self.cancel)

    @property
    def _panels(self) -> tuple[SegmentPanel, ExplorePanel, TrainPanel, EvaluatePanel, BatchPanel]:
        return self.segment, self.explore, self.train, self.evaluate, self.batch

    def sizeHint(self) -> QSize:
        """Narrow, so that the image keeps its room."""
        return QSize(380, 700)

    def _teach(self, checked: Labels) -> None:
        """What a person has said something of is what is to be learnt."""
        found = self.shared.found
        if found is not None and checked is self.shared.result and checked in self.train.labels.layers:
            self.train.labels.layer = checked
            if found.wish.source.layer in self.train.image.layers:
                self.train.image.layer = found.wish.source.layer

    def _mark_left(self, _: object = None) -> None:
        """Say on the tab that a training was left, to be gone on with there."""
        self.tabs.setTabText(2, "Train ⚠" if rescue.is_left() and not self.session.work.busy else "Train")
        self.tabs.setTabToolTip(2, "A training was left unfinished." if rescue.is_left() else "")

    def cancel(self) -> None:
        """Stop what runs, and wait no longer for a click."""
        self.session.work.stop()
        self.segment.review.cancel()
        self.explore.cancel()

    def event(self, event: QEvent) -> bool:
        """Let go of the viewer when napari takes the dock out of its window, which closes nothing."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.release()
        return bool(super().event(event))

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
        for panel in self._panels:
            panel.release()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Let go of the viewer before the window does."""
        self.release()
        super().closeEvent(event)


class _Scrolling(QScrollArea):
    """A panel that is scrolled up and down, and never narrower than it needs to be."""

    def __init__(self, panel: QWidget) -> None:
        super().__init__(widgetResizable=True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(panel)

    def minimumSizeHint(self) -> QSize:
        """As wide as the panel and a scroll bar beside it."""
        width = self.widget().minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width()
        return QSize(width, super().minimumSizeHint().height())
