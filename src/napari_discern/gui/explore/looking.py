"""Looking: the embedding as colours, as likeness to a pixel, as ambiguity, and as points in the plane."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtWidgets import QComboBox, QWidget

from napari_discern.clustering import margins, similarity
from napari_discern.gui.explore.known import Known
from napari_discern.gui.explore.scatter import Scatter
from napari_discern.gui.layers.overlays import Overlays
from napari_discern.gui.widgets.layout import stack, tick, tipped
from napari_discern.gui.widgets.message import Message
from napari_discern.gui.work.shared import Shared
from napari_discern.pictures import as_colours, principal_axes, random_axes

COLOURS = ("Off", "Principal axes", "Random axes")
BLOCK = 64
"""Side in pixels of the parts of an image that are compared by how ambiguous they are."""


class Looking(QWidget):
    """What to show of the embedding, on layers; the points are drawn on `scatter`, which lies elsewhere."""

    def __init__(self, shared: Shared, overlays: Overlays, message: Message) -> None:
        super().__init__()
        self.shared, self.overlays, self.message = shared, overlays, message
        tip = "Three directions of the embedding as red, green and blue; alike pixels look alike."
        self.colours = tipped(QComboBox(), tip)
        self.colours.addItems(COLOURS)
        self.alike = tick(
            "Like the pixel under the &cursor", "Bright where the embedding is like that of the pixel under the cursor."
        )
        self.doubt = tick(
            "Where it is &ambiguous",
            "Bright where a pixel lies about as near to another object's mean as to its own's.",
            self._show_doubt,
        )
        self.scatter = Scatter()
        stack(self, [("Embedding as c&olours", self.colours)], self.alike, self.doubt, bare=True)
        self.colours.currentIndexChanged.connect(self.refresh)
        self.alike.toggled.connect(lambda _: overlays.drop("similarity"))
        self.scatter.lassoed.connect(self._lassoed)

    def refresh(self) -> None:
        """Draw anew what is switched on, for the last result."""
        known = Known.of(self.shared)
        if known is not None:
            self._show_colours(known)
            self._show_doubt()
            self.scatter.show_embedding(known.embedding, known.labels, self._axes(known, 2), known.reach)

    def hover(self, known: Known, place: tuple[int, ...]) -> None:
        """Show how much all pixels are like this one, where that is wanted."""
        if self.alike.isChecked():
            self._light_up("similarity", similarity(known.first.embedding, place), known, colormap="viridis")

    def _axes(self, known: Known, count: int) -> NDArray[np.float32]:
        if self.colours.currentText() == COLOURS[2]:
            return random_axes(len(known.embedding), count)
        return principal_axes(known.embedding, known.foreground, count)

    def _show_colours(self, known: Known) -> None:
        if self.colours.currentIndex() == 0:
            self.overlays.drop("embedding")
            return
        picture = as_colours(known.embedding, known.foreground, self._axes(known, 3))
        self.overlays.put("embedding", picture, known.result, rgb=True)

    def _show_doubt(self) -> None:
        known = Known.of(self.shared)
        if known is None or not self.doubt.isChecked():
            self.overlays.drop("ambiguity")
            return
        labels = np.unique(known.labels, return_inverse=True)[1].reshape(known.labels.shape).astype(np.uint32)
        doubt = margins(known.embedding, labels).ambiguity
        self._light_up("ambiguity", doubt, known, colormap="inferno", blending="additive")
        if doubt.ndim == 2:
            corners = itertools.product(*(range(0, n, BLOCK) for n in doubt.shape))
            _, y, x = max((float(doubt[y : y + BLOCK, x : x + BLOCK].mean()), y, x) for y, x in corners)
            self.message.say(f"Most worth labelling next: around y {y + BLOCK // 2}, x {x + BLOCK // 2}.")

    def _light_up(self, name: str, values: NDArray[np.float32], known: Known, **looks: Any) -> None:
        self.overlays.put(name, values, known.result, contrast_limits=(0, 1), opacity=0.7, **looks)

    def _lassoed(self, pixels: NDArray[np.int64]) -> None:
        known = Known.of(self.shared)
        if known is not None:
            mask = np.zeros(known.labels.shape, np.uint8)
            mask.flat[pixels] = 1
            self.overlays.put("lasso", mask, known.result, Labels)
