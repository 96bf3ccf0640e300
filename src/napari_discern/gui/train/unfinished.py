"""A line that offers to go on with a training that was left."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from napari_discern.errors import BadFile, OutputExists
from napari_discern.metrics import abridged
from napari_discern.training import Autosave

SHOWN, LONGEST = 2, 18
"""Images that are named, and the letters of a name that are shown."""


class UnfinishedBar(QWidget):
    """Shown while a training is left; Discard forgets it. Of several the newest comes first.

    Attributes
    ----------
    newest : Autosave or None
        The training that is offered.

    Signals
    -------
    taken : nothing
        When the training is to go on.
    forgotten : nothing
    failed : Exception
        When it could not be forgotten.
    """

    taken, forgotten, failed = Signal(), Signal(), Signal(object)

    def __init__(self) -> None:
        super().__init__(visible=False)
        self.newest: Autosave | None = None
        self.words = QLabel(wordWrap=True)
        self.go_on, self.discard = QPushButton("&Go on"), QPushButton("Discard")
        self.go_on.setToolTip("Go on where the last minute was saved.")
        self.discard.setToolTip("Forget it.")
        self.go_on.clicked.connect(self.taken)
        self.discard.clicked.connect(self._forget)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.words, 1)
        row.addWidget(self.go_on)
        row.addWidget(self.discard)
        self.look()

    def look(self) -> None:
        """Be shown if there is a training that was left."""
        left = Autosave.left()
        self.newest = left[0] if left else None
        self.words.setText(_words(left[0], len(left) - 1) if left else "")
        self.setVisible(bool(left))

    def _forget(self) -> None:
        try:
            if self.newest is not None:
                self.newest.clear()
        except (BadFile, OutputExists) as error:
            self.failed.emit(error)
        self.look()
        self.forgotten.emit()


def _words(one: Autosave, more: int) -> str:
    """Which training is offered, and how many others there are."""
    names = one.images
    of = f" of {', '.join(abridged(name, LONGEST) for name in names[:SHOWN])}" if names else ""
    of += f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    others = f" After it {more} more." if more else ""
    return f"A training{of}, begun {one.begun:%Y-%m-%d %H:%M}, was left unfinished.{others}"
