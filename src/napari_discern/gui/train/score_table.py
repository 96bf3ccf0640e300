"""Outcome: what a new model scores on each image of the lesson, and a look at the worst."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from qtpy.QtWidgets import QWidget

from napari_discern.gui.layers.overlays import OVERLAY
from napari_discern.gui.train.fine_tuning import Looked
from napari_discern.gui.widgets.layout import button, stack, tipped
from napari_discern.gui.widgets.table import Table
from napari_discern.gui.work.session import Session
from napari_discern.metrics import matching

ROWS = 6
"""Rows that are seen without scrolling."""


class Outcome(QWidget):
    """A row an image, the worst first, and a button that opens that one with what was missed."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session, self.looked = session, Looked()
        tip = "What the new model scores on each image: those set aside, or else all. The worst first."
        self.table = tipped(Table("image", "S(0.5)", "true", "found", wide=0), tip)
        tip = "Add the worst image to the layers, with its true objects and those that were found."
        self.open = button("Open the &worst", tip, self.open_worst)
        stack(self, self.table, self.open, bare=True)
        self.hide()

    def show_scores(self, looked: Looked) -> None:
        """Show what a model makes of a lesson."""
        self.looked = looked
        figures = looked.scores.items()
        self.table.show_rows([(name, f"{s.S[0.5]:.2f}", str(s.n_truth), str(s.n_found)) for name, s in figures])
        height = self.table.verticalHeader().defaultSectionSize()
        self.table.setFixedHeight((min(len(looked.scores), ROWS) + 1) * height + 4)
        self.show()

    def open_worst(self) -> None:
        """Add the worst image to the layers, with its true objects and those that were found."""
        if self.looked.worst is None:
            return
        name, window, found = self.looked.worst
        partners = matching(found, window.truth, 0.5)
        aid: dict[str, Any] = {"metadata": {OVERLAY: True}}
        rgb = window.patch.shape[0] == 3
        pixels = np.moveaxis(window.patch, 0, -1).clip(0, 1) if rgb else window.patch.mean(axis=0)
        self.session.add(ImageLayer(pixels, rgb=rgb, name=f"{name} (worst)", **aid))
        truth = Labels(window.truth.planes[0], name=f"{name} true, {len(partners.missed)} missed", **aid)
        truth.contour = 2
        self.session.add(truth)
        words = f"{name} found, {len(partners.false)} false"
        self.session.add(Labels(found.planes[0], name=words, opacity=0.4, **aid))
