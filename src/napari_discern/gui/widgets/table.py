"""Table: rows of words, to be looked at and chosen."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem


class Table(QTableWidget):
    """Columns with titles that share its width; of rows nothing can be changed."""

    def __init__(self, *titles: str) -> None:
        super().__init__(0, len(titles))
        self.setHorizontalHeaderLabels(titles)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().hide()
        self.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)

    def show_rows(self, rows: Sequence[Sequence[str]], tips: Sequence[str] = ()) -> None:
        """Show these rows in place of those before, each with its tip."""
        self.setRowCount(len(rows))
        for row, words in enumerate(rows):
            for column, text in enumerate(words):
                item = QTableWidgetItem(text)
                if tips:
                    item.setToolTip(tips[row])
                self.setItem(row, column, item)
