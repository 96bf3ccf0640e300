"""Review buttons: they merge, split, delete and accept the objects of a result, the most doubtful first, as keys do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from napari_discern.errors import BadArgument
from napari_discern.gui.layers.edits import ObjectEdits
from napari_discern.gui.layers.overlays import Overlays
from napari_discern.gui.layers.planes import Pixels, Planes
from napari_discern.gui.layers.source import fly_to
from napari_discern.gui.widgets.layout import button, stack
from napari_discern.gui.widgets.message import Message
from napari_discern.gui.work.session import Session

if TYPE_CHECKING:
    from napari.layers import Labels

FRAME = "looked at"
"""Name of the layer that frames the object flown to."""
KEYS = {
    "next": ("N", "&Next to check", "Fly to the object of the lowest score that was not accepted."),
    "accept": ("A", "&Accept", "The object is right. It is locked from then on, and a lesson for Train."),
    "merge": ("M", "&Merge", "Merge the object with the one that is clicked next."),
    "split": ("S", "&Split", "Split the object along a line: press where it begins, let go where it ends."),
    "delete": ("X", "&Delete", "Delete the object."),
    "undo": ("Z", "&Undo", "Take the last of these steps back."),
    "all": ("Shift-A", "Accept a&ll left", "All objects that are there are right: accept them."),
}


class ReviewButtons(QWidget):
    """Buttons, and keys for each while the layer, or one of its planes, is active.

    Signals
    -------
    noted : napari Labels layer
        Of whose objects something was said.
    """

    noted = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.edits: ObjectEdits | None = None
        self._last = 0
        self._waiting: Callable[..., Any] | None = None
        self.count, self.message = QLabel(), Message()
        self._guard_soon = QTimer(self, singleShot=True, interval=0)  # napari tells of paint before it is there
        self._guard_soon.timeout.connect(self._guard)
        self.buttons: dict[str, QPushButton] = {}
        for name, (key, text, about) in KEYS.items():
            self.buttons[name] = button(f"{text} ({key})", f"{about} Key: {key}, while the Labels layer is active.")
            self.buttons[name].clicked.connect(lambda _=False, name=name: self.do(name))
        stack(self, _in_two_columns(self.buttons.values()), self.count, self.message, bare=True)
        self.follow(None)

    def follow(self, layer: Labels | None) -> None:
        """Work on this layer and its further planes from now on; what was done before cannot be taken back."""
        self.release()
        self.edits = ObjectEdits(Planes.of(layer), self.noted.emit) if layer is not None else None
        for plane in self._layers:
            for name, (key, _, _) in KEYS.items():
                plane.bind_key(key, lambda _, name=name: self.do(name), overwrite=True)
            for event in (plane.events.paint, plane.events.set_data):  # the second comes with undo and redo as well
                event.connect(self._painted)
        for pressed in self.buttons.values():
            pressed.setEnabled(layer is not None)
        self._tell()

    def release(self) -> None:
        """Let go of the layers."""
        self.cancel()
        for plane in self._layers:
            for key, _, _ in KEYS.values():
                plane.bind_key(key, None)
            for event in (plane.events.paint, plane.events.set_data):
                event.disconnect(self._painted)
        self.edits, self._last = None, 0

    def cancel(self) -> None:
        """Wait no longer for a click."""
        if self._waiting is not None:
            self._forget_click()
            self.message.say("")

    def do(self, name: str) -> None:
        """Do what a button or key says; an error is told below the buttons."""
        try:
            self._forget_click()
            self.message.say("")
            getattr(self, f"_{name}")()
        except ValueError as error:
            self.message.blame(error)
        self._tell()

    def _next(self) -> None:
        edits, viewer = self._there(), self.session.viewer
        order, accepted, planes = edits.order(), edits.accepted, edits.planes
        start = order.index(self._last) + 1 if self._last in order else 0
        label = next((i for i in (*order[start:], *order[:start]) if i not in accepted), None)
        if label is None:
            self.message.say("All objects are checked.")
            return
        self._last = planes.front.selected_label = label
        layer, where = planes.find(label)
        fly_to(viewer, layer, [w.mean() for w in where])
        extent = max(np.ptp(w) + 1 for w in where[-2:]) * abs(float(layer.scale[-1]))
        camera = viewer.scene.camera
        camera.zoom = float(np.clip(camera.zoom, 60 / extent, 250 / extent))  # large enough to see, small enough to fit
        point_out(Overlays(viewer), layer, where)
        viewer.layers.selection.active = layer  # where the keys are heard
        score = float(layer.features.set_index("index")["score"].get(label, np.nan))
        self.message.say(f"Object {label}, score {score:.2f}")

    def _accept(self) -> None:
        edits, label = self._there(), self._chosen()
        edits.toggle({label})
        if label in edits.accepted:
            self._next()

    def _all(self) -> None:
        edits = self._there()
        edits.toggle(edits.planes.ids() - edits.accepted)

    def _merge(self) -> None:
        edits, label = self._there(), self._chosen()
        edits.refuse_locked(label)
        self.message.say("Click the object that belongs with it.")
        self._on_click(lambda start, _: edits.merge(label, self._at(start, label)))

    def _split(self) -> None:
        edits, label = self._there(), self._chosen()
        edits.refuse_locked(label)
        self.message.say("Draw a line across the object.")
        axes = _shown(edits.planes.front)
        self._on_click(lambda start, end: edits.split(label, start, end, axes))

    def _delete(self) -> None:
        self._there().delete(self._chosen())

    def _undo(self) -> None:
        self._there().undo()

    @property
    def _layers(self) -> list[Labels]:
        return self.edits.planes.layers if self.edits is not None else []

    def _there(self) -> ObjectEdits:
        if self.edits is not None:
            self.edits.planes.leave(self.session.viewer)
        if self.edits is None or not self._layers:
            raise BadArgument("there is no result to correct; find objects first (Segment).")
        return self.edits

    def _chosen(self) -> int:
        planes = self._there().planes
        label = int(planes.front.selected_label)
        if not label or not any((np.asarray(layer.data) == label).any() for layer in planes.layers):
            raise BadArgument("no object is chosen. Press N, or pick one with napari's dropper (key 5 or L).")
        return label

    def _at(self, point: np.ndarray, but: int) -> int:
        """The object at a point, another than this one if there are several."""
        found = self._there().planes.at(tuple(np.round(point).astype(int).tolist()))
        if not found:
            raise BadArgument("there is no object at that place; click on one.")
        return next((label for label in found if label != but), found[0])

    def _on_click(self, use: Callable[[np.ndarray, np.ndarray], object]) -> None:
        """Take the next click or drag on the layer; the camera stays where it is meanwhile."""
        active, layers = self.session.viewer.layers.selection.active, self._layers
        layer = active if active in layers else layers[0]

        def wait(layer: Labels, event: Any) -> Iterator[None]:
            start = np.asarray(layer.world_to_data(event.position))
            yield
            while event.type == "mouse_move":
                yield
            end = np.asarray(layer.world_to_data(event.position))
            self._forget_click()
            try:
                use(start, end)
                self.message.say("")
            except ValueError as error:
                self.message.blame(error)
            self._tell()

        self._before, self._on = layer.mode, layer
        layer.mode = "pan_zoom"
        layer.mouse_pan = False
        layer.mouse_drag_callbacks.append(wait)
        self._waiting = wait

    def _forget_click(self) -> None:
        if self._waiting is not None:
            self._on.mouse_drag_callbacks.remove(self._waiting)
            self._on.mouse_pan = True
            self._on.mode = self._before
        self._waiting = None

    def _painted(self, _: Any) -> None:
        self._guard_soon.start()

    def _guard(self) -> None:
        """What was painted over an accepted object, or onto it, is taken back."""
        if self.edits is not None and (spoilt := self.edits.guard()):
            self.message.say(f"Object {min(spoilt)} was accepted and is locked; choose it and press A to unlock it.")

    def _tell(self) -> None:
        if self.edits is None or not self._layers:
            self.count.setText("")
            return
        total = len(self.edits.planes.front.features)
        self.count.setText(f"{len(self.edits.accepted)} of {total} checked")


def _in_two_columns(buttons: Iterable[QPushButton]) -> QWidget:
    held = QWidget()
    grid = QGridLayout(held)
    grid.setContentsMargins(0, 0, 0, 0)
    for place, one in enumerate(buttons):
        grid.addWidget(one, place // 2, place % 2)
    return held


def _shown(layer: Labels) -> tuple[int, int]:
    """The last two axes that napari shows, which make its picture."""
    y, x = layer._slice_input.displayed[-2:]
    return y, x


def point_out(overlays: Overlays, layer: Labels, where: Pixels) -> None:
    """Draw a frame around an object, on a layer of its own."""
    from napari.layers import Shapes

    axes = list(_shown(layer))
    low, high = (np.array([f(w) for w in where], float) for f in (np.min, np.max))
    low[axes], high[axes] = low[axes] - 1.5, high[axes] + 1.5
    corners = np.tile([float(np.round(w.mean())) for w in where], (4, 1))
    corners[:, axes[0]] = low[axes[0]], low[axes[0]], high[axes[0]], high[axes[0]]
    corners[:, axes[1]] = low[axes[1]], high[axes[1]], high[axes[1]], low[axes[1]]
    looks = {"face_color": "transparent", "edge_color": "#ffffff", "edge_width": 1}
    overlays.put(FRAME, [corners], layer, Shapes, **looks)
