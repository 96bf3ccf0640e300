"""Aids: layers of our own that lie over a result to be looked at, and are no data of anybody's."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels, Points

from napari_discern.gui.layers.source import AID
from napari_discern.gui.segment.panel import SegmentPanel
from napari_discern.gui.work.session import Session


class Aids:
    """Layers by name, over the result of Segment; those that a person took out of the viewer are made anew."""

    def __init__(self, session: Session, segment: SegmentPanel) -> None:
        self.session, self.segment = session, segment
        self._layers: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """The layer of that name, or None where it is not shown."""
        layer = self._layers.get(name)
        return layer if layer is not None and layer in self.session.viewer.layers else None

    def put(self, name: str, data: np.ndarray, labels: bool = False, **looks: Any) -> None:
        """Show an array, as an image or as labels."""
        layer = self.get(name)
        if layer is not None and layer.data.shape == data.shape:
            layer.data = data
            return
        kind: Any = Labels if labels else ImageLayer
        self._show(name, kind(data, name=name, **self._place(), **looks))

    def put_points(self, name: str, places: np.ndarray, **looks: Any) -> Any:
        """Show points, (n, axes) in pixels of the result, and return their layer."""
        layer = self.get(name)
        if layer is None:
            layer = Points(places, name=name, ndim=places.shape[1], **self._place(), **looks)
            self._show(name, layer)
            return layer
        with layer.events.data.blocker():
            layer.data = places
        for look, value in looks.items():
            setattr(layer, look, value)
        return layer

    def drop(self, name: str) -> None:
        """Show it no longer."""
        layer = self.get(name)
        self._layers.pop(name, None)
        if layer is not None:
            self.session.viewer.layers.remove(layer)

    def _show(self, name: str, layer: Any) -> None:
        self.drop(name)
        self._layers[name] = layer
        self.session.add(layer)

    def _place(self) -> dict[str, Any]:
        result = self.segment.result
        where = {"scale": result.scale, "translate": result.translate} if result is not None else {}
        return {**where, "metadata": {AID: True}}
