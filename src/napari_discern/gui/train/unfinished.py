"""A line that offers to go on with a training that was left."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from napari_discern.training import autosave as rescue


class Offer(QWidget):
    """Shown while a training is left; Discard forgets it.

    Signals
    -------
    taken : nothing
        When the training is to go on.
    forgotten : nothing
    """

    taken, forgotten = Signal(), Signal()

    def __init__(self) -> None:
        super().__init__(visible=rescue.is_left())
        self.go_on, self.discard = QPushButton("&Go on"), QPushButton("Discard")
        self.go_on.setToolTip("Go on where the last minute was saved.")
        self.discard.setToolTip("Forget it.")
        self.go_on.clicked.connect(self.taken)
        self.discard.clicked.connect(self._forget)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("A training was left unfinished.", wordWrap=True), 1)
        row.addWidget(self.go_on)
        row.addWidget(self.discard)

    def look(self) -> None:
        """Be shown if there is a training that was left."""
        self.setVisible(rescue.is_left())

    def _forget(self) -> None:
        rescue.clear()
        self.hide()
        self.forgotten.emit()
