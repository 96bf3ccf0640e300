"""Message: one line that says how things stand, with what lies behind it on request."""

from __future__ import annotations

import traceback

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPlainTextEdit, QToolButton, QWidget

from napari_discern.errors import DiscernError
from napari_discern.gui.widgets.layout import stack


class Message(QWidget):
    """A line of text; of an error what is wrong and what to do, with a fold for the report."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.label = QLabel(wordWrap=True)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.fold = QToolButton(text="Details", checkable=True, visible=False)
        self.fold.setToolTip("What exactly happened, to be copied into a report of the problem.")
        self.fold.setArrowType(Qt.ArrowType.RightArrow)
        self.fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.report = QPlainTextEdit(readOnly=True, visible=False)
        self.report.setMaximumHeight(160)
        self.fold.toggled.connect(self.report.setVisible)
        stack(self, self.label, self.fold, self.report, bare=True)

    @property
    def text(self) -> str:
        """What it says."""
        return str(self.label.text())

    def say(self, text: str) -> None:
        """Say how things stand."""
        self._set(text, "")

    def blame(self, error: BaseException) -> None:
        """Say what went wrong."""
        known = isinstance(error, DiscernError)
        text = str(error) if known else f"Something unforeseen went wrong ({type(error).__name__}: {error})."
        self._set(f"⚠ {text}", "".join(traceback.format_exception(error)))

    def _set(self, text: str, report: str) -> None:
        self.label.setText(text)
        self.report.setPlainText(report)
        self.fold.setChecked(False)
        self.fold.setVisible(bool(report))
