"""Choices: boxes to pick from, such as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_discern.gui.layers.overlays import OVERLAY

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

    Attributes
    ----------
    layers : list of napari layers
        Those that can be picked.
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
        self.layers: list[Layer] = []
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
        return self.layers[index] if 0 <= index < len(self.layers) else None

    @layer.setter
    def layer(self, layer: Layer) -> None:
        self.setCurrentIndex(self.layers.index(layer) + self._first)

    @property
    def _first(self) -> int:
        """Row of the first layer."""
        return 1 if self.none else 0

    def release(self) -> None:
        """Let go of the viewer."""
        for link in self._links:
            link.disconnect(self._fill)
        self.viewer.layers.selection.events.active.disconnect(self._follow)
        for layer in self.layers:
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
        found = [layer for layer in self.viewer.layers if type(layer) is self.kind and not layer.metadata.get(OVERLAY)]
        self._newest = next((layer for layer in found if layer not in self.layers), self._newest)
        for layer in set(self.layers) - set(found):
            layer.events.name.disconnect(self._rename)
        for layer in set(found) - set(self.layers):
            layer.events.name.connect(self._rename)
        self.layers = found
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
        for index, layer in enumerate(self.layers):
            self.setItemText(self._first + index, layer.name)

    def _tell(self) -> None:
        if self.layer is not self._last:
            self._last = self.layer
            self.picked.emit(self.layer)
