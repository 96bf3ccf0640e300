"""The panel Explore: the embedding of what was found, as colours, points and likeness; objects grown by a click."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers.base import ActionType
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_discern.clustering import add_seed, grow, margins, remove_object, similarity
from napari_discern.errors import BadArgument
from napari_discern.gui.explore.overlays import Aids
from napari_discern.gui.explore.proposing import Proposing
from napari_discern.gui.explore.scatter import Scatter
from napari_discern.gui.layers.edits import retable
from napari_discern.gui.layers.planes import Planes
from napari_discern.gui.segment.finding import Found
from napari_discern.gui.segment.panel import SegmentPanel
from napari_discern.gui.widgets.message import Message
from napari_discern.gui.work.session import Session
from napari_discern.lazy import LazyModule
from napari_discern.model import Embedded
from napari_discern.pictures import as_colours, principal_axes, random_axes

if TYPE_CHECKING:
    import torch
else:
    torch = LazyModule("torch")

COLOURS = ("Off", "Principal axes", "Random axes")
WHEEL = 1.1
"""Factor of the bandwidth for each notch of the wheel."""
DONE = (ActionType.ADDED, ActionType.REMOVED, ActionType.CHANGED)
"""What has happened to points when it is over."""


class ExplorePanel(QWidget):
    """Works on the last result of Segment, where one tile held it all."""

    def __init__(self, session: Session, segment: SegmentPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session, self.segment = session, segment
        self.look = QPushButton("&Look at what is shown")
        self.colours = QComboBox()
        self.colours.addItems(COLOURS)
        self.alike, self.doubt = QCheckBox("Like the pixel under the &cursor"), QCheckBox("Where it is &ambiguous")
        self.grow, self.seeds = QCheckBox("Add by clic&k"), QCheckBox("S&eeds as points")
        self.message, self.scatter = Message(), Scatter()
        self.aids = Aids(session, segment)
        self.proposing = Proposing(segment, self.aids, _first)
        self._grown: tuple[tuple[int, ...], float] | None = None
        self._points: np.ndarray = np.zeros((0, 2))
        self._lay_out()
        self._connect()

    def refresh(self) -> None:
        """Draw anew what is switched on, for the last result."""
        found = self._found()
        if found is None:
            return
        self._show_colours()
        self._show_doubt()
        self._show_seeds()
        self.proposing.refresh()
        labels = self._labels()
        self.scatter.show_embedding(self._embedding(found), labels, self._axes(2), found.recipe.cluster.reach)

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what was found while the panel was hidden."""
        super().showEvent(event)
        self.refresh()

    def release(self) -> None:
        """Let go of the viewer."""
        self.proposing.release()
        viewer = self.session.viewer
        for callbacks, callback in (
            (viewer.mouse_move_callbacks, self._hover),
            (viewer.mouse_drag_callbacks, self._press),
            (viewer.mouse_wheel_callbacks, self._turn),
        ):
            if callback in callbacks:
                callbacks.remove(callback)

    def keep(self) -> None:
        """Make the object that is growing, or the proposal that is shown, one of the result."""
        if self.proposing.chosen is not None:
            self.proposing.keep()
            return
        found, result = self._found(), self.segment.result
        if found is None or self._grown is None or result is None:
            return
        place, bandwidth = self._grown
        if self._refused(found):
            return
        try:
            labels = add_seed(self._embedding(found), self._foreground(found), self._labels(), place, bandwidth)
        except BadArgument as error:
            self.message.blame(error)
            return
        self._write(labels)
        self.aids.drop("growing")
        self._grown = None
        self.message.say(f"Object {labels.max()} added.")

    def _found(self) -> Found | None:
        found = self.segment.found
        return found if found is not None and found.embedded is not None else None

    def _embedding(self, found: Found) -> np.ndarray:
        """Of the first object on each pixel, float32 (E, \\*S)."""
        values: np.ndarray = _first(found).embedding.cpu().numpy()
        return values

    def _foreground(self, found: Found) -> np.ndarray:
        inside: np.ndarray = _first(found).foreground(found.recipe.foreground_threshold).cpu().numpy()
        return inside

    def _labels(self) -> np.ndarray:
        """The objects that have their pixels to themselves, uint32 (\\*S)."""
        if self.segment.result is None:
            return np.zeros((), np.uint32)
        planes = Planes.of(self.segment.result).data
        alone: np.ndarray = np.where((planes > 0).sum(axis=0) == 1, planes.max(axis=0), 0).astype(np.uint32)
        return alone

    def _refused(self, found: Found) -> bool:
        """Whether nothing can be changed from here, which is said."""
        shared = found.embedded is not None and found.embedded.layers > 1
        if shared:
            self.message.say("Where objects may share pixels this is to look at only; paint on a Labels layer instead.")
        return shared

    def _axes(self, count: int) -> np.ndarray:
        found = self._found()
        if found is None:
            return np.zeros((count, 1), np.float32)
        embedding = self._embedding(found)
        if self.colours.currentText() == COLOURS[2]:
            return random_axes(len(embedding), count)
        return principal_axes(embedding, self._foreground(found), count)

    def _show_colours(self) -> None:
        found = self._found()
        if found is None or self.colours.currentIndex() == 0:
            self.aids.drop("embedding")
            return
        picture = as_colours(self._embedding(found), self._foreground(found), self._axes(3))
        self.aids.put("embedding", picture, rgb=True)

    def _show_doubt(self) -> None:
        found = self._found()
        if found is None or not self.doubt.isChecked():
            self.aids.drop("ambiguity")
            return
        labels = np.unique(self._labels(), return_inverse=True)[1].reshape(self._labels().shape).astype(np.uint32)
        doubt = margins(self._embedding(found), labels).ambiguity
        self.aids.put("ambiguity", doubt, colormap="inferno", contrast_limits=(0, 1), opacity=0.7, blending="additive")
        side = 64
        blocks = [
            (float(doubt[y : y + side, x : x + side].mean()), y, x)
            for y in range(0, doubt.shape[-2], side)
            for x in range(0, doubt.shape[-1], side)
        ] if doubt.ndim == 2 else []  # fmt: skip
        if blocks:
            _, y, x = max(blocks)
            self.message.say(f"Most worth labelling next: around y {y + side // 2}, x {x + side // 2}.")

    def _show_seeds(self) -> None:
        found = self._found()
        if found is None or not self.seeds.isChecked() or self._refused(found):
            self.aids.drop("seeds")
            return
        from scipy import ndimage

        labels = self._labels()
        ids = [int(i) for i in np.unique(labels) if i]
        self._points = np.array([_inner(labels == i, ndimage) for i in ids]).reshape(-1, labels.ndim)
        known = self.aids.get("seeds")
        layer = self.aids.put_points("seeds", self._points, size=4)
        if layer is not known:
            layer.events.data.connect(self._seeded)

    def _seeded(self, event: Any) -> None:
        """A seed was added, moved or deleted: only its neighbourhood is clustered anew."""
        found = self._found()
        if found is None or event.action not in DONE:
            return
        after, before = np.asarray(self.aids.get("seeds").data), self._points
        labels, bandwidth = self._labels(), found.recipe.cluster.reach
        gone = [p for p in before if not _among(p, after)]
        new = [p for p in after if not _among(p, before)]
        try:
            for point in gone:
                label = int(labels[tuple(np.round(point).astype(int))])
                if label:
                    labels = remove_object(self._embedding(found), labels, label, bandwidth)
            for point in new:
                place = tuple(np.clip(np.round(point).astype(int), 0, np.array(labels.shape) - 1))
                labels = add_seed(self._embedding(found), self._foreground(found), labels, place, bandwidth)
        except BadArgument as error:
            self.message.blame(error)
        self._points = after.copy()
        self._write(labels)

    def _write(self, labels: np.ndarray) -> None:
        """Change the result where it differs, so that napari can undo it."""
        result = self.segment.result
        if result is None:
            return
        where = np.nonzero(labels != np.asarray(result.data))
        if len(where[0]):
            result.data_setitem(where, labels[where])
            retable(Planes.of(result))

    def _place(self, position: Any) -> tuple[int, ...] | None:
        result = self.segment.result
        if self._found() is None or result is None or result not in self.session.viewer.layers:
            return None
        place = tuple(np.round(result.world_to_data(position)).astype(int))
        inside = all(0 <= p < n for p, n in zip(place, result.data.shape, strict=True))
        return place if inside else None

    def _hover(self, _: Any, event: Any) -> None:
        if not self.alike.isChecked():
            return
        place, found = self._place(event.position), self._found()
        if place is not None and found is not None and found.embedded is not None:
            values = similarity(_first(found).embedding, place)
            self.aids.put("similarity", values, colormap="viridis", contrast_limits=(0, 1), opacity=0.7)

    def _press(self, _: Any, event: Any) -> Iterator[None]:
        place = self._place(event.position)
        yield
        moved = False
        while event.type == "mouse_move":
            moved = True
            yield
        if place is None or moved:
            return
        label = int(self._labels()[place])
        if label:
            self.scatter.highlight(label)
        found = self._found()
        if self.proposing.shown.isChecked():
            self.proposing.choose(place)
        elif self.grow.isChecked() and found is not None and not self._refused(found):
            self._grow(place, found.recipe.cluster.reach)

    def _turn(self, _: Any, event: Any) -> None:
        """The wheel makes the growing object larger or smaller, in place of the zoom."""
        if self._grown is not None and self.grow.isChecked():
            place, bandwidth = self._grown
            self._grow(place, bandwidth * WHEEL ** float(np.sign(np.sum(event.delta))))
            event.handled = True

    def _grow(self, place: tuple[int, ...], bandwidth: float) -> None:
        found = self._found()
        if found is None:
            return
        mask, _ = grow(self._embedding(found), self._foreground(found), place, bandwidth)
        self._grown = place, bandwidth
        self.aids.put("growing", mask.astype(np.uint8), labels=True)
        self.message.say(f"{int(mask.sum())} px. Wheel: larger or smaller. Enter or Keep: keep it.")

    def _lassoed(self, pixels: np.ndarray) -> None:
        labels = self._labels()
        mask = np.zeros(labels.size, np.uint8)
        mask[pixels] = 1
        self.aids.put("lasso", mask.reshape(labels.shape), labels=True)

    def cancel(self) -> None:
        """Grow nothing any more."""
        self.grow.setChecked(False)
        self.proposing.let_go()

    def _look(self) -> None:
        self.segment.where.setCurrentIndex(1)
        self.segment.run()
        self.message.say(self.segment.message.text)

    def _maybe_refresh(self) -> None:
        """Draw a new result at once if anybody sees it; else when the panel is shown."""
        if self.isVisible():
            self.refresh()

    def _switch(self) -> None:
        if not self.alike.isChecked():
            self.aids.drop("similarity")
        if not self.grow.isChecked():
            self.aids.drop("growing")
            self._grown = None

    def _connect(self) -> None:
        viewer = self.session.viewer
        viewer.mouse_move_callbacks.append(self._hover)
        viewer.mouse_drag_callbacks.append(self._press)
        viewer.mouse_wheel_callbacks.append(self._turn)
        self.look.clicked.connect(self._look)
        self.segment.shown.connect(self._maybe_refresh)
        self.colours.currentIndexChanged.connect(lambda _: self.refresh())
        self.doubt.toggled.connect(lambda _: self._show_doubt())
        self.seeds.toggled.connect(lambda _: self._show_seeds())
        for box in (self.alike, self.grow):
            box.toggled.connect(lambda _: self._switch())
        self.kept.clicked.connect(self.keep)
        self.scatter.lassoed.connect(self._lassoed)

    def _lay_out(self) -> None:
        self.kept = QPushButton("Kee&p what is shown")
        self.kept.setShortcut("Return")
        form = QFormLayout()
        form.addRow("Embedding as c&olours", self.colours)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("Works on the last result, where it fits in one tile.", wordWrap=True))
        layout.addWidget(self.look)
        layout.addLayout(form)
        for widget in (
            self.alike,
            self.doubt,
            self.seeds,
            self.grow,
            self.proposing,
            self.kept,
            self.message,
            self.scatter,
        ):
            layout.addWidget(widget)
        layout.addStretch()
        self.look.setToolTip("Find the objects of what the canvas shows, and keep their embedding to look at.")
        self.colours.setToolTip("Three directions of the embedding as red, green and blue; alike pixels look alike.")
        self.alike.setToolTip("Bright where the embedding is like that of the pixel under the cursor.")
        self.doubt.setToolTip("Bright where a pixel lies about as near to another object's mean as to its own's.")
        self.seeds.setToolTip("One point an object. Add, move or delete one; only its neighbourhood changes.")
        self.grow.setToolTip("A click grows the object under it; the wheel makes it larger or smaller.")
        self.kept.setToolTip("Make the growing object, or the proposal, one of the result (Enter).")


def _first(found: Found) -> Embedded:
    """What the model says of the first object on each pixel."""
    if found.embedded is None:
        raise BadArgument("the embedding was not kept; find the objects of a smaller part.")
    embedding, probability = found.embedded.embedding, found.embedded.probability
    if found.embedded.layers == 1:
        return found.embedded
    return Embedded(embedding[:, 0], torch.stack([probability[0], 1 - probability[0]]))


def _inner(mask: np.ndarray, ndimage: Any) -> np.ndarray:
    """The pixel of a mask that lies furthest from its border."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))
    return np.array(np.unravel_index(int(depth.argmax()), depth.shape), float) - 1


def _among(point: np.ndarray, points: np.ndarray) -> bool:
    return bool(len(points)) and bool((np.abs(points - point).max(axis=1) < 1e-6).any())
