"""Correct: merge, split, delete and accept the objects of a Labels layer, the most doubtful first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_discern.errors import BadArgument
from napari_discern.gui.layers import RECIPE, fly_to
from napari_discern.gui.message import Message
from napari_discern.gui.planes import Planes, Where
from napari_discern.gui.session import Session

if TYPE_CHECKING:
    from napari.layers import Labels

ACCEPTED = "accepted"
"""Key under which the ids of accepted objects stand in a layer's metadata, and column of its features."""
KEYS = {
    "next": ("N", "&Next to check", "Fly to the object of the lowest score that was not accepted."),
    "accept": ("A", "&Accept", "The object is right. It is locked from then on, and a lesson for Train."),
    "merge": ("M", "&Merge", "Merge the object with the one that is clicked next."),
    "split": ("S", "&Split", "Split the object along a line: press where it begins, let go where it ends."),
    "delete": ("X", "&Delete", "Delete the object."),
    "undo": ("Z", "&Undo", "Take the last of these steps back."),
}


class Correct(QWidget):
    """Six buttons, and keys for each while the layer, or one of its planes, is active."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.planes: Planes | None = None
        self._steps: list[tuple[str, int, list[Labels]]] = []
        self._waiting: Callable[..., Any] | None = None
        self.count, self.message = QLabel(), Message()
        self._count_soon = QTimer(self, singleShot=True, interval=0)
        self._count_soon.timeout.connect(self._tell)
        grid = QGridLayout()
        self.buttons: dict[str, QPushButton] = {}
        for place, (name, (key, text, about)) in enumerate(KEYS.items()):
            button = QPushButton(f"{text} ({key})")
            button.setToolTip(f"{about} Key: {key}, while the Labels layer is active.")
            button.clicked.connect(lambda _=False, name=name: self.do(name))
            grid.addWidget(button, place // 2, place % 2)
            self.buttons[name] = button
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(grid)
        layout.addWidget(self.count)
        layout.addWidget(self.message)
        self.follow(None)

    @property
    def accepted(self) -> set[int]:
        """Ids of the objects that were accepted."""
        layers = self.planes.layers if self.planes is not None else []
        return set(layers[0].metadata.get(ACCEPTED, ())) if layers else set()

    def follow(self, layer: Labels | None) -> None:
        """Work on this layer and its further planes from now on."""
        planes = Planes.of(layer) if layer is not None else None
        if planes is not self.planes:
            self.planes, self._steps = planes, []
            for plane in planes.layers if planes is not None else ():
                for name, (key, _, _) in KEYS.items():
                    plane.bind_key(key, lambda _, name=name: self.do(name), overwrite=True)
        for button in self.buttons.values():
            button.setEnabled(layer is not None)
        self._count_soon.start()  # of a large image that takes a moment, which a window that shows it has not

    def do(self, name: str) -> None:
        """Do what a button or key says; an error is told below the buttons."""
        try:
            self._forget_click()
            self.message.say("")
            getattr(self, f"_{name}")()
        except ValueError as error:
            self.message.blame(error)
        self._tell()

    def queue(self) -> list[int]:
        """Ids still to check, the lowest score first."""
        front, there = self._there().front, self._there().ids()
        table = front.features
        if "score" not in table:
            raise BadArgument(f"layer {front.name!r} has no scores; find its objects first (Segment).")
        order = table.sort_values("score")["index"].astype(int)
        return [i for i in order if i in there and i not in self.accepted]

    def merge(self, one: int, other: int) -> None:
        """Make the pixels of the second object those of the first."""
        self._refuse_locked(one, other)
        if one == other:
            raise BadArgument("that is the same object; click the one that it belongs with.")
        planes = self._there()
        (here, mine), (there, theirs) = planes.find(one), planes.find(other)
        both = tuple(np.concatenate(pair) for pair in zip(mine, theirs, strict=True))
        fits = here if there is here else planes.room(both, (one, other))
        if fits is None:
            raise BadArgument("another object lies between the two in every plane; delete or move that one first.")
        gone = [(layer, where, 0) for layer, where in ((here, mine), (there, theirs)) if layer is not fits]
        self._paint([*gone, (fits, both, one)], one, "merge")

    def split(self, label: int, start: np.ndarray, end: np.ndarray) -> int:
        """Give the part of an object on one side of a line a new id, and return it.

        Parameters
        ----------
        start, end : float arrays of shape (2,)
            The line along the two axes that are shown, in pixels. In a volume the cut goes straight through.
        """
        self._refuse_locked(label)
        planes = self._there()
        layer, where = planes.find(label)
        axes = list(layer._slice_input.displayed[-2:])
        y, x = (where[a] for a in axes)
        side = (end[0] - start[0]) * (x - start[1]) - (end[1] - start[1]) * (y - start[0]) > 0
        if side.all() or not side.any():
            raise BadArgument("the line does not cross the object; draw it from one side to the other.")
        part = side if side.sum() <= len(side) / 2 else ~side
        new = planes.top + 1
        self._paint([(layer, tuple(w[part] for w in where), new)], new, "split")
        return new

    def _next(self) -> None:
        waiting = self.queue()
        if not waiting:
            self.message.say("All objects are checked.")
            return
        planes = self._there()
        now = planes.front.selected_label
        label = waiting[(waiting.index(now) + 1) % len(waiting)] if now in waiting else waiting[0]
        planes.front.selected_label = label
        layer, where = planes.find(label)
        fly_to(self.session.viewer, layer, [w.mean() for w in where])
        extent = max(np.ptp(w) + 1 for w in where[-2:]) * abs(float(layer.scale[-1]))
        camera = self.session.viewer.scene.camera
        camera.zoom = float(np.clip(camera.zoom, 60 / extent, 250 / extent))  # large enough to see, small enough to fit
        score = float(layer.features.set_index("index")["score"].get(label, np.nan))
        self.message.say(f"Object {label}, score {score:.2f}")

    def _accept(self) -> None:
        label = self._chosen()
        self._toggle(label)
        self._steps.append(("accept", label, []))
        if label in self.accepted:
            self._next()

    def _merge(self) -> None:
        label = self._chosen()
        self._refuse_locked(label)
        self.message.say("Click the object that belongs with it.")
        self._on_click(lambda start, _: self.merge(label, self._at(start, label)))

    def _split(self) -> None:
        label = self._chosen()
        self._refuse_locked(label)
        self.message.say("Draw a line across the object.")
        axes = slice(-2, None)
        self._on_click(lambda start, end: self.split(label, start[axes], end[axes]))

    def _delete(self) -> None:
        label = self._chosen()
        self._refuse_locked(label)
        self._paint([(*self._there().find(label), 0)], 0, "delete")

    def _undo(self) -> None:
        if not self._steps:
            raise BadArgument("there is nothing to take back here; Ctrl-Z takes back what was painted.")
        what, label, painted = self._steps.pop()
        if what == "accept":
            self._toggle(label)
        for layer in reversed(painted):
            layer.undo()

    def _there(self) -> Planes:
        if self.planes is not None:
            self.planes.leave(self.session.viewer)
        if self.planes is None or not self.planes.layers:
            raise BadArgument("there is no result to correct; find objects first (Segment).")
        return self.planes

    def _chosen(self) -> int:
        label = int(self._there().front.selected_label)
        if label not in self._there().ids():
            raise BadArgument("no object is chosen. Press N, or pick one with napari's dropper (key 5 or L).")
        return label

    def _at(self, point: np.ndarray, but: int) -> int:
        """The object at a point, another than this one if there are several."""
        found = self._there().at(tuple(np.round(point).astype(int).tolist()))
        if not found:
            raise BadArgument("there is no object at that place; click on one.")
        return next((label for label in found if label != but), found[0])

    def _paint(self, changes: Sequence[tuple[Labels, Where, int]], label: int, what: str) -> None:
        painted = []
        for layer, where, value in changes:
            if (np.asarray(layer.data)[where] != value).any():  # napari notes nothing of what changes nothing
                layer.data_setitem(where, value)
                painted.append(layer)
        self._steps.append((what, label, painted))

    def _refuse_locked(self, *labels: int) -> None:
        locked = [label for label in labels if label in self.accepted]
        if locked:
            raise BadArgument(f"object {locked[0]} was accepted and is locked; choose it and press A to unlock it.")

    def _on_click(self, use: Callable[[np.ndarray, np.ndarray], object]) -> None:
        """Take the next click or drag on the layer; the camera stays where it is meanwhile."""
        active = self.session.viewer.layers.selection.active
        layer = active if active in self._there().layers else self._there().front

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

    def _toggle(self, label: int) -> None:
        """Accept an object, or take that back."""
        planes = self._there()
        planes.front.metadata[ACCEPTED] = sorted(self.accepted ^ {label})
        table = planes.front.features.copy()
        if "index" in table:
            table[ACCEPTED] = table["index"].isin(self.accepted)
            for layer in planes.layers:
                layer.features = table

    def _tell(self) -> None:
        if self.planes is None or not self.planes.layers:
            self.count.setText("")
            return
        total = len(self.planes.ids()) if RECIPE in self.planes.front.metadata else 0
        self.count.setText(f"{len(self.accepted)} of {total} checked")
