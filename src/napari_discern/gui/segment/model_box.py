"""Model box: the models to pick from, and a line to pick another from disk."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_discern.errors import DiscernError
from napari_discern.gui.widgets.choices import NarrowBox
from napari_discern.gui.work.models import Models


class ModelBox(NarrowBox):
    """Shows which model is picked, and picks another."""

    OTHER = "Other model folder…"

    def __init__(self, models: Models, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.models = models
        self._fill()
        models.listed.connect(self._fill)
        models.picked.connect(self._follow)
        self.currentIndexChanged.connect(lambda _: models.pick(self.currentData()))
        self.activated.connect(self._maybe_browse)

    def _fill(self) -> None:
        self.blockSignals(True)
        self.clear()
        for name, card in self.models.cards.items():
            self.addItem(self.models.title_of(name), name)
            self.setItemData(self.count() - 1, card.description or name, 3)  # Qt.ToolTipRole
        self.addItem(self.OTHER)
        self._follow()
        self.blockSignals(False)

    def _follow(self) -> None:
        self.setCurrentIndex(self.findData(self.models.name))

    def _maybe_browse(self, index: int) -> None:
        if self.itemText(index) != self.OTHER:
            return
        folder = QFileDialog.getExistingDirectory(self, "Folder of a model (it holds card.json)")
        try:
            if folder:
                self.models.add(Path(folder))
        except DiscernError as error:
            self.models.broken[folder] = str(error)
            self.models.picked.emit(self.models.name)
        self._follow()
