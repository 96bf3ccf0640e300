"""Table: rows of words, to be looked at and chosen."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem


class Table(QTableWidget):
    """Columns with titles; of rows nothing can be changed.

    Parameters
    ----------
    wide : int, optional
        The column that gets what the others do not need of the width; without, all share it.
    """

    def __init__(self, *titles: str, wide: int | None = None) -> None:
        super().__init__(0, len(titles))
        self.setHorizontalHeaderLabels(titles)
        header, modes = self.horizontalHeader(), QHeaderView.ResizeMode
        header.setSectionResizeMode(modes.Stretch if wide is None else modes.ResizeToContents)
        if wide is not None:
            header.setSectionResizeMode(wide, modes.Stretch)
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
