"""Table of what a new model scores on each image of the lessons, and a look at the worst."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from qtpy.QtWidgets import QHeaderView, QPushButton, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from napari_discern.gui.layers.source import AID
from napari_discern.gui.train.fine_tuning import ImageScores
from napari_discern.gui.work.session import Session
from napari_discern.metrics import matching

ROWS = 6
"""Rows that are seen without scrolling."""


class ScoreTable(QWidget):
    """A row an image, the worst first, and a button that opens that one with what was missed."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session, self.scores = session, ImageScores()
        self.table, self.open = QTableWidget(0, 4), QPushButton("Open the &worst")
        self.table.setHorizontalHeaderLabels(["image", "S(0.5)", "true", "found"])
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setToolTip("What the new model scores on each image: those set aside, or else all. The worst first.")
        self.open.setToolTip("Add the worst image to the layers, with its true objects and those that were found.")
        self.open.clicked.connect(self.open_worst)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addWidget(self.open)
        self.hide()

    def show_scores(self, shown: ImageScores) -> None:
        """Show what a model makes of lessons."""
        self.scores = shown
        self.table.setRowCount(len(shown.scores))
        for row, (name, one) in enumerate(shown.scores.items()):
            cells = (name, f"{one.S[0.5]:.2f}", str(one.n_truth), str(one.n_found))
            for column, words in enumerate(cells):
                self.table.setItem(row, column, QTableWidgetItem(words))
        height = self.table.verticalHeader().defaultSectionSize()
        self.table.setFixedHeight((min(len(shown.scores), ROWS) + 1) * height + 4)
        self.show()

    def open_worst(self) -> None:
        """Add the worst image to the layers, with its true objects and those that were found."""
        if self.scores.worst is None:
            return
        name, window, found = self.scores.worst
        partners = matching(found, window.truth, 0.5)
        aid: dict[str, Any] = {"metadata": {AID: True}}
        rgb = window.patch.shape[0] == 3
        pixels = np.moveaxis(window.patch, 0, -1).clip(0, 1) if rgb else window.patch.mean(axis=0)
        self.session.add(ImageLayer(pixels, rgb=rgb, name=f"{name} (worst)", **aid))
        truth = Labels(window.truth.planes[0], name=f"{name} true, {len(partners.missed)} missed", **aid)
        truth.contour = 2
        self.session.add(truth)
        words = f"{name} found, {len(partners.false)} false"
        self.session.add(Labels(found.planes[0], name=words, opacity=0.4, **aid))
