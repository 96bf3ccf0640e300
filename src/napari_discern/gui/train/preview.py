"""Preview: what the model finds by now in what is on screen, every few seconds while it learns."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from numpy.typing import NDArray

from napari_discern.errors import OutOfMemory
from napari_discern.gui.layers.overlays import OVERLAY
from napari_discern.gui.layers.source import LayerSource, place_of
from napari_discern.gui.work.session import Session
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.model import Model, find_objects
from napari_discern.progress import Progress, Steps, passed_on

EVERY = 4.0
"""Seconds between two previews."""
SIDE = {2: 512, 3: 64}
"""Pixels along each axis that a preview looks at, at most, by the dimensions of the model."""


@dataclass(frozen=True)
class PreviewBox:
    """A part of an image layer that a model can be tried on: what was shown when the training began."""

    layer: ImageLayer
    image: Image
    box: tuple[slice, ...]

    @classmethod
    def of(cls, source: LayerSource, viewer: object) -> PreviewBox:
        """What the viewer shows of an image now, no larger than a preview may be."""
        box = source.visible(viewer)
        side = SIDE[len(box)]
        small = tuple(slice(b.start, min(b.stop, b.start + side)) for b in box)
        return cls(source.layer, source.image(source.current(viewer)), small)


@dataclass(frozen=True)
class PreviewProgress(Progress):
    """Progress with the objects that the model finds by now in a box, uint32 (*S)."""

    labels: NDArray[np.uint32] | None = None
    box: PreviewBox | None = None


class PreviewLayer:
    """The layer that shows the newest preview, for as long as it is in the viewer."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._shown: Labels | None = None

    def show(self, progress: Progress) -> None:
        """Show what a progress bears of objects, if it does."""
        if not isinstance(progress, PreviewProgress) or progress.labels is None or progress.box is None:
            return
        if self._shown is not None and self._shown in self.session.viewer.layers:
            self._shown.data = progress.labels
            return
        place = place_of(progress.box.layer, [b.start for b in progress.box.box], progress.labels.ndim)
        self._shown = Labels(progress.labels, name="preview", opacity=0.5, metadata={OVERLAY: True}, **place)
        self.session.add(self._shown)

    def drop(self) -> None:
        """Take it out of the viewer."""
        if self._shown is not None and self._shown in self.session.viewer.layers:
            self.session.viewer.layers.remove(self._shown)
        self._shown = None


def with_preview(steps: Steps[Model], box: PreviewBox) -> Steps[Model]:
    """The same pipeline, which shows now and then what the model finds in a box, as long as there is memory."""
    patch: np.ndarray | None = None
    last = time.monotonic()

    def seen(progress: Progress) -> Progress:
        nonlocal patch, last
        if progress.peek is None or time.monotonic() - last <= EVERY:
            return progress
        model = progress.peek()
        settings = model.card.settings
        if patch is None:
            patch = settings.normalise(box.image)(box.image.read(box.box))
        try:
            labels = Instances.from_layers(find_objects(model.embed(patch), settings)).planes[0]
        except OutOfMemory:
            last = math.inf  # the training has the memory; that is no reason to stop it
            return progress
        last = time.monotonic()
        p = progress
        return PreviewProgress(p.stage, p.done, p.total, p.values, warning=p.warning, labels=labels, box=box)

    return passed_on(steps, seen)
