"""Correct: merge, split, delete and accept the objects of a Labels layer, the most doubtful first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_discern.errors import BadArgument
from napari_discern.gui.checked import ACCEPTED, Checked
from napari_discern.gui.layers import AID, RECIPE, fly_to
from napari_discern.gui.message import Message
from napari_discern.gui.planes import Planes, Where
from napari_discern.gui.session import Session

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


@dataclass
class Step:
    """One step of correcting, so that it can be taken back.

    Attributes
    ----------
    before : Checked
        What was noted before.
    table : pandas DataFrame
        The table of the objects before.
    painted : list of (layer, pixels, their labels before, the label they got)
    """

    before: Checked
    table: Any
    painted: list[tuple[Labels, Where, np.ndarray, int]] = field(default_factory=list)


class Correct(QWidget):
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
        self.planes: Planes | None = None
        self._steps: list[Step] = []
        self._last = 0
        self._locked: dict[int, tuple[Labels, Where]] = {}
        self._waiting: Callable[..., Any] | None = None
        self.count, self.message = QLabel(), Message()
        self._count_soon = QTimer(self, singleShot=True, interval=0)
        self._count_soon.timeout.connect(self._tell)
        self._guard_soon = QTimer(self, singleShot=True, interval=0)  # napari tells of paint before it is there
        self._guard_soon.timeout.connect(self._guard)
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
    def checked(self) -> Checked:
        """What was said of the objects so far."""
        layers = self.planes.layers if self.planes is not None else []
        return Checked.of(layers[0]) if layers else Checked()

    @property
    def accepted(self) -> frozenset[int]:
        """Ids of the objects that were accepted."""
        return self.checked.accepted

    def follow(self, layer: Labels | None) -> None:
        """Work on this layer and its further planes from now on; what was done before cannot be taken back."""
        self.release()
        self.planes = Planes.of(layer) if layer is not None else None
        for plane in self.planes.layers if self.planes is not None else ():
            for name, (key, _, _) in KEYS.items():
                plane.bind_key(key, lambda _, name=name: self.do(name), overwrite=True)
            for event in (plane.events.paint, plane.events.set_data):  # the second comes with undo and redo as well
                event.connect(self._painted)
        for button in self.buttons.values():
            button.setEnabled(layer is not None)
        self._lock()
        self._count_soon.start()  # of a large image that takes a moment, which a window that shows it has not

    def release(self) -> None:
        """Let go of the layers."""
        self.cancel()
        for plane in self.planes.layers if self.planes is not None else ():
            for key, _, _ in KEYS.values():
                plane.bind_key(key, None)
            for event in (plane.events.paint, plane.events.set_data):
                event.disconnect(self._painted)
        self.planes, self._steps, self._last, self._locked = None, [], 0, {}

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

    def queue(self) -> list[int]:
        """Ids still to check, the lowest score first; those without one last."""
        there, accepted = self._there().ids(), self.accepted
        return [i for i in self._order() if i in there and i not in accepted]

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
        self._paint([*gone, (fits, both, one)], corrected={one}, gone={other})

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
        self._paint([(layer, tuple(w[part] for w in where), new)], corrected={label, new})
        return new

    def _order(self) -> list[int]:
        """All ids of the table, the lowest score first."""
        planes = self._there()
        front = planes.front
        if set(front.features.get("index", ())) != planes.ids():
            retable(planes)  # something was painted, or taken back with napari's own undo
        if "score" not in front.features:
            raise BadArgument(f"layer {front.name!r} has no scores; find its objects first (Segment).")
        return [int(i) for i in front.features.sort_values("score")["index"]]

    def _next(self) -> None:
        order, waiting = self._order(), set(self.queue())
        if not waiting:
            self.message.say("All objects are checked.")
            return
        start = order.index(self._last) + 1 if self._last in order else 0
        label = self._last = next(i for i in (*order[start:], *order[:start]) if i in waiting)
        planes, viewer = self._there(), self.session.viewer
        planes.front.selected_label = label
        layer, where = planes.find(label)
        fly_to(viewer, layer, [w.mean() for w in where])
        extent = max(np.ptp(w) + 1 for w in where[-2:]) * abs(float(layer.scale[-1]))
        camera = viewer.scene.camera
        camera.zoom = float(np.clip(camera.zoom, 60 / extent, 250 / extent))  # large enough to see, small enough to fit
        point_out(self.session, layer, where)
        viewer.layers.selection.active = layer  # where the keys are heard
        score = float(layer.features.set_index("index")["score"].get(label, np.nan))
        self.message.say(f"Object {label}, score {score:.2f}")

    def _accept(self) -> None:
        label = self._chosen()
        self._toggle({label})
        if label in self.accepted:
            self._next()

    def _all(self) -> None:
        self._toggle(self._there().ids() - self.accepted)

    def _merge(self) -> None:
        label = self._chosen()
        self._refuse_locked(label)
        self.message.say("Click the object that belongs with it.")
        self._on_click(lambda start, _: self.merge(label, self._at(start, label)))

    def _split(self) -> None:
        label = self._chosen()
        self._refuse_locked(label)
        self.message.say("Draw a line across the object.")
        axes = list(self._there().front._slice_input.displayed[-2:])
        self._on_click(lambda start, end: self.split(label, start[axes], end[axes]))

    def _delete(self) -> None:
        label = self._chosen()
        self._refuse_locked(label)
        layer, where = self._there().find(label)
        self._paint([(layer, where, 0)], gone={label}, deleted=(where,))

    def _undo(self) -> None:
        """Take back the last step, where nothing was painted over it since."""
        if not self._steps:
            raise BadArgument("there is nothing to take back here; Ctrl-Z takes back what was painted.")
        step, planes = self._steps.pop(), self._there()
        self._locked = {}
        for layer, where, old, new in reversed(step.painted):
            still = np.asarray(layer.data)[where] == new
            layer.data_setitem(tuple(w[still] for w in where), old[still])
        for layer in planes.layers:
            layer.features = step.table
        self._note(step.before)

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

    def _paint(
        self,
        changes: Sequence[tuple[Labels, Where, int]],
        corrected: frozenset[int] | set[int] = frozenset(),
        gone: frozenset[int] | set[int] = frozenset(),
        deleted: tuple[Where, ...] = (),
    ) -> None:
        """Change labels as one step, and note which objects were corrected, are gone, or never were."""
        before = self.checked
        step = Step(before, self._there().front.features)
        for layer, where, value in changes:
            old = np.asarray(layer.data)[where].copy()
            if (old != value).any():  # napari notes nothing of what changes nothing
                step.painted.append((layer, where, old, value))
                layer.data_setitem(where, value)
        self._steps.append(step)
        noted = replace(before, corrected=before.corrected - gone | corrected, deleted=(*before.deleted, *deleted))
        self._note(noted)
        retable(self._there(), changed=corrected)

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

    def _toggle(self, labels: set[int]) -> None:
        """Accept objects, or take that back."""
        before = self.checked
        self._steps.append(Step(before, self._there().front.features))
        self._note(replace(before, accepted=before.accepted ^ labels))

    def _note(self, checked: Checked) -> None:
        """Keep what was said of the objects, and show it in their table."""
        planes = self._there()
        checked.note(planes.front)
        table = planes.front.features.copy()
        if "index" in table:
            table[ACCEPTED] = table["index"].isin(checked.accepted)
            for layer in planes.layers:
                layer.features = table
        self._lock()
        self.noted.emit(planes.front)

    def _lock(self) -> None:
        """Know where the accepted objects are, to keep them as they are."""
        accepted = self.accepted
        kept = {i: where for i, where in self._locked.items() if i in accepted}
        fresh = accepted - kept.keys()
        self._locked = kept | (self.planes.find_all(fresh) if self.planes is not None and fresh else {})

    def _painted(self, _: Any) -> None:
        self._guard_soon.start()

    def _guard(self) -> None:
        """What was painted over an accepted object, or onto it, is taken back."""
        spoilt = set()
        for label, (layer, where) in self._locked.items():
            if not (layer.data[where] == label).all():
                layer.data[where] = label
                spoilt.add(label)
        chosen = self.planes.front.selected_label if self.planes is not None and self.planes.layers else 0
        if chosen in self._locked:
            there, where = self._locked[chosen]
            for layer in self.planes.layers if self.planes is not None else ():
                more = np.asarray(layer.data) == chosen
                if layer is there:
                    more[where] = False
                if more.any():
                    layer.data[more] = 0
                    spoilt.add(chosen)
        if spoilt:
            for layer in self.planes.layers if self.planes is not None else ():
                layer.refresh()
            self.message.say(f"Object {min(spoilt)} was accepted and is locked; choose it and press A to unlock it.")

    def _tell(self) -> None:
        if self.planes is None or not self.planes.layers:
            self.count.setText("")
            return
        total = len(self.planes.ids()) if RECIPE in self.planes.front.metadata else 0
        self.count.setText(f"{len(self.accepted)} of {total} checked")


def retable(planes: Planes, changed: Collection[int] = ()) -> None:
    """Bring the table of a result to the objects that are there: those gone leave it, new ones come with their area."""
    import pandas as pd

    table = planes.front.features
    if "index" not in table:
        return
    ids = planes.ids()
    kept = table[table["index"].isin(ids)].copy()
    new = sorted(ids - set(kept["index"]))
    areas = {i: len(planes.find(i)[1][0]) for i in {*new, *changed} & ids} if "area" in table else {}
    for label, area in areas.items():
        kept.loc[kept["index"] == label, "area"] = area
    rows = pd.DataFrame({"index": new, **({"area": [areas[i] for i in new]} if areas else {})})
    whole = pd.concat([kept, rows], ignore_index=True) if new else kept
    if ACCEPTED in whole:
        whole[ACCEPTED] = whole["index"].isin(Checked.of(planes.front).accepted)
    for layer in planes.layers:
        layer.features = whole


def point_out(session: Session, layer: Labels, where: Where) -> None:
    """Draw a frame around an object, on a layer of its own."""
    from napari.layers import Shapes

    viewer = session.viewer
    axes = list(layer._slice_input.displayed[-2:])
    low, high = (np.array([f(w) for w in where], float) for f in (np.min, np.max))
    low[axes], high[axes] = low[axes] - 1.5, high[axes] + 1.5
    corners = np.tile([float(np.round(w.mean())) for w in where], (4, 1))
    corners[:, axes[0]] = low[axes[0]], low[axes[0]], high[axes[0]], high[axes[0]]
    corners[:, axes[1]] = low[axes[1]], high[axes[1]], high[axes[1]], low[axes[1]]
    if FRAME in viewer.layers and viewer.layers[FRAME].ndim == layer.ndim:
        frame = viewer.layers[FRAME]
        frame.scale, frame.translate = layer.scale, layer.translate
        frame.data = [corners]
        return
    shapes = Shapes(
        [corners], name=FRAME, ndim=layer.ndim, face_color="transparent", edge_color="#ffffff", edge_width=1,
        scale=layer.scale, translate=layer.translate, metadata={AID: True},
    )  # fmt: skip
    session.add(shapes)
