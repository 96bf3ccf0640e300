"""Choices: boxes to pick a layer or a model from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QWidget

from napari_discern.errors import DiscernError
from napari_discern.gui.layers.source import AID, Look
from napari_discern.model import Card, read_card, zoo

if TYPE_CHECKING:
    from napari.components import ViewerModel


class NarrowBox(QComboBox):
    """A box that long names do not make wider than its panel; its list shows them whole."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)


class LayerBox(NarrowBox):
    """The layers of a kind in the viewer, by their names of the moment.

    Parameters
    ----------
    none : str
        What a first line says that stands for no layer, and is picked at first; without it a layer must be picked.
    latest : bool
        Whether a layer that is opened is picked at once.

    Signals
    -------
    picked : the layer, or None where there is none
        Also when the layer that was picked is gone.
    """

    picked = Signal(object)

    def __init__(
        self,
        viewer: ViewerModel,
        kind: type[Layer],
        parent: QWidget | None = None,
        none: str = "",
        latest: bool = False,
    ) -> None:
        super().__init__(parent)
        self.viewer, self.kind, self.none = viewer, kind, none
        self._layers: list[Layer] = []
        self._last: Layer | None = None
        events = viewer.layers.events
        self._links = [events.inserted, events.removed, events.reordered]
        for link in self._links:
            link.connect(self._fill)
        self._latest = latest
        self._newest: Layer | None = None
        viewer.layers.selection.events.active.connect(self._follow)
        self.currentIndexChanged.connect(self._tell)
        self._fill()

    @property
    def layer(self) -> Any:
        """The layer that is picked, or None."""
        index = self.currentIndex() - self._first
        return self._layers[index] if 0 <= index < len(self._layers) else None

    @layer.setter
    def layer(self, layer: Layer) -> None:
        self.setCurrentIndex(self._layers.index(layer) + self._first)

    @property
    def _first(self) -> int:
        """Row of the first layer."""
        return 1 if self.none else 0

    def release(self) -> None:
        """Let go of the viewer."""
        for link in self._links:
            link.disconnect(self._fill)
        self.viewer.layers.selection.events.active.disconnect(self._follow)
        for layer in self._layers:
            layer.events.name.disconnect(self._rename)

    def _follow(self) -> None:
        """Pick a layer that was just opened, which napari makes the active one."""
        active = self.viewer.layers.selection.active
        if active is None:
            return  # as it is for a moment
        if self._latest and active is self._newest:
            self.layer = active
        self._newest = None

    def _fill(self) -> None:
        before, active = self.layer, self.viewer.layers.selection.active
        found = [layer for layer in self.viewer.layers if type(layer) is self.kind and not layer.metadata.get(AID)]
        self._newest = next((layer for layer in found if layer not in self._layers), self._newest)
        for layer in set(self._layers) - set(found):
            layer.events.name.disconnect(self._rename)
        for layer in set(found) - set(self._layers):
            layer.events.name.connect(self._rename)
        self._layers = found
        self.blockSignals(True)
        self.clear()
        self.addItems(([self.none] if self.none else []) + [layer.name for layer in found])
        if self.none:
            first = before if before in found else None
        else:
            first = next((layer for layer in (before, active) if layer in found), found[-1] if found else None)
        self.setCurrentIndex(self._first + found.index(first) if first is not None else self._first - 1)
        self.blockSignals(False)
        self._tell()

    def _rename(self) -> None:
        for index, layer in enumerate(self._layers):
            self.setItemText(self._first + index, layer.name)

    def _tell(self) -> None:
        if self.layer is not self._last:
            self._last = self.layer
            self.picked.emit(self.layer)


class ModelBox(NarrowBox):
    """The models that come along, those picked from disk, and a line to pick another.

    Signals
    -------
    picked : name of the model
    """

    picked = Signal(str)
    OTHER = "Other model folder…"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.broken: dict[str, str] = {}
        self.cards: dict[str, Card] = dict(zoo.list_models(self.broken))
        self._fill()
        self.activated.connect(self._maybe_browse)
        self.currentIndexChanged.connect(lambda _: self.name and self.picked.emit(self.name))

    @property
    def name(self) -> str:
        """Name or path of the model that is picked; "" where none is."""
        data = self.currentData()
        return str(data) if data else ""

    @property
    def card(self) -> Card | None:
        """Its card."""
        return self.cards.get(self.name)

    def add(self, path: Path) -> str:
        """Offer the model of a folder, and pick it; returns its name in the list.

        Raises
        ------
        BadModel
            If the folder holds no whole model.
        """
        self.cards[str(path)] = read_card(path)
        self._fill()
        self.pick(str(path))
        return str(path)

    def pick(self, name: str) -> None:
        """Pick a model of the list."""
        self.setCurrentIndex(self.findData(name))

    def reload(self) -> None:
        """Look anew which models there are."""
        self.cards = {
            **dict(zoo.list_models(self.broken)),
            **{n: c for n, c in self.cards.items() if Path(n).is_absolute()},
        }
        self._fill()

    def fitting(self, ndim: int, channels: int) -> list[str]:
        """The models made for such images."""
        return [n for n, c in self.cards.items() if (c.architecture.ndim, c.architecture.channels) == (ndim, channels)]

    def alike(self, look: Look) -> list[str]:
        """The models made for images that look so, and then those whose card does not say; the picked one first."""
        fitting = sorted(self.fitting(look.ndim, look.channels), key=lambda name: name != self.name)
        return [n for tone in (look.tone, None) for n in fitting if self.cards[n].tone == tone]

    def _fill(self) -> None:
        before = self.name
        self.blockSignals(True)
        self.clear()
        for name, card in self.cards.items():
            self.addItem(card.name if Path(name).name == name else f"{card.name} ({Path(name).parent.name})", name)
            self.setItemData(self.count() - 1, card.description or name, 3)  # Qt.ToolTipRole
        self.addItem(self.OTHER, "")
        self.setCurrentIndex(max(0, self.findData(before)) if before else 0)
        self.blockSignals(False)

    def _maybe_browse(self, index: int) -> None:
        if self.itemText(index) != self.OTHER:
            return
        folder = QFileDialog.getExistingDirectory(self, "Folder of a model (it holds card.json)")
        try:
            self.add(Path(folder)) if folder else self.setCurrentIndex(0)
        except DiscernError as error:
            self.broken[folder] = str(error)
            self.setCurrentIndex(0)
            self.picked.emit(self.name)
