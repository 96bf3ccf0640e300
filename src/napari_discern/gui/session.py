"""Session: what the panels of one dock share: the viewer, the work, the models in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_discern import zoo
from napari_discern.gui.work import Work
from napari_discern.model import Model
from napari_discern.progress import Progress, Steps

if TYPE_CHECKING:
    from napari.components import ViewerModel


class Session(QObject):
    """One viewer, one piece of work at a time, and the model that was used last.

    Attributes
    ----------
    viewer : napari ViewerModel
    work : Work
    """

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer, self.work = viewer, Work(self)
        self._model: tuple[str, Model] | None = None

    def model(self, name: str, device: str = "auto") -> Steps[Model]:
        """A model by name or path, loaded once; to be driven in a thread, since the first loads torch."""
        key = f"{name} on {device}"
        if self._model is None or self._model[0] != key:
            yield Progress("load model", 0, 0)
            self._model = key, zoo.load_model(name, device)
        return self._model[1]

    def add(self, layer: Any) -> None:
        """Put a layer on top; what was chosen stays chosen."""
        before = set(self.viewer.layers.selection)
        active = self.viewer.layers.selection.active
        self.viewer.add_layer(layer)
        if before:
            self.viewer.layers.selection = before
            self.viewer.layers.selection.active = active
