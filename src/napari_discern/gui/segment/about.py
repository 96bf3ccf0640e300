"""About: what a model is for, what it found in a picture, its scores and its licence."""

from __future__ import annotations

import re

from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QLabel, QWidget

from napari_discern.errors import BadModel
from napari_discern.gui.widgets.layout import stack
from napari_discern.model import Card, zoo


class About(QWidget):
    """A picture over what one chooses a model by."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture, self.text = QLabel(), QLabel(wordWrap=True)
        self.text.setMinimumWidth(1)  # a long path must not make the dock as wide
        stack(self, self.picture, self.text, bare=True)

    def show_model(self, name: str, card: Card) -> None:
        """Show the model of this name."""
        try:
            file, facts = zoo.picture_of(name), zoo.facts_of(name, card)
        except (BadModel, OSError):
            file, facts = None, []  # its folder is gone meanwhile
        pixmap = QPixmap(str(file)) if file else QPixmap()
        self.picture.setPixmap(pixmap)
        self.picture.setVisible(not pixmap.isNull())
        learnt = f"Learnt from {card.data}" if card.data else ""
        lines = "\n".join(line for line in (card.description, learnt, ", ".join(facts)) if line)
        self.text.setText(re.sub(r"(?<=[/\\_.])(?=[^\W\d])", "\u200b", lines))  # where long names may be broken
