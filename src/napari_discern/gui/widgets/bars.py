"""Bars: a few named numbers between 0 and 1, one above another."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtWidgets import QGridLayout, QLabel, QProgressBar, QWidget


class Bars(QWidget):
    """Each number as a bar with its name and value beside it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.grid = QGridLayout(self)
        self.grid.setContentsMargins(0, 0, 0, 0)
        self.bars: dict[str, QProgressBar] = {}

    def show_rows(self, rows: Mapping[str, float]) -> None:
        """Show these numbers in place of those before."""
        while (item := self.grid.takeAt(0)) is not None:
            item.widget().deleteLater()
        self.bars = {}
        for row, (name, value) in enumerate(rows.items()):
            bar = QProgressBar(minimum=0, maximum=1000, value=round(1000 * value), format=f"{value:.2f}")
            self.grid.addWidget(QLabel(name), row, 0)
            self.grid.addWidget(bar, row, 1)
            self.bars[name] = bar
