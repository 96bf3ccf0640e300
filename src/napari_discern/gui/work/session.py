"""Session: what the panels of one viewer share, also of a dock closed and opened anew: work, models in memory."""

from __future__ import annotations

import atexit
import weakref
from typing import TYPE_CHECKING, ClassVar

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication, QMessageBox, QWidget

from napari_discern.errors import BadArgument
from napari_discern.gui.layers.overlays import add_layer
from napari_discern.gui.work.work import Work
from napari_discern.model import Model, zoo
from napari_discern.progress import Progress, Steps

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


class Session(QObject):
    """One viewer, one piece of work at a time, and the model that was used last.

    Attributes
    ----------
    viewer : napari ViewerModel
    work : Work
    kept : str
        Name of the model that the training of the moment, or the last one, has saved; "" if none.
    """

    _all: ClassVar[weakref.WeakKeyDictionary[ViewerModel, Session]] = weakref.WeakKeyDictionary()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer, self.work = weakref.ref(viewer), Work(self)
        self._model: tuple[str, Model] | None = None
        self.kept = ""
        app = QApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(self.work.stop)

    @classmethod
    def of(cls, viewer: ViewerModel) -> Session:
        """The session of a viewer, which lasts as long as that."""
        if viewer not in cls._all:
            cls._all[viewer] = cls(viewer)
        return cls._all[viewer]

    @property
    def viewer(self) -> ViewerModel:
        """The viewer; it must still be there."""
        viewer = self._viewer()
        if viewer is None:
            raise BadArgument("the viewer is gone; open another.")
        return viewer

    def guard(self, window: QWidget) -> None:
        """Ask before this window closes while something runs."""
        window.installEventFilter(self)  # once, however often it is asked for

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ask before the window goes while something runs."""
        if event.type() == QEvent.Type.Close and self.work.busy:
            window = watched if isinstance(watched, QWidget) else None
            question = "Something is still running. Stop it and close? What a training has learnt so far is kept."
            if QMessageBox.question(window, "napari-discern", question) != QMessageBox.StandardButton.Yes:
                event.ignore()
                return True
            self.work.stop()
        return bool(super().eventFilter(watched, event))

    def model(self, name: str, device: str = "auto") -> Steps[Model]:
        """A model by name or path, loaded once; to be driven in a thread, since the first loads torch."""
        key = f"{zoo.locate_model(name)} on {device}"  # a recipe names own models by their path
        if self._model is None or self._model[0] != key:
            yield Progress("load model", 0, 0)
            self._model = key, zoo.load_model(name, device)
        return self._model[1]

    def add(self, layer: Layer) -> None:
        """Put a layer on top; what was chosen stays chosen."""
        add_layer(self.viewer, layer)


atexit.register(Session._all.clear)  # Qt objects must not outlive the interpreter
