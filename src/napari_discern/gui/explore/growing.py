"""Growing: objects that a click adds, and one point an object, which can be added, moved and taken away."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Points
from napari.layers.base import ActionType
from numpy.typing import NDArray
from qtpy.QtWidgets import QWidget

from napari_discern.clustering import add_seed, grow, remove_object
from napari_discern.errors import BadArgument
from napari_discern.gui.explore.known import Known
from napari_discern.gui.layers.overlays import Overlays
from napari_discern.gui.widgets.layout import stack, tick
from napari_discern.gui.widgets.message import Message
from napari_discern.gui.work.shared import Shared

WHEEL = 1.1
"""Factor of the bandwidth for each notch of the wheel."""
DONE = (ActionType.ADDED, ActionType.REMOVED, ActionType.CHANGED)
"""What has happened to points when it is over."""


class Growing(QWidget):
    """Changes the objects of the last result, where each pixel is but one object's."""

    def __init__(self, shared: Shared, overlays: Overlays, message: Message) -> None:
        super().__init__()
        self.shared, self.overlays, self.message = shared, overlays, message
        self.seeds = tick(
            "S&eeds as points", "One point an object. Add, move or delete one; only its neighbourhood changes.",
            self.show_seeds,
        )  # fmt: skip
        self.grow = tick(
            "Add by clic&k", "A click grows the object under it; the wheel makes it larger or smaller.", self.let_go
        )
        self._grown: tuple[tuple[int, ...], float] | None = None
        self._points: NDArray[np.float64] = np.zeros((0, 2))
        stack(self, self.seeds, self.grow, bare=True)

    def click(self, known: Known, place: tuple[int, ...]) -> None:
        """Grow an object from a pixel, where that is wanted."""
        if self.grow.isChecked() and not self._refuses(known):
            self._grow(known, place, known.reach)

    def turn(self, notches: float) -> bool:
        """Make what grows larger or smaller; whether something does."""
        known = Known.of(self.shared)
        if known is None or self._grown is None or not self.grow.isChecked():
            return False
        place, bandwidth = self._grown
        self._grow(known, place, bandwidth * WHEEL ** float(np.sign(notches)))
        return True

    def keep(self) -> None:
        """Make what grows one of the objects."""
        known = Known.of(self.shared)
        if known is None or self._grown is None or self._refuses(known):
            return
        try:
            labels = add_seed(known.embedding, known.foreground, known.labels, *self._grown)
        except BadArgument as error:
            self.message.blame(error)
            return
        known.write(labels)
        self.let_go()
        self.message.say(f"Object {labels.max()} added.")

    def let_go(self) -> None:
        """Let nothing grow."""
        self.overlays.drop("growing")
        self._grown = None

    def show_seeds(self) -> None:
        """Show a point an object, where that is wanted."""
        known = Known.of(self.shared)
        if known is None or not self.seeds.isChecked() or self._refuses(known):
            self.overlays.drop("seeds")
            return
        labels, before = known.labels, self.overlays.get("seeds")
        inner = [_innermost(labels == i) for i in np.unique(labels) if i]
        self._points = np.array(inner).reshape(-1, labels.ndim)
        layer = self.overlays.put("seeds", self._points, known.result, Points, size=4)
        if layer is not before:
            layer.events.data.connect(self._seeded)

    def _refuses(self, known: Known) -> bool:
        """Whether nothing can be changed from here, which is said."""
        if known.shares_pixels:
            self.message.say("Where objects may share pixels this is to look at only; paint on a Labels layer instead.")
        return known.shares_pixels

    def _grow(self, known: Known, place: tuple[int, ...], bandwidth: float) -> None:
        mask, _ = grow(known.embedding, known.foreground, place, bandwidth)
        self._grown = place, bandwidth
        self.overlays.put("growing", mask.astype(np.uint8), known.result, Labels)
        self.message.say(f"{int(mask.sum())} px. Wheel: larger or smaller. Enter or Keep: keep it.")

    def _seeded(self, event: Any) -> None:
        """A seed was added, moved or deleted: only its neighbourhood is clustered anew."""
        known = Known.of(self.shared)
        if known is None or event.action not in DONE:
            return
        after, before = np.asarray(event.source.data), self._points
        gone = [p for p in before if not _among(p, after)]
        new = [p for p in after if not _among(p, before)]
        if not gone and not new:
            return  # they were set from here
        labels = known.labels
        try:
            for point in gone:
                label = int(labels[tuple(np.round(point).astype(int))])
                if label:
                    labels = remove_object(known.embedding, labels, label, known.reach)
            for point in new:
                place = tuple(np.clip(np.round(point).astype(int), 0, np.array(labels.shape) - 1))
                labels = add_seed(known.embedding, known.foreground, labels, place, known.reach)
        except BadArgument as error:
            self.message.blame(error)
        self._points = after.copy()
        known.write(labels)


def _innermost(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The pixel of a mask that lies furthest from its border."""
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(np.pad(mask, 1))
    return np.array(np.unravel_index(int(depth.argmax()), depth.shape), float) - 1


def _among(point: np.ndarray, points: np.ndarray) -> bool:
    return bool(len(points)) and bool((np.abs(points - point).max(axis=1) < 1e-6).any())
